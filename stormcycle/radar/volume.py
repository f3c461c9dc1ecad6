"""The polar volume as one Dataset: sweeps joined along rays, padded to the longest ray."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.states import NO_ECHO_DBZ, GranuleState
from stormcycle.times import Time, iso


class Unreadable(ValueError):
    """A granule that cannot be decoded, with the reason in a sentence."""


class WrongKind(ValueError):
    """A file that can be read and is no granule of this feed: a vertical scan, a forecast, a composite."""


def without_path(error: Exception, path: Path) -> str:
    """A reader's error in one line that may be released: without the path of the machine that it was read on."""
    return f"{type(error).__name__}: {' '.join(str(error).replace(str(path), 'the file').split())[:200]}"


@dataclass(frozen=True)
class Sweep:
    """One sweep as a reader gives it: moments (ray, gate), NaN not observed; `undetect` marks gates without echo.

    `declared_rays`: how many rays the file says that there are, where it does.
    """

    elevation: np.ndarray
    azimuth: np.ndarray
    time: np.ndarray
    gate_centres_m: np.ndarray
    moments: dict[str, np.ndarray]
    undetect: np.ndarray
    declared_rays: int | None = None


@dataclass(frozen=True)
class VolumeHeader:
    """What a file says of itself."""

    site: str
    latitude: float | None
    longitude: float | None
    altitude_m: float | None
    declared_time: Time | None
    reader: str
    notes: tuple[str, ...] = field(default=())
    gaps: tuple[str, ...] = field(default=())


def assemble_volume(header: VolumeHeader, sweeps: Sequence[Sweep], moments: Sequence[str]) -> xr.Dataset:
    """The volume of a file's sweeps, with those of the moments that any of them holds. Raises Unreadable when no sweep holds reflectivity.

    The attribute `state` is `partial` when sweeps or rays are missing; `notes` says which.
    """
    sweeps = [sweep for sweep in sweeps if "reflectivity" in sweep.moments]
    if not sweeps:
        raise Unreadable("The file holds no sweep with reflectivity.")
    rays, gates = sum(len(sweep.azimuth) for sweep in sweeps), max(len(sweep.gate_centres_m) for sweep in sweeps)
    held = [name for name in moments if any(name in sweep.moments for sweep in sweeps)]
    fields = {name: np.full((rays, gates), np.nan, "float32") for name in held}
    start = 0
    for sweep in sweeps:
        rows, columns = slice(start, start + len(sweep.azimuth)), slice(0, len(sweep.gate_centres_m))
        fields["reflectivity"][rows, columns] = np.where(sweep.undetect, NO_ECHO_DBZ, sweep.moments["reflectivity"])
        for name in set(held) & set(sweep.moments) - {"reflectivity"}:
            fields[name][rows, columns] = np.where(sweep.undetect, np.nan, sweep.moments[name])
        start = rows.stop
    gaps = [*header.gaps, *_incomplete(sweeps)]
    attributes = {
        "site": header.site,
        "latitude": header.latitude if header.latitude is not None else np.nan,
        "longitude": header.longitude if header.longitude is not None else np.nan,
        "altitude_m": header.altitude_m if header.altitude_m is not None else np.nan,
        "reader": header.reader,
        "declared_time": iso(header.declared_time) if header.declared_time is not None else "",
        "first_ray_time": iso(min(sweep.time.min() for sweep in sweeps)),
        "last_ray_time": iso(max(sweep.time.max() for sweep in sweeps)),
        "state": str(GranuleState.PARTIAL if gaps else GranuleState.OK),
        "notes": [*header.notes, *gaps],
    }
    return xr.Dataset(
        {name: (("ray", "gate"), values) for name, values in fields.items()},
        coords={
            "azimuth": ("ray", np.concatenate([sweep.azimuth for sweep in sweeps]).astype("float32")),
            "elevation": ("ray", np.concatenate([sweep.elevation for sweep in sweeps]).astype("float32")),
            "time": ("ray", np.concatenate([sweep.time for sweep in sweeps]).astype("datetime64[ns]")),
            "sweep": ("ray", np.repeat(np.arange(len(sweeps), dtype="int16"), [len(sweep.azimuth) for sweep in sweeps])),
            "first_gate_m": ("sweeps", np.array([sweep.gate_centres_m[0] for sweep in sweeps], "float64")),
            "gate_m": ("sweeps", np.array([np.diff(sweep.gate_centres_m[:2])[0] for sweep in sweeps], "float64")),
            "gates": ("sweeps", np.array([len(sweep.gate_centres_m) for sweep in sweeps], "int32")),
        },
        attrs=attributes,
    )


def join_scans(scans: Sequence[xr.Dataset], time: Time, wanted: int) -> xr.Dataset:
    """One volume of several volumes of one site, its sweeps in order of elevation, declared for a time; partial with fewer
    than `wanted` scans, or with a partial one.
    """
    ordered = sorted(scans, key=lambda scan: float(np.median(scan["elevation"].values)))
    names = list(dict.fromkeys(str(name) for scan in ordered for name in scan.data_vars))
    gates = max(scan.sizes["gate"] for scan in ordered)
    before = np.cumsum([0, *(scan.sizes["sweeps"] for scan in ordered)])
    fields = {
        name: np.concatenate(
            [
                np.pad(scan[name].values, ((0, 0), (0, gates - scan.sizes["gate"])), constant_values=np.nan)
                if name in scan
                else np.full((scan.sizes["ray"], gates), np.nan, "float32")
                for scan in ordered
            ]
        )
        for name in names
    }
    by_ray = {name: np.concatenate([scan[name].values for scan in ordered]) for name in ("azimuth", "elevation", "time")}
    by_sweep = {name: np.concatenate([scan[name].values for scan in ordered]) for name in ("first_gate_m", "gate_m", "gates")}
    sweep = np.concatenate([scan["sweep"].values + first for scan, first in zip(ordered, before, strict=False)]).astype("int16")
    there = len({round(float(np.median(scan["elevation"].values)), 1) for scan in scans})  # one that came twice stands for no other
    missing = [f"{there} of {wanted} scans of the volume are there."] if there < wanted else []
    partial = missing or any(scan.attrs["state"] == GranuleState.PARTIAL for scan in ordered)
    return xr.Dataset(
        {name: (("ray", "gate"), values) for name, values in fields.items()},
        coords={
            **{name: ("ray", values) for name, values in by_ray.items()},
            "sweep": ("ray", sweep),
            **{name: ("sweeps", values) for name, values in by_sweep.items()},
        },
        attrs={
            **ordered[0].attrs,
            "declared_time": iso(time),
            "first_ray_time": min(scan.attrs["first_ray_time"] for scan in ordered),
            "last_ray_time": max(scan.attrs["last_ray_time"] for scan in ordered),
            "state": str(GranuleState.PARTIAL if partial else GranuleState.OK),
            "notes": [*missing, *(note for scan in ordered for note in scan.attrs["notes"])],
        },
    )


def _incomplete(sweeps: Sequence[Sweep]) -> list[str]:
    """Sentences on sweeps that miss rays of the full circle (some scans have 357 or 361) or hold no value."""
    sentences = []
    for number, sweep in enumerate(sweeps):
        spacing = float(np.median(np.diff(np.sort(sweep.azimuth)))) if len(sweep.azimuth) > 1 else 1.0
        wanted = max(round(360.0 / spacing), sweep.declared_rays or 0)
        if len(sweep.azimuth) < 0.95 * wanted:
            sentences.append(f"Sweep {number} has {len(sweep.azimuth)} of {wanted} rays.")
        if np.isnan(sweep.moments["reflectivity"]).all() and not sweep.undetect.any():
            sentences.append(f"Sweep {number} holds no value at all.")
    return sentences
