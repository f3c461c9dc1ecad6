"""What one file of an imager or a lightning mapper is and holds: `stormcycle inspect`. Runs in a child process (stormcycle.feeds.read_each)."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.satellite import abi, hrit
from stormcycle.satellite.errors import Unreadable
from stormcycle.satellite.files import laid_out
from stormcycle.satellite.lcfa import NAME as LCFA_NAME
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.satellite.losses import losses
from stormcycle.states import GranuleState
from stormcycle.times import iso

READERS = {"L1b-Rad": "abi_l1b", "L2-CMIP": "abi_l2_nc"}


def described_image(path: Path, name: str) -> dict[str, Any]:
    """The kind (`imager`), state, time (start of the scan), notes and figures of an ABI file; under another name than its own by
    the one that it holds. Raises Unreadable for a file that is cut or without any value, WrongKind when name and content disagree.
    """
    own = name if abi.NAME.fullmatch(name) else own_name(path)
    named = abi.NAME.fullmatch(own)
    if named is None:
        raise Unreadable(f"{name} does not say of what channel, scene and time it is, in its name or in itself.")
    identity = abi.identify(path, own, named["channel"])
    values, start, end = _calibrated(path, own, READERS[named["product"]], named["channel"])
    flags, meanings = abi.quality_flags(path, slice(0, values.shape[0]), slice(0, values.shape[1]))
    kelvin = named["channel"] >= "C07"
    lost = losses(values, flags, meanings, kelvin)
    values[np.logical_or.reduce(list(lost.values()))] = np.nan
    if np.isnan(values).all():
        raise Unreadable(f"{name} holds no value at all.")
    figures = {
        "reader": "Satpy",
        "satellite": identity.satellite,
        "scene": identity.scene,
        "mode": identity.mode,
        "channel": named["channel"],
        "shape": list(values.shape),
        "units": "K" if kelvin else "%",
        "scan_end": iso(end),
        "valid_share": round(float(np.isfinite(values).mean()), 4),
        "lowest": round(float(np.nanmin(values)), 2),
        "highest": round(float(np.nanmax(values)), 2),
    }
    notes = [f"{int(where.sum())} pixels have no value: {reason}." for reason, where in lost.items() if where.any()]
    return {"kind": "imager", "state": str(GranuleState.OK), "time": iso(start), "notes": notes, "figures": figures}


def described_segment(path: Path, name: str) -> dict[str, Any]:
    """The kind (`imager`), state, time, notes and figures of one HRIT file: a segment of a channel, a prologue or an epilogue.

    Raises Unreadable for one that is cut.
    """
    with tempfile.TemporaryDirectory(prefix="stormcycle-") as folder:
        files = laid_out(((path, name),), Path(folder))
        for fault in files.faults.values():
            raise Unreadable(f"{name} cannot be read: {fault}.")
        ((plain, place),) = files.paths.items()
        content = place.read_bytes()
        told = hrit.own_name(content, hrit.PRIMARY.unpack_from(content)[3]) if len(content) >= hrit.PRIMARY.size else ""
        if fault := hrit.fault_of(place, told):
            raise Unreadable(f"{name} cannot be read: {fault}.")
        named = hrit.NAME.fullmatch(told or plain)
    if named is None:
        raise Unreadable(f"{name} does not say of what channel and time it is, in its name or in itself.")
    part = {"PRO": "the prologue", "EPI": "the epilogue"}.get(named["part"]) or f"segment {int(named['part'])} of {named['channel']}"
    time = datetime.strptime(named["time"], "%Y%m%d%H%M")
    figures = {"reader": "own", "satellite": named["satellite"], "channel": named["channel"], "part": named["part"]}
    note = f"It is {part} of a scan of SEVIRI; a scan is read as a whole."
    return {"kind": "imager", "state": str(GranuleState.OK), "time": iso(np.datetime64(time, "s")), "notes": [note], "figures": figures}


def described_lightning(path: Path, name: str) -> dict[str, Any]:
    """The kind (`lightning`), state, time (start), notes and figures of an LCFA file; under another name than its own by the one
    that it holds. Raises Unreadable for one that is cut or contradicts its name, WrongKind for another product.
    """
    found = read_flashes(path, name if LCFA_NAME.fullmatch(name) else own_name(path))
    figures = {
        "reader": "netCDF4",
        "satellite": found.attrs["satellite"],
        "satellite_longitude": found.attrs["satellite_longitude"],
        "end": found.attrs["end"],
        "flashes": found.sizes["flash"],
        "groups": found.sizes["group"],
        "events": found.sizes["event"],
        "flashes_degraded": found.attrs["flashes_degraded"],
    }
    notes = list(found.attrs["notes"]) or (["No lightning was seen: zero, not missing."] if not found.sizes["event"] else [])
    return {"kind": "lightning", "state": found.attrs["state"], "time": found.attrs["start"], "notes": notes, "figures": figures}


def own_name(path: Path) -> str:
    """The file name that a GOES file holds of itself; empty where it holds none, or cannot be opened."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            told = file.attrs.get("dataset_name", b"")
    except OSError:
        return ""
    return told.decode() if isinstance(told, bytes) else str(told)


def _calibrated(path: Path, name: str, reader: str, channel: str) -> tuple[np.ndarray, np.datetime64, np.datetime64]:
    """All values of a channel (K or %), start and end of its scan."""
    import dask
    from satpy import Scene

    with tempfile.TemporaryDirectory(prefix="stormcycle-") as folder, dask.config.set(scheduler="synchronous"):
        (Path(folder) / name).symlink_to(path.absolute())
        try:
            scene = Scene(reader=reader, filenames=[str(Path(folder) / name)])
            scene.load([channel])
            scan = scene[channel]
            return scan.values.astype("float32"), np.datetime64(scan.attrs["start_time"], "s"), np.datetime64(scan.attrs["end_time"], "s")
        except Exception as error:  # Satpy may raise anything on a bad file
            reason = " ".join(str(error).replace(f"{folder}/", "").split())[:300]
            raise Unreadable(f"{name} cannot be read by {reader}: {type(error).__name__}: {reason}") from None
