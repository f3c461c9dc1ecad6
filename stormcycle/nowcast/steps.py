"""A model asked for frames of another step than its own: each field from its nearest one in time, carried along the motion."""

from collections.abc import Callable, Hashable, Mapping
from math import ceil
from typing import TypeVar

import numpy as np

from stormcycle.nowcast.frames import carried
from stormcycle.nowcast.neural import FRAMES
from stormcycle.nowcast.variables import Fields

LONGEST_MIN = 12.0
"""Frames further apart than this tell too little of what was between them, and an oldest frame stands for what lies no further back."""

Key = TypeVar("Key", bound=Hashable)
Ask = Callable[[Fields, np.ndarray, int], Mapping[Key, np.ndarray]]
"""Frames of the model's step, their motion (pixels a step of the model) and a count of its leads in, fields (lead, y, x) by name out."""


def at_step(ask: Ask[Key], frames: Fields, velocity: np.ndarray, leads: int, step_minutes: float, model_minutes: float) -> dict[Key, np.ndarray]:
    """What a model of one step tells of frames of another, at their leads: fields (lead, y, x) by name.

    frames: (time, y, x) of each variable, one every step_minutes; velocity: their motion (2, y, x; pixels a step). The model gets FRAMES frames,
    and no carrying takes place where the steps are the same. Raises ValueError for frames more than LONGEST_MIN apart, or that do not reach
    as far back as the model looks, and what `ask` raises.
    """
    if step_minutes == model_minutes:
        return dict(ask({word: values[-FRAMES:] for word, values in frames.items()}, velocity, leads))
    ratio = model_minutes / step_minutes
    count = len(frames["zh"])
    lacking = ((FRAMES - 1) * ratio - (count - 1)) * step_minutes
    if step_minutes > LONGEST_MIN or lacking > LONGEST_MIN:
        raise ValueError(
            f"The model takes {FRAMES} frames, one every {model_minutes:g} min; here are {count}, one every {step_minutes:g} min: "
            f"it cannot be told from frames more than {LONGEST_MIN:g} min apart, or from the last {(count - 1) * step_minutes:g} min alone."
        )
    own, wanted = np.arange(1.0 - count, 1.0), np.arange(1.0 - FRAMES, 1.0) * ratio
    told = ask({word: brought(values, own, wanted, velocity) for word, values in frames.items()}, velocity * ratio, ceil(leads / ratio))
    lead = np.arange(1.0, leads + 1.0)
    return {name: brought(values, np.arange(1.0, len(values) + 1.0) * ratio, lead, velocity) for name, values in told.items()}


def brought(fields: np.ndarray, positions: np.ndarray, wanted: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Fields (time, y, x) at positions, brought to wanted ones (both in steps of the velocity): each the nearest, carried."""
    nearest = np.abs(wanted[:, None] - positions).argmin(axis=1)
    return np.stack([carried(fields[index], velocity, float(target - positions[index])) for target, index in zip(wanted, nearest, strict=True)])
