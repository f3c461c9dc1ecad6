"""A smooth field that moves uniformly, so that every frame of it is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from stormcycle.states import NO_ECHO_DBZ

SIZE, MARGIN = 96, 40


@pytest.fixture
def moving() -> Callable[[float], np.ndarray]:
    """The field (96, 96; dBZ, no echo where weak) at a time in steps, moving by (rows, columns) each step from a larger world."""
    noise = gaussian_filter(np.random.default_rng(8).normal(size=(SIZE + 2 * MARGIN,) * 2), 6.0)
    world = 20.0 + 14.0 * noise / noise.std()

    def at(time: float, rows: float = 1.0, columns: float = 2.0) -> np.ndarray:
        moved = shift(world, (rows * time, columns * time), order=1, mode="nearest")
        seen = moved[MARGIN:-MARGIN, MARGIN:-MARGIN]
        return np.where(seen > 10.0, seen, NO_ECHO_DBZ).astype("float32")

    return at


@pytest.fixture
def uniform() -> Callable[[float, float], np.ndarray]:
    """A velocity field (2, y, x) of (rows, columns) pixels a step; pySTEPS has x first."""

    def velocity(rows: float = 1.0, columns: float = 2.0, size: int = SIZE) -> np.ndarray:
        return np.stack([np.full((size, size), float(columns)), np.full((size, size), float(rows))])

    return velocity
