"""Quality control of polar volumes: one plain function a check, each gives flags (ray, gate); flags add up.

Nothing is taken away here: a volume and its flags meet in `apply_flags`.
"""

from enum import IntFlag

import numpy as np
import xarray as xr

from stormcycle.states import NO_ECHO_DBZ


class GateFlag(IntFlag):
    """Why a gate does not count as it stands."""

    BEYOND_RANGE = 1
    BELOW_NOISE = 2


def range_limit(volume: xr.Dataset, max_range_km: float) -> np.ndarray:
    """Gates whose centre lies beyond a slant range (km): the beam is too high and too wide to speak for a pixel."""
    sweep = volume["sweep"].values
    ranges = volume["first_gate_m"].values[sweep, None] + volume["gate_m"].values[sweep, None] * np.arange(volume.sizes["gate"])
    return np.where(ranges > max_range_km * 1000.0, GateFlag.BEYOND_RANGE, 0).astype("uint8")


def noise_floor(volume: xr.Dataset, floor_dbz: float) -> np.ndarray:
    """Gates with an echo below a reflectivity (dBZ): they count as no echo."""
    reflectivity = volume["reflectivity"].values
    return np.where((reflectivity > NO_ECHO_DBZ) & (reflectivity < floor_dbz), GateFlag.BELOW_NOISE, 0).astype("uint8")


def apply_flags(volume: xr.Dataset, flags: np.ndarray) -> xr.Dataset:
    """The volume as its flags leave it: beyond range is not observed, below noise is no echo."""
    beyond, quiet = (flags & GateFlag.BEYOND_RANGE) > 0, (flags & GateFlag.BELOW_NOISE) > 0
    cleaned = volume.copy()
    for name, moment in volume.data_vars.items():
        values = moment.values.copy()
        values[quiet] = NO_ECHO_DBZ if name == "reflectivity" else np.nan
        values[beyond] = np.nan
        cleaned[name] = (moment.dims, values, moment.attrs)
    return cleaned
