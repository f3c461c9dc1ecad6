"""Frames of a packed sequence: reflectivity and dual-polarisation moments that are gridded already.

Runs in a child process (stormcycle.feeds.read_each).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.radar.volume import Unreadable, without_path
from stormcycle.states import NO_ECHO_DBZ

SEQUENCE_NAMES = {"reflectivity": "dbz", "zdr": "zdr", "kdp": "kdp"}


def decode_frames(path: Path, frames: Sequence[int], moments: Sequence[str], disc_radius_px: float) -> list[xr.Dataset | None]:
    """The given frames of a packed sequence, each (y, x); None where the sequence is shorter.

    Exact zeros mean "no echo or no data" in these sequences (data manifest, section 1): inside the disc they count as
    no echo, beyond `disc_radius_px` from the centre nothing was observed. Raises Unreadable for another file.
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
    beyond = np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2) > disc_radius_px
    there = [index for index in frames if index < count]
    return [_frame(wanted.isel(time=there.index(index)), moments, beyond) if index < count else None for index in frames]


def _frame(packed: xr.Dataset, moments: Sequence[str], beyond: np.ndarray) -> xr.Dataset:
    raw = packed["dbz"].values.astype("float32")
    unknown, quiet = beyond | np.isnan(raw), raw == 0.0
    fields = {"reflectivity": np.where(unknown, np.nan, np.where(quiet, NO_ECHO_DBZ, raw))}
    for moment in moments:
        if moment != "reflectivity":
            fields[moment] = np.where(unknown | quiet, np.nan, packed[SEQUENCE_NAMES[moment]].values)
    return xr.Dataset({name: (("y", "x"), values.astype("float32")) for name, values in fields.items()})
