"""The limits of what a radar can say: how far, and how weak."""

import numpy as np
import xarray as xr

from stormcycle.radar.quality.flags import GateFlag
from stormcycle.states import NO_ECHO_DBZ


def range_limit(volume: xr.Dataset, max_range_km: float) -> np.ndarray:
    """Gates whose centre lies beyond a slant range (km): the beam is too high and too wide to speak for a pixel.

    Source: Stefanelli et al. (arXiv 2512.18289), section 2.1, who keep 160 km, about the lowest 3 km of the atmosphere.
    """
    sweep = volume["sweep"].values
    ranges = volume["first_gate_m"].values[sweep, None] + volume["gate_m"].values[sweep, None] * np.arange(volume.sizes["gate"])
    return np.where(ranges > max_range_km * 1000.0, GateFlag.BEYOND_RANGE, 0).astype("uint8")


def noise_floor(volume: xr.Dataset, floor_dbz: float) -> np.ndarray:
    """Gates with an echo below a reflectivity (dBZ): they count as no echo.

    Source: Stefanelli et al. (arXiv 2512.18289), section 2.1, who discard values below 13.5 dBZ.
    """
    reflectivity = volume["reflectivity"].values
    return np.where((reflectivity > NO_ECHO_DBZ) & (reflectivity < floor_dbz), GateFlag.BELOW_NOISE, 0).astype("uint8")
