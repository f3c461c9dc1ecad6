"""Unbroken runs of frames: a window never reaches over a gap."""

from itertools import pairwise

import numpy as np


def unbroken_runs(places: np.ndarray, step: int) -> list[slice]:
    """The runs of rising whole numbers (frame numbers, seconds) that follow each other by one step, in order; together they hold all."""
    if not len(places):
        return []
    edges = np.flatnonzero(np.concatenate(([True], np.diff(places) != step, [True])))
    return [slice(int(first), int(end)) for first, end in pairwise(edges)]
