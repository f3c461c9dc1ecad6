"""The first-order recursive filter that spreads an increment: its coefficient for a length, and one axis of it as a matrix (specification, section 2).

A pass runs forward and back along an axis. As a matrix an axis is one product for all fields, its adjoint is the transpose, exactly, and the
variance of what it makes is set to one row by row. Built once a grid, in float64.
"""

from math import sqrt

import numpy as np
from scipy.signal import lfilter

PASSES = 4
LEAST = 1e-12
"""Shares of the largest weight below this are nothing: float32 would hold them as denormals, which cost twenty times as much."""


def coefficient(length_km: float, spacing_km: float, passes: int = PASSES) -> float:
    """The filter's coefficient whose square, the covariance of the background errors, has a length (standard deviation of its kernel).

    A pass's kernel has the variance spacing^2 / E, with E = (1 - a)^2 / 2a; the covariance is 2 `passes` of them. Exact by the second moment; the
    covariance falls to exp(-1/2) somewhat nearer. Raises ValueError for a length that is no length.
    """
    if not length_km > 0 or not spacing_km > 0:
        raise ValueError(f"A covariance of length {length_km} km on a grid of {spacing_km} km makes no sense; both must be above 0.")
    share = 2.0 * passes * (spacing_km / length_km) ** 2
    return 1.0 + share - sqrt(share * (share + 2.0))


def oceanvar_length(length_km: float) -> float:
    """The length of the covariance that OceanVar's and WRFDA's rule, E = 2 N dx^2 / 4 L^2, makes of their L: twice as long (preset `paper`)."""
    return 2.0 * length_km


def filter_matrix(points: int, filter_coefficient: float, passes: int = PASSES) -> np.ndarray:
    """One axis of the filter (points, points; float64): rows of length one, so that F F^T has a unit diagonal, at the rim too; no input from outside."""
    made = np.eye(points)
    for _ in range(passes):
        made = _swept(_swept(made, filter_coefficient)[::-1], filter_coefficient)[::-1]
    made = made / np.linalg.norm(made, axis=1, keepdims=True)
    return np.where(np.abs(made) < LEAST * np.abs(made).max(), 0.0, made)


def _swept(field: np.ndarray, a: float) -> np.ndarray:
    """A sweep along the first axis: each value is `a` times the one before it and (1 - a) times its own."""
    return np.asarray(lfilter([1.0 - a], [1.0, -a], field, axis=0))


def matrix_of_length(points: int, spacing_km: float, length_km: float, passes: int = PASSES) -> np.ndarray:
    """One axis of the filter whose covariance has a length in the middle of a long axis."""
    return filter_matrix(points, coefficient(length_km, spacing_km, passes), passes)
