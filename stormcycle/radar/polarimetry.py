"""Specific differential phase from the differential phase that a radar measures."""

import numpy as np
import xarray as xr

from stormcycle.radar.sweeps import sweeps_by_azimuth
from stormcycle.states import NO_ECHO_DBZ

WINDOW_KM = 5.0
"""Length over which the phase's slope is taken: noise of the phase against resolution."""


def kdp_from_phidp(volume: xr.Dataset, ignored: np.ndarray) -> np.ndarray:
    """Specific differential phase (ray, gate; degree km-1, float32) of echo gates; NaN elsewhere and at `ignored` gates.

    Source: Vulpiani et al. (2012), J. Appl. Meteor. Climatol. 51, 405, as wradlib has it. Raises KeyError for a volume
    without `phidp`.
    """
    from wradlib.dp import phidp_kdp_vulpiani

    kdp = np.full(volume["reflectivity"].shape, np.nan, "float32")
    for number, rays, gates in sweeps_by_azimuth(volume):
        phase = volume["phidp"].values[rays, :gates].astype("float64")
        echo = (volume["reflectivity"].values[rays, :gates] > NO_ECHO_DBZ) & ~ignored[rays, :gates] & ~np.isnan(phase)
        if not echo.any():
            continue
        gate_km = float(volume["gate_m"].values[number]) / 1000.0
        window = max(7, 2 * round(WINDOW_KM / gate_km / 2) + 1)
        _, slope = phidp_kdp_vulpiani(np.where(echo, phase, np.nan), gate_km, winlen=window)
        kdp[rays, :gates] = np.where(echo, slope, np.nan)
    return kdp
