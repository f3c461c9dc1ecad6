"""The hourly sum of reflectivity in linear units (specification of the radar operator, section 4): a sum, not a mean."""

import dask.array as da
import numpy as np
from pyresample.bucket import BucketResampler
from pyresample.geometry import AreaDefinition

from stormcycle.grids import longitudes_latitudes

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


def superobbed(total: np.ndarray, grid: AreaDefinition, coarse: AreaDefinition) -> np.ndarray:
    """An hour's sum (y, x; dBZ) on a coarser grid: in each of its pixels the mean in linear units of those that lie in it, by pyresample's buckets.

    The three states stay apart: NaN where fewer than LEAST_SHARE of a pixel's area were observed, 0.0 where the mean does not reach
    HOURLY_FLOOR_DBZ. Raises ValueError for a target that is not coarser.
    """
    held = (coarse.pixel_size_x * coarse.pixel_size_y) / (grid.pixel_size_x * grid.pixel_size_y)
    if held < 1.0:
        raise ValueError(f"The grid {coarse.area_id} has smaller pixels than {grid.area_id}: an hourly sum can only be brought to a coarser grid.")
    longitude, latitude = longitudes_latitudes(grid)
    buckets = BucketResampler(coarse, da.from_array(longitude), da.from_array(latitude))
    known = ~np.isnan(total)
    linear = np.where(known & (total > 0), 10.0 ** (np.nan_to_num(total) / 10.0), 0.0)
    summed, count = (np.asarray(buckets.get_sum(da.from_array(part))) for part in (linear, known.astype("float64")))
    mean = 10.0 * np.log10(np.maximum(summed / np.maximum(count, 1), 1e-12))
    return np.where(count >= LEAST_SHARE * held, np.where(mean >= HOURLY_FLOOR_DBZ, mean, 0.0), np.nan).astype("float32")
