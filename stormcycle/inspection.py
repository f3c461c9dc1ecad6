"""What a single file is and how good it is: `stormcycle inspect`. Judged by content, never by extension."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.feeds import ReadFailure, read_each, sniff
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.gridding import is_echo
from stormcycle.states import GranuleState

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
        kind = "unknown" if isinstance(sniffed, ReadFailure) else sniffed.kind
        return Inspection(kind, str(GranuleState.CORRUPT) if kind != "unknown" else "unknown", None, [found.reason])
    return found


def look_into(path: Path) -> Inspection:
    """The inspection of a file, in this process; trouble of the readers is raised."""
    sniffed = sniff(path)
    if sniffed.kind == "unknown":
        return Inspection("unknown", "unknown", None, [sniffed.reason])
    if not sniffed.opens:
        return Inspection(sniffed.kind, str(GranuleState.CORRUPT), None, [sniffed.reason])
    if sniffed.kind == "sequence":
        return _sequence(path)
    volume = decode_volume(path, sniffed.kind, ("reflectivity", "zdr", "kdp"))
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


def _sequence(path: Path) -> Inspection:
    import h5py

    with h5py.File(path, "r") as file:
        frames, rows, columns = file["dbz"].shape
        moments = [name for name in ("dbz", "zdr", "kdp") if name in file]
    return Inspection(
        "sequence",
        str(GranuleState.OK),
        None,
        ["A packed sequence of gridded frames; its times are declared by the domain."],
        {"frames": frames, "rows": rows, "columns": columns, "moments": moments},
    )


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
