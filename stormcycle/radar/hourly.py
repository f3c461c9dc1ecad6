"""The hourly sum of reflectivity in linear units (specification of the radar operator, section 4): a sum, not a mean."""

import numpy as np

HOURLY_FLOOR_DBZ = 13.5
"""The least reflectivity of a scan that counts (dBZ): the smallest value in the paper's hourly fields."""
LEAST_SHARE = 0.75
"""The share of an hour's scans that must have been observed."""


def hourly_sum(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hour's sum of observed frames (slot, y, x; dBZ, NaN not observed), and how many were observed (y, x).

    `10 log10(n_expected / n_observed * sum of 10^(z/10))` over scans of at least HOURLY_FLOOR_DBZ. Three states stay
    apart: a value; 0.0 where enough scans looked and none reached the floor; NaN where too few looked.
    """
    observed = ~np.isnan(frames)
    count = observed.sum(axis=0)
    wet = observed & (np.nan_to_num(frames, nan=-99.0) >= HOURLY_FLOOR_DBZ)
    linear = np.where(wet, 10.0 ** (np.nan_to_num(frames) / 10.0), 0.0).sum(axis=0)
    scaled = linear * frames.shape[0] / np.maximum(count, 1)
    total = np.where(linear > 0, 10.0 * np.log10(np.maximum(scaled, 1e-12)), 0.0)
    return np.where(count >= LEAST_SHARE * frames.shape[0], total, np.nan).astype("float32"), count.astype("int16")
