"""Rain from reflectivity by a declared Z-R relation Z = a R^b (Marshall and Palmer 1948: a 200, b 1.6)."""

import numpy as np

from stormcycle.states import NO_ECHO_DBZ

LEAST_RAIN_DBZ = 7.0
"""Below it a drizzle of less than 0.1 mm/h; counts as dry."""


def rain_rate(reflectivity: np.ndarray, a: float, b: float, highest_dbz: float) -> np.ndarray:
    """Rain rate (mm h-1) from reflectivity (dBZ): 0 without echo, NaN where nothing is known.

    Reflectivity above `highest_dbz` counts as that: more is hail, not rain (Fulton et al. 1998,
    doi 10.1175/1520-0434(1998)013<0377:TWRA>2.0.CO;2, take 53 dBZ).
    """
    wet = reflectivity >= max(LEAST_RAIN_DBZ, NO_ECHO_DBZ)
    rate = (10.0 ** (np.minimum(np.nan_to_num(reflectivity), highest_dbz) / 10.0) / a) ** (1.0 / b)
    return np.where(np.isnan(reflectivity), np.nan, np.where(wet, rate, 0.0)).astype("float32")


def rain_sum(rates: np.ndarray, step_minutes: float) -> np.ndarray:
    """Rain amount (mm) of rates (time, y, x; mm h-1) that each hold for one step; NaN where a rate is not known."""
    return np.asarray(rates.sum(axis=0) * step_minutes / 60.0, "float32")
