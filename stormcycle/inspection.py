"""What a single file is and how good it is: `stormcycle inspect`. Judged by content, never by extension."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.background.describe import described as described_grib
from stormcycle.feeds import ReadFailure, read_each, sniff
from stormcycle.radar.composite import read_radolan
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.gridding import is_echo
from stormcycle.satellite.describe import described_image, described_lightning, described_segment
from stormcycle.states import GranuleState
from stormcycle.times import iso

DESCRIBED: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "imager": described_image,
    "hrit": described_segment,
    "lightning": described_lightning,
    "grib": described_grib,
}
TITLES = {"hrit": "imager"}
"""Kinds of files as people see them, where a feed has its own way to write them."""
EXIT_CODES = {"ok": 0, "partial": 0, "corrupt": 3, "unknown": 5}


@dataclass(frozen=True)
class Inspection:
    """A file's kind, state (ok, partial, corrupt, or unknown: no granule of a feed we know), time, notes and figures."""

    kind: str
    state: str
    time: str | None
    notes: list[str]
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The inspection as JSON gives it."""
        return asdict(self)


def inspect_file(path: Path) -> Inspection:
    """Look into a file, in a child process that may crash. Raises FileNotFoundError."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    (found,) = read_each(look_into, [(path,)])
    if isinstance(found, ReadFailure):
        (sniffed,) = read_each(sniff, [(path,)])
        kind = "unknown" if isinstance(sniffed, ReadFailure) else TITLES.get(sniffed.kind, sniffed.kind)
        return Inspection(kind, str(GranuleState.CORRUPT) if kind != "unknown" else "unknown", None, [found.reason])
    return found


def look_into(path: Path) -> Inspection:
    """The inspection of a file, in this process; trouble of the readers is raised."""
    sniffed = sniff(path)
    if sniffed.kind == "unknown":
        return Inspection("unknown", "unknown", None, [sniffed.reason])
    if not sniffed.opens:
        return Inspection(TITLES.get(sniffed.kind, sniffed.kind), str(GranuleState.CORRUPT), None, [sniffed.reason])
    if sniffed.kind in DESCRIBED:
        return Inspection(**DESCRIBED[sniffed.kind](path, path.name))
    if sniffed.kind in ("sequence", "sweeps"):
        return _sequence(path, sniffed.kind)
    if sniffed.kind == "radolan":
        return _composite(path)
    volume = decode_volume(path, "nexrad" if sniffed.kind == "nexrad" else "odim", ("reflectivity", "zdr", "kdp", "phidp", "rhohv"))
    reflectivity = volume["reflectivity"].values
    echo, observed = is_echo(reflectivity), ~np.isnan(reflectivity)
    figures = {
        "site": volume.attrs["site"],
        "latitude": _number(volume.attrs["latitude"]),
        "longitude": _number(volume.attrs["longitude"]),
        "reader": volume.attrs["reader"],
        "sweeps": volume.sizes["sweeps"],
        "rays": volume.sizes["ray"],
        "gates": int(volume["gates"].max()),
        "elevations": [round(float(np.median(volume["elevation"].values[volume["sweep"].values == number])), 2) for number in range(volume.sizes["sweeps"])],
        "observed_share": _number(observed.mean()),
        "echo_share": _number(echo.sum() / max(observed.sum(), 1)),
        "share_at_20_dbz": _number((echo & (reflectivity >= 20)).sum() / max(observed.sum(), 1)),
        "highest_dbz": _number(reflectivity[echo].max()) if echo.any() else None,
        "moments": [name for name in map(str, volume.data_vars) if not np.isnan(volume[name].values).all()],
        "first_ray_time": volume.attrs["first_ray_time"],
        "last_ray_time": volume.attrs["last_ray_time"],
    }
    return Inspection(
        sniffed.kind, volume.attrs["state"], volume.attrs["declared_time"] or volume.attrs["first_ray_time"], list(volume.attrs["notes"]), figures
    )


def _sequence(path: Path, kind: str) -> Inspection:
    """A packed sequence: what it holds over time; its frames are judged when they are decoded."""
    with xr.open_dataset(path, engine="h5netcdf") as file:
        moments = [str(name) for name, variable in file.data_vars.items() if variable.ndim == 3]
        first = file[moments[0]]
        figures = {
            "reader": "xarray",
            "frames": first.shape[0],
            "shape": list(first.shape[1:]),
            "moments": moments,
            "units": [file[name].attrs.get("units") for name in moments],
            "missing_share": _number(np.isnan(first.values).mean()),
            "highest": _number(np.nanmax(first.values)),
        }
        timed = "time" in file.variables and file["time"].dtype.kind == "M"
        begin = iso(file["time"].values[0]) if timed else None
    what = "polar sweeps of one radar" if kind == "sweeps" else "gridded frames"
    told = "its times stand in the file." if timed else "its times are declared by the domain."
    return Inspection(kind, str(GranuleState.OK), begin, [f"A packed sequence of {what}; {told}"], figures)


def _composite(path: Path) -> Inspection:
    composite = read_radolan(path)
    ((name, values),) = composite.data_vars.items()
    figures = {
        "reader": composite.attrs["reader"],
        "product": composite.attrs["product"],
        "shape": list(values.shape),
        "moments": [str(name)],
        "units": [values.attrs["units"]],
        "minutes": int(composite.attrs["minutes"]),
        "missing_share": _number(np.isnan(values.values).mean()),
        "highest": _number(np.nanmax(values.values)),
    }
    return Inspection("radolan", str(GranuleState.OK), composite.attrs["time"], ["An observed composite of Deutscher Wetterdienst."], figures)


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
