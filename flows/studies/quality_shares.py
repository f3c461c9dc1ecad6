"""`make quality-shares`: what each step of quality control rejects on each real volume; docs/quality_control.md and pictures."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.progress import track

from flows.studies.tables import markdown
from stormcycle.domain import PackedSequence, Quality, Site
from stormcycle.feeds import ReadFailure, read_each, sniff
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.pictures import draw_quality
from stormcycle.radar.quality import GateFlag, checked, cleaned
from stormcycle.radar.sequence import decode_sweeps
from stormcycle.states import NO_ECHO_DBZ

DOCS = Path(__file__).parents[2] / "docs"
QUALITY = Quality.model_validate(
    {"max_range_km": 230.0, "noise_floor_dbz": 5.0, "non_meteorological": {}, "static_clutter": {}, "speckle": {}, "attenuation": {}}
)
STEPS = (GateFlag.BELOW_NOISE, GateFlag.NOT_WEATHER, GateFlag.STATIC_CLUTTER, GateFlag.SPECKLE)
PICTURES = {
    "KDMX20220305_232324_trimmed3sweeps.bin": "quality_kdmx.png",
    "dwd_dx_fbg_20080602.nc": "quality_feldberg.png",
    "KHTX20080411_183137.gz": "quality_khtx.png",
}
MOMENTS = ("reflectivity", "zdr", "kdp", "phidp", "rhohv")
Row = dict[str, Any]


def main() -> None:
    """Measure every volume that can be read, draw three, write the document."""
    folder = Path(os.environ["STORMCYCLE_DATA"]) / "radar"
    files = sorted(path for part in ("nexrad_l2", "odim_h5", "dwd_radolan") for path in (folder / part).rglob("*") if path.is_file())
    (DOCS / "pictures").mkdir(parents=True, exist_ok=True)
    rows = []
    for file in track(files, "volumes"):
        (found,) = read_each(measured, [(file, DOCS / "pictures")])
        if isinstance(found, dict):
            rows.append(found)
        elif isinstance(found, ReadFailure) and found.error not in ("Unreadable", "WrongKind"):
            raise RuntimeError(f"{file.name}: {found.reason}")
    lines = [
        "# What quality control rejects",
        "",
        "Made by `make quality-shares`: every real volume of the samples that can be read, with the default settings of each step, range 230 km, noise floor",
        "5 dBZ. Shares are of the echo gates within range, in percent, in the order of the steps; a gate may be rejected by more than one. `not weather` needs",
        "RhoHV: a dash where there is none. `pia`: the 99th percentile of the path-integrated attenuation (dB) over echo gates, as a C band radar would be",
        "corrected (the NEXRAD radars are S band: no domain corrects them). Sources of the steps: stormcycle/radar/quality.",
        "",
        *markdown(rows),
        "",
        "## Before and after",
        "",
        "Where this loses: the outline test of static clutter also takes small or ragged showers (the orange patches far from the radars below); a domain that",
        "would rather keep them lowers `static_clutter.least_compactness`. A rejected gate is not observed, so other beams and radars speak for its pixel.",
        "",
        *(f"![{name}](pictures/{picture})" for name, picture in PICTURES.items()),
    ]
    (DOCS / "quality_control.md").write_text("\n".join(lines) + "\n")


def measured(file: Path, pictures: Path) -> Row | None:
    """The shares of one file, None where it holds no volume; draws its picture if it is one of those. Runs in a child process."""
    warnings.simplefilter("ignore")
    volume = _volume(file)
    if volume is None:
        return None
    site = Site(latitude=0.0, longitude=0.0, altitude_m=0.0)  # no terrain is given: where the radar stands does not matter
    found = checked(volume, QUALITY, file.name, site, MOMENTS)
    flags = found["flags"].values
    if file.name in PICTURES:
        draw_quality(volume, flags, cleaned(volume, found[["flags"]], ("reflectivity",)), file.name, pictures / PICTURES[file.name])
    echo = (volume["reflectivity"].values > NO_ECHO_DBZ) & ((flags & GateFlag.BEYOND_RANGE) == 0)
    count = max(int(echo.sum()), 1)
    shares = {str(flag.name).lower().replace("_", " "): _percent(((flags & flag) > 0)[echo].sum(), count) for flag in STEPS}
    if "rhohv" not in volume:
        shares["not weather"] = ""
    unrejected = echo & (flags == 0)
    pia = f"{np.percentile(found['attenuation'].values[unrejected], 99):.1f}" if unrejected.any() else ""
    return {"file": file.name, "echo gates": int(echo.sum()), **shares, "kept": _percent(unrejected.sum(), count), "pia": pia}


def _percent(part: int, whole: int) -> str:
    return f"{100.0 * part / whole:.2f}"


def _volume(file: Path) -> xr.Dataset | None:
    kind = sniff(file)
    if kind.kind == "sweeps":
        packed = PackedSequence.model_validate({"file": file.name, "first_frame_time": "2008-06-02T16:00:00Z", "step_minutes": 5, "elevation_deg": 0.8})
        return decode_sweeps(file, [12], MOMENTS, packed)[0]
    if kind.kind not in ("nexrad", "odim"):
        return None
    return decode_volume(file, "nexrad" if kind.kind == "nexrad" else "odim", MOMENTS)


if __name__ == "__main__":
    main()
