"""Frames of packed sequences: gridded fields, which need no more than their mask, and polar sweeps, which make volumes.

Runs in a child process (stormcycle.feeds.read_each).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.domain import PackedSequence
from stormcycle.radar.volume import Sweep, Unreadable, VolumeHeader, assemble_volume, without_path
from stormcycle.states import NO_ECHO_DBZ

SEQUENCE_NAMES = {"reflectivity": "dbz", "zdr": "zdr", "kdp": "kdp"}


def decode_frames(path: Path, frames: Sequence[int], moments: Sequence[str], packed: PackedSequence) -> list[xr.Dataset | None]:
    """The given frames of a packed sequence of grids, each (y, x); None where the sequence is shorter.

    Exact zeros mean "no echo or no data" in these sequences (data manifest, section 1): inside the disc they count as
    no echo, beyond `packed.disc_radius_px` from the centre nothing was observed. Raises Unreadable for another file.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as sequence:
            if "dbz" not in sequence or sequence["dbz"].dims != ("time", "y", "x"):
                raise Unreadable("The file holds no variable `dbz` over (time, y, x).")
            count, rows, columns = sequence["dbz"].shape
            wanted = sequence[[SEQUENCE_NAMES[moment] for moment in moments]].isel(time=[index for index in frames if index < count]).load()
    except (OSError, KeyError) as error:
        raise Unreadable(f"The sequence cannot be read: {without_path(error, path)}") from None
    y, x = np.ogrid[:rows, :columns]
    beyond = np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2) > packed.disc_radius_px
    there = [index for index in frames if index < count]
    return [_frame(wanted.isel(time=there.index(index)), moments, beyond) if index < count else None for index in frames]


def decode_sweeps(path: Path, frames: Sequence[int], moments: Sequence[str], packed: PackedSequence) -> list[xr.Dataset | None]:
    """The given frames of a packed sequence of polar sweeps, each a volume of one sweep; None where the sequence is shorter.

    The DX product of Deutscher Wetterdienst, repacked: `dbz` (time, azimuth, range), -32.5 dBZ is its code of no echo.
    Raises Unreadable for another file.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as sequence:
            if "dbz" not in sequence or sequence["dbz"].dims != ("time", "azimuth", "range"):
                raise Unreadable("The file holds no variable `dbz` over (time, azimuth, range).")
            there = sequence.sizes["time"]
            found = {index: sequence.isel(time=index)[["dbz"]].load() for index in frames if index < there}
    except (OSError, KeyError) as error:
        raise Unreadable(f"The sequence cannot be read: {without_path(error, path)}") from None
    return [_sweep(found[index], moments, packed) if index in found else None for index in frames]


def _sweep(fields: xr.Dataset, moments: Sequence[str], packed: PackedSequence) -> xr.Dataset:
    rays, time = fields.sizes["azimuth"], fields["time"].values
    reflectivity = fields["dbz"].values
    sweep = Sweep(
        elevation=np.full(rays, packed.elevation_deg, "float64"),
        azimuth=fields["azimuth"].values,
        time=np.full(rays, time),
        gate_centres_m=fields["range"].values,
        moments={"reflectivity": reflectivity},
        undetect=reflectivity <= NO_ECHO_DBZ,
    )
    header = VolumeHeader(site="", latitude=None, longitude=None, altitude_m=None, declared_time=np.datetime64(str(time), "s"), reader="xarray")
    return assemble_volume(header, [sweep], moments)


def _frame(packed: xr.Dataset, moments: Sequence[str], beyond: np.ndarray) -> xr.Dataset:
    raw = packed["dbz"].values.astype("float32")
    unknown, quiet = beyond | np.isnan(raw), raw == 0.0
    fields = {"reflectivity": np.where(unknown, np.nan, np.where(quiet, NO_ECHO_DBZ, raw))}
    for moment in moments:
        if moment != "reflectivity":
            fields[moment] = np.where(unknown | quiet, np.nan, packed[SEQUENCE_NAMES[moment]].values)
    return xr.Dataset({name: (("y", "x"), values.astype("float32")) for name, values in fields.items()})
