"""Volumes that come as one ODIM_H5 file a moment: the files are joined to one, which is decoded as any other volume.

Runs in a child process (stormcycle.feeds.read_each).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.feeds.sniffing import sniff
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.odim import QUANTITIES
from stormcycle.radar.volume import Unreadable, WrongKind
from stormcycle.states import GranuleState
from stormcycle.times import Time

SAME_SWEEP = np.timedelta64(30, "s")
"""Moments of one sweep begin together; the next sweep of that elevation follows a volume later, minutes at least."""
SAME_PLACE_DEG, SAME_ELEVATION_DEG, SAME_RANGE_M = 0.01, 0.05, 1.0
PHASES = ("kdp", "phidp")
"""Either gives the other's product."""
Troubles = dict[str, tuple[GranuleState, str]]


@dataclass(frozen=True)
class Joined:
    """The volume of some files; None where none with reflectivity can be used. `carrier`: the file with the reflectivity;
    `troubles`: state and sentence of the files that were left out.
    """

    volume: xr.Dataset | None
    carrier: str
    troubles: Troubles


def decode_moments(files: Sequence[tuple[Path, str]], moments: Sequence[str]) -> Joined:
    """The polar volume (see stormcycle.radar) of a site's files (path, name) of one time, each with other moments of its sweeps.

    `moments` beside reflectivity. Partial, with a note, when one of them is absent, or absent from a sweep.
    """
    troubles: Troubles = {}
    held = {name: (path, quantities) for path, name in files if (quantities := _quantities(path, name, troubles))}
    carrier = next((name for wanted in QUANTITIES["reflectivity"] for name, (_, quantities) in held.items() if wanted in quantities), None)
    if carrier is None:
        return Joined(None, "", troubles)
    with TemporaryDirectory(prefix="stormcycle-") as folder:
        whole = Path(folder) / "volume.h5"
        gaps = _joined(whole, held[carrier][0], {name: path for name, (path, _) in held.items() if name != carrier}, troubles)
        try:
            volume = decode_volume(whole, "odim", moments)
        except (Unreadable, WrongKind) as error:
            state = GranuleState.MISPLACED if isinstance(error, WrongKind) else GranuleState.CORRUPT
            return Joined(None, carrier, {**troubles, carrier: (state, f"{carrier}: {error}")})
    phase = any(name in volume for name in PHASES)
    absent = [name for name in moments if name not in volume and not (phase and name in PHASES)]
    gaps += [f"No file of the volume holds {name}." for name in absent]
    state = GranuleState.PARTIAL if gaps else GranuleState(volume.attrs["state"])
    return Joined(volume.assign_attrs(state=str(state), notes=[*volume.attrs["notes"], *gaps]), carrier, troubles)


def _quantities(path: Path, name: str, troubles: Troubles) -> set[str]:
    """The ODIM quantities that a file holds; none, and a trouble, for what is no polar volume."""
    import h5py

    found = sniff(path)
    if found.kind != "odim" or not found.recognised:
        state = GranuleState.MISPLACED if found.recognised else GranuleState.CORRUPT
        troubles[name] = (state, f"{name}: {found.reason or 'no polar volume of ODIM_H5'}")
        return set()
    try:
        with h5py.File(path, "r") as file:
            quantities = {quantity for dataset in _datasets(file) for quantity in _data(file[dataset])}
    except (OSError, KeyError, RuntimeError) as error:
        troubles[name] = (GranuleState.CORRUPT, f"{name} cannot be read: {' '.join(str(error).split())}.")
        return set()
    if not quantities:
        troubles[name] = (GranuleState.CORRUPT, f"{name} holds no moment at all.")
    return quantities


def _joined(whole: Path, carrier: Path, others: dict[str, Path], troubles: Troubles) -> list[str]:
    """Write the carrier with what the other files hold of its sweeps; a sentence for each file that lacks some of them."""
    import h5py

    shutil.copyfile(carrier, whole)
    gaps = []
    with h5py.File(whole, "r+") as volume:
        for name, path in others.items():
            try:
                with h5py.File(path, "r") as part:
                    if not _same_place(volume, part):
                        troubles[name] = (GranuleState.MISPLACED, f"{name} is of a radar that stands elsewhere than that of the reflectivity.")
                        continue
                    copied = _copied(volume, part)
            except (OSError, KeyError, ValueError, RuntimeError) as error:
                troubles[name] = (GranuleState.CORRUPT, f"{name} cannot be read: {' '.join(str(error).split())}.")
                continue
            sweeps = len(_datasets(volume))
            if copied == 0:
                troubles[name] = (GranuleState.MISPLACED, f"{name} holds no sweep of the volume: it is of another time or scan, or holds nothing new.")
            elif copied < sweeps:
                gaps.append(f"{name} holds {copied} of the {sweeps} sweeps of the volume.")
    return gaps


def _copied(volume: Any, part: Any) -> int:
    """Copy what a file holds to the sweeps of a volume that it belongs to; of how many sweeps it held something new."""
    found = []
    for dataset in _datasets(part):
        sweep = next((name for name in _datasets(volume) if _same_sweep(volume[name], part[dataset])), None)
        there = _data(volume[sweep]) if sweep is not None else {}
        new = {quantity: data for quantity, data in _data(part[dataset]).items() if quantity not in there}
        for data in new.values():
            part[dataset][data]["data"][()]  # a chunk that is damaged must not be copied: the whole volume would be unreadable
        found += [(part[dataset][data], sweep) for data in new.values() if sweep is not None]
    for source, sweep in found:
        numbers = [int(name.removeprefix("data")) for name in _data(volume[sweep]).values()]
        part.copy(source, volume[sweep], name=f"data{max(numbers) + 1}")
    return len({sweep for _, sweep in found})


def _datasets(file: Any) -> list[str]:
    """The sweeps of a file, in their order."""
    return sorted((name for name in file if name.startswith("dataset")), key=lambda name: int(name.removeprefix("dataset")))


def _data(dataset: Any) -> dict[str, str]:
    """The group of each quantity of a sweep."""
    return {_text(dataset[name]["what"].attrs["quantity"]): name for name in dataset if name.startswith("data")}


def _same_place(volume: Any, part: Any) -> bool:
    return all(abs(_number(volume["where"].attrs[key]) - _number(part["where"].attrs[key])) < SAME_PLACE_DEG for key in ("lat", "lon"))


def _same_sweep(mine: Any, other: Any) -> bool:
    """Whether two sweeps are one: gates, rays, elevation and time."""
    where, there = mine["where"].attrs, other["where"].attrs
    tolerances = {"elangle": SAME_ELEVATION_DEG, "nbins": 0.5, "nrays": 0.5, "rscale": SAME_RANGE_M, "rstart": SAME_RANGE_M / 1000.0}
    return all(abs(_number(where[key]) - _number(there[key])) < tolerance for key, tolerance in tolerances.items()) and bool(
        abs(_start(mine) - _start(other)) <= SAME_SWEEP
    )


def _start(dataset: Any) -> Time:
    what = dataset["what"].attrs
    return np.datetime64(datetime.strptime(_text(what["startdate"]) + _text(what["starttime"]), "%Y%m%d%H%M%S"), "s")


def _number(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _text(value: Any) -> str:
    """An ODIM attribute as text: some vendors write arrays, some a trailing NUL."""
    first = np.asarray(value).reshape(-1)[0]
    return (first.decode("latin-1") if isinstance(first, bytes) else str(first)).strip("\0 ")
