"""Extrapolation of radar frames by pySTEPS: motion by Lucas-Kanade, advection by a semi-Lagrangian scheme.

Frames are reflectivity in dBZ, (time, y, x), oldest first, one every step, NaN where nothing was observed.
Velocities are (2, y, x) in pixels a step; leads are multiples of the step and need not be whole.
pySTEPS: Pulkkinen et al. 2019, doi 10.5194/gmd-12-4185-2019.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np

with redirect_stdout(io.StringIO()):  # pySTEPS prints its configuration's path when imported
    from pysteps.extrapolation.semilagrangian import extrapolate
    from pysteps.motion.lucaskanade import dense_lucaskanade
    from pysteps.nowcasts import get_method as nowcast_method

from stormcycle.states import dry_filled

__all__ = [
    "MOTION_FRAMES",
    "SPROG_LEVELS",
    "WET_DBZ",
    "advect",
    "extrapolate",
    "extrapolation",
    "motion",
    "nowcast_method",
    "persistence",
    "sprog",
    "sprog_along",
]

MOTION_FRAMES = 3
SPROG_FRAMES = 10
SPROG_LEVELS = 6
WET_DBZ = 15.0


def motion(frames: np.ndarray) -> np.ndarray:
    """The motion field of two or more frames (n, y, x): (2, y, x) pixels a step; zero where nothing moves.

    A scene without echo has no motion and gives zeros.
    """
    wet = dry_filled(frames)
    if not (wet > 0).any(axis=(1, 2)).all():
        return np.zeros((2, *frames.shape[1:]))
    velocity = np.asarray(dense_lucaskanade(wet), "float64")
    return np.where(np.isfinite(velocity), velocity, 0.0)


def advect(field: np.ndarray, velocity: np.ndarray, leads: Sequence[float], order: int = 1) -> np.ndarray:
    """A field (y, x) carried along a velocity to each lead (steps, rising): (lead, y, x), NaN where it comes from outside.

    `order` 0 takes the nearest pixel (for masks), 1 interpolates linearly. A lead below zero goes back in time.
    """
    if not len(leads):
        return np.empty((0, *field.shape))
    backward = leads[0] < 0
    steps = [-lead for lead in leads] if backward else list(leads)
    return np.asarray(extrapolate(field, -velocity if backward else velocity, steps, interp_order=order, allow_nonfinite_values=True))


def extrapolation(frames: np.ndarray, leads: Sequence[float], motion_frames: int = MOTION_FRAMES) -> np.ndarray:
    """The last frame carried along the motion of the last `motion_frames`: (lead, y, x) dBZ, NaN from outside."""
    return advect(dry_filled(frames[-1]), motion(frames[-motion_frames:]), leads)


def persistence(frames: np.ndarray, leads: Sequence[float]) -> np.ndarray:
    """The last frame, unchanged at each lead: (lead, y, x) dBZ."""
    return np.repeat(dry_filled(frames[-1])[None], len(leads), axis=0)


def sprog(frames: np.ndarray, leads: int) -> np.ndarray:
    """S-PROG to `leads` whole steps, along the motion of all frames (at most ten): (lead, y, x) dBZ, NaN from outside."""
    return sprog_along(frames, motion(frames[-SPROG_FRAMES:]), leads)


def sprog_along(frames: np.ndarray, velocity: np.ndarray, leads: int) -> np.ndarray:
    """S-PROG to `leads` whole steps along a velocity: (lead, y, x) dBZ, NaN from outside.

    Six cascade levels, threshold 15 dBZ, probability matching by cdf
    (Seed 2003, doi 10.1175/1520-0450(2003)042<0381:SPADAS>2.0.CO;2). Where pySTEPS cannot estimate its autoregression
    (too little rain, or a scene that does not change) the result is the extrapolation, as there is nothing to filter.
    """
    wet = dry_filled(frames)
    if (wet[-3:] >= WET_DBZ).mean(axis=(1, 2)).min() < 0.001:
        return advect(wet[-1], velocity, range(1, leads + 1))
    try:
        with redirect_stdout(io.StringIO()):
            forecast = nowcast_method("sprog")(
                np.where(wet[-3:] >= WET_DBZ, wet[-3:], WET_DBZ - 5.0),
                velocity,
                leads,
                precip_thr=WET_DBZ,
                n_cascade_levels=SPROG_LEVELS,
                probmatching_method="cdf",
            )
    # A scene that does not change makes the Yule-Walker equations singular, one without variance standardises to NaN.
    except (np.linalg.LinAlgError, ValueError):
        return advect(wet[-1], velocity, range(1, leads + 1))
    return np.asarray(forecast)
