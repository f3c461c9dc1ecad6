"""`make texture-study`: the texture of simulated rain beside real rain; docs/texture.md and the picture of one simulated time."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pysteps.utils.spectral import rapsd
from rich.progress import track
from scipy.signal import correlate
from scipy.signal.windows import tukey

from flows.studies.nature_picture import draw_nature
from flows.studies.tables import markdown
from stormcycle.datasets import read_sequence
from stormcycle.domain import load_domain
from stormcycle.simulator.nature import columns, seconds_of, world_of
from stormcycle.simulator.nature.profiles import reflectivity_at

DOCS = Path(__file__).parents[2] / "docs"
REAL = {
    "nju_cpol/nju_cpol_001_3.0km.nc": 1.0,
    "nju_cpol/nju_cpol_003_3.0km.nc": 1.0,
    "nju_cpol/nju_cpol_004_3.0km.nc": 1.0,
    "nju_cpol/nju_cpol_005_3.0km.nc": 1.0,
    "gridded/fmi_composite_20160928.nc": 1.0,
    "gridded/knmi_rap_20100826.nc": 1.0,
    "gridded/mch_aqc_20160711.nc": 1.0,
    "gridded/mch_aqc_20170131.nc": 1.0,
    "gridded/mrms_preciprate_20190610.nc": 1.0,
    "gridded/bom_c10_66_20201031.nc": 0.5,
    "gridded/bom_cscn_2_20180616.nc": 0.5,
}
"""Every real sequence of about 1 km and at most 10 min, with its pixel in km (MRMS: 1.1 km by 0.9 km)."""
SEEDS = (101, 102, 103, 104, 105, 106)
"""Worlds that nobody looked at while nature was written."""
HOURS = 4
STEP_MINUTES = 6
FLOOR_DBZ = 10.0
LEAST_WET = 0.01
WAVES_KM = (4.0, 64.0)
LEADS_MINUTES = (30, 60)
THRESHOLDS_DBZ = (20.0, 30.0)
FASTEST_M_S = 25.0
MOVED_EVERY = 3
SPREAD = (("least", np.min), ("median", np.median), ("greatest", np.max))
REMARKS = (
    "Few events are a range, not a climate. Left where they are, simulated storms lose more of their CSI than most real ones: their flow is 7-16 m/s and",
    "their lines stand across it, where much real rain is wide or lies along its motion; what change alone takes (`moved`) is as in real rain.",
    "The spectra are steeper than most of the instantaneous real ones (NJU-CPOL, FMI, MRMS), which carry a radar's noise; accumulations are smoother.",
)
Row = dict[str, Any]


def main() -> None:
    """Measure real and simulated sequences, draw one time, write the document."""
    folder = Path(os.environ["STORMCYCLE_DATA"]) / "radar"
    real = [_real(folder / name, pixel) for name, pixel in track(REAL.items(), "real sequences")]
    simulated = [measured(f"seed {seed}", np.stack(list(_simulated(seed))), float(STEP_MINUTES), 1.0) for seed in track(SEEDS, "simulated sequences")]
    draw_nature(DOCS / "pictures" / "nature.png")
    lines = [
        "# The texture of simulated rain beside real rain",
        "",
        "Made by `make texture-study`. `wet %`: share of pixels of at least 20 dBZ. `slope`: of the radially averaged power spectrum of dBZ above",
        f"{FLOOR_DBZ:.0f} dBZ between wavelengths of {WAVES_KM[0]:.0f} and {WAVES_KM[1]:.0f} km, of frames that are at least {100 * LEAST_WET:.0f} % wet",
        "(a dash: there is none). `CSI`: the critical success index of a field left where it is, counts pooled over the sequence. `moved`: that of 20 dBZ at",
        "60 min after the one shift of the whole field that makes it greatest, so what is lost there is lost by change, not by motion.",
        "Real: every sequence of the samples of about 1 km and at most 10 min (half-kilometre pixels averaged to kilometres). Simulated: reflectivity",
        f"1.5 km above the sea, {HOURS} h of {STEP_MINUTES} min on 256 by 256 km of the domain `demo`, worlds that nobody looked at while nature was written.",
        "",
        "## Spread",
        "",
        *markdown(_spread(real, simulated)),
        "",
        *REMARKS,
        "",
        "## Real sequences",
        "",
        *markdown(real),
        "",
        "## Simulated sequences",
        "",
        *markdown(simulated),
        "",
        "## One simulated time",
        "",
        "![rain, moisture and wind, temperature, pressure, clouds, flashes](pictures/nature.png)",
    ]
    (DOCS / "texture.md").write_text("\n".join(lines) + "\n")


def _spread(real: list[Row], simulated: list[Row]) -> list[Row]:
    """Least, median and greatest of both for each figure, and how many seeds lie within the real range."""
    rows = []
    for name in list(real[0])[2:]:
        true, made = (np.array([row[name] for row in rows if row[name] is not None]) for rows in (real, simulated))
        inside = np.sum((made >= true.min()) & (made <= true.max()))
        figures = {f"{kind} {what}": float(of(values)) for kind, values in (("real", true), ("simulated", made)) for what, of in SPREAD}
        rows.append({"figure": name, **figures, "seeds within": f"{inside} of {len(made)}"})
    return rows


def measured(name: str, dbz: np.ndarray, step_minutes: float, pixel_km: float) -> Row:
    """One row of the table: of a sequence (time, y, x) in dBZ, NaN where nothing was observed."""
    row: Row = {"sequence": name, "frames": len(dbz), "wet %": 100 * float(np.nanmean(dbz >= THRESHOLDS_DBZ[0])), "slope": slope(dbz, pixel_km)}
    for threshold in THRESHOLDS_DBZ:
        for lead in LEADS_MINUTES:
            row[f"CSI {threshold:.0f} dBZ {lead} min"] = persistence_csi(dbz, threshold, round(lead / step_minutes))
    row["moved"] = moved_csi(dbz, THRESHOLDS_DBZ[0], round(LEADS_MINUTES[-1] / step_minutes), round(FASTEST_M_S * LEADS_MINUTES[-1] * 0.06 / pixel_km))
    return row


def slope(dbz: np.ndarray, pixel_km: float) -> float | None:
    """The slope of the radially averaged power spectrum between the wavelengths WAVES_KM, mean over wet frames; None without any.

    The field is dBZ above FLOOR_DBZ on its greatest central square, tapered to its edge so that the edge is no structure.
    """
    size = min(dbz.shape[1:])
    taper = tukey(size, 0.2)
    wet = [frame[:size, :size] for frame in dbz if np.nanmean(frame >= THRESHOLDS_DBZ[0]) >= LEAST_WET]
    spectra = []
    for frame in wet:
        rain = np.maximum(np.nan_to_num(frame, nan=FLOOR_DBZ), FLOOR_DBZ) - FLOOR_DBZ
        power, frequency = rapsd((rain - rain.mean()) * taper[:, None] * taper[None, :], fft_method=np.fft, return_freq=True, d=pixel_km)
        spectra.append(power)
    if not spectra:
        return None
    with np.errstate(divide="ignore"):
        wave = 1.0 / frequency
    inside = (wave >= WAVES_KM[0]) & (wave <= WAVES_KM[1])
    return float(np.polyfit(np.log(frequency[inside]), np.log(np.mean(spectra, axis=0)[inside]), 1)[0])


def persistence_csi(dbz: np.ndarray, threshold: float, frames: int) -> float | None:
    """The critical success index of a field left as it is for so many frames, counts pooled over the sequence; None without events."""
    before, after = dbz[:-frames], dbz[frames:]
    both = np.isfinite(before) & np.isfinite(after)
    hits = np.sum((before >= threshold) & (after >= threshold) & both)
    events = np.sum(((before >= threshold) | (after >= threshold)) & both)
    return float(hits / events) if events else None


def moved_csi(dbz: np.ndarray, threshold: float, frames: int, farthest: int) -> float | None:
    """The same after the one shift of the whole field, of at most `farthest` pixels along each axis, that makes it greatest."""
    hits = events = 0.0
    for before, after in zip(dbz[:-frames:MOVED_EVERY] >= threshold, dbz[frames::MOVED_EVERY] >= threshold, strict=True):
        if min(before.mean(), after.mean()) < LEAST_WET:
            continue
        whole = np.ones(before.shape)
        # by shift: how often both are wet, and how often either is, where the shifted field still covers the other
        both, left, right = _by_shift(after, before, farthest), _by_shift(whole, before, farthest), _by_shift(after, whole, farthest)
        either = left + right - both
        best = np.unravel_index(np.argmax(both / np.maximum(either, 1.0)), both.shape)
        hits, events = hits + both[best], events + either[best]
    return float(hits / events) if events else None


def _by_shift(later: np.ndarray, earlier: np.ndarray, farthest: int) -> np.ndarray:
    """The sum of products of two fields for each shift of the earlier one of at most so many pixels along each axis."""
    down, right = (slice(max(size - 1 - farthest, 0), size + farthest) for size in later.shape)
    sums: np.ndarray = correlate(later.astype("float64"), earlier.astype("float64"), mode="full", method="fft")
    return sums[down, right]


def _real(path: Path, pixel_km: float) -> Row:
    """The row of a real sequence; half-kilometre pixels are averaged to kilometres (as reflectivity factors)."""
    sequence = read_sequence(path)
    dbz, factor = sequence["reflectivity"].values, round(1.0 / pixel_km)
    if factor > 1:
        frames, rows, cols = dbz.shape
        power = (10.0 ** (0.1 * dbz)).reshape(frames, rows // factor, factor, cols // factor, factor).mean(axis=(2, 4))
        dbz = 10.0 * np.log10(power)
    return measured(path.stem, dbz, float(sequence.attrs["step_minutes"]), 1.0)


def _simulated(seed: int) -> Iterator[np.ndarray]:
    """Reflectivity (dBZ) 1.5 km above the sea, 256 km by 256 km of the demo domain at 1 km, by STEP_MINUTES."""
    world = world_of(load_domain("demo"), seed)
    along = (np.arange(256) - 127.5) * 1000.0
    x, y = np.meshgrid(along + world.centre_m[0], along[::-1] + world.centre_m[1])
    start = seconds_of(np.datetime64("2026-07-01T12:00:00", "s"))
    for count in range(HOURS * 60 // STEP_MINUTES):
        yield reflectivity_at(columns(world, start + count * STEP_MINUTES * 60.0, x, y), 1500.0, world.freezing_level_m)[0]


if __name__ == "__main__":
    main()
