"""What a nowcast can start from when frames are absent: the plan, the filling of gaps, the alignment to T."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from stormcycle.nowcast.extrapolation import advect, motion
from stormcycle.nowcast.variables import Fields
from stormcycle.states import NO_ECHO_DBZ, dry_filled

FILLABLE_SHARE = 0.3
NEWEST_FOR_FILLING_MIN = 12.0
NEWEST_FOR_EXTRAPOLATION_MIN = 30.0
NEAR_PX = 5.0
"""How far (pixels) a rejected pixel may take its value from."""
LEAST_SHARE = 1e-3
"""Below so small a share of known neighbours a mean is noise."""

PlanKind = Literal["whole", "filled", "extrapolated", "none"]


@dataclass(frozen=True)
class FramePlan:
    """How the hour's frames serve a nowcast (docs/architecture.md, "What is released when something is absent")."""

    kind: PlanKind
    missing: int
    present: int
    newest_age_min: float


def plan_frames(present: np.ndarray, step_minutes: int) -> FramePlan:
    """The plan for an hour whose slots (oldest first, the last at T) are present or not.

    Up to 3 of 10 missing and the newest at most 12 min old: filled. At least 2 left and the newest at most 30 min
    old: extrapolated. Else none.
    """
    count, there = len(present), int(present.sum())
    age = float((count - 1 - np.flatnonzero(present)[-1]) * step_minutes) if there else float("inf")
    kind: PlanKind = "none"
    if there == count:
        kind = "whole"
    elif count - there <= FILLABLE_SHARE * count and age <= NEWEST_FOR_FILLING_MIN:
        kind = "filled"
    elif there >= 2 and age <= NEWEST_FOR_EXTRAPOLATION_MIN:
        kind = "extrapolated"
    return FramePlan(kind, count - there, there, age)


def velocity_of(frames: np.ndarray, positions: np.ndarray, count: int) -> np.ndarray:
    """The motion (2, y, x; pixels a step) of the last `count` frames at positions in steps, evenly spaced or not."""
    frames, positions = frames[-count:], positions[-count:]
    spacing = np.diff(positions)
    if np.ptp(spacing) <= 0.1 * spacing.mean():
        return motion(frames) / spacing.mean()
    return np.mean([motion(frames[index : index + 2]) / gap for index, gap in enumerate(spacing)], axis=0)


def carried(field: np.ndarray, velocity: np.ndarray, steps: float) -> np.ndarray:
    """A field (y, x) carried by `steps` (also back in time): values linearly, no echo and not observed by nearest pixel."""
    if steps == 0:
        return field
    nearest = advect(field, velocity, [steps], order=0)[0]
    echo = np.where(field > NO_ECHO_DBZ, field, np.nan)
    smooth = advect(np.nan_to_num(echo, nan=0.0), velocity, [steps])[0]
    share = advect((~np.isnan(echo)).astype("float64"), velocity, [steps])[0]
    inside = (nearest > NO_ECHO_DBZ) & (share > 0.5)
    return np.where(inside, smooth / np.where(inside, share, 1.0), nearest).astype("float32")


def fill_gaps(frames: np.ndarray, present: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Frames (slot, y, x) whose absent ones are made from their neighbours, carried and weighted by nearness in time."""
    filled = frames.copy()
    there = np.flatnonzero(present)
    for slot in np.flatnonzero(~present):
        before, after = there[there < slot], there[there > slot]
        made = []
        if len(before):
            made.append((carried(frames[before[-1]], velocity, float(slot - before[-1])), 1.0 / (slot - before[-1])))
        if len(after):
            made.append((carried(frames[after[0]], velocity, float(slot - after[0])), 1.0 / (after[0] - slot)))
        filled[slot] = blended(made)
    return filled


def blended(made: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """The weighted mean of carried frames: of echoes where there are any, no echo counting as 0 dBZ; else no echo."""
    total, weights = np.zeros(made[0][0].shape), np.zeros(made[0][0].shape)
    any_echo = np.zeros(made[0][0].shape, bool)
    for values, weight in made:
        known = ~np.isnan(values)
        total += np.where(known & (values > NO_ECHO_DBZ), values, 0.0) * weight
        weights += known * weight
        any_echo |= known & (values > NO_ECHO_DBZ)
    mean = total / np.where(weights > 0, weights, 1.0)
    return np.where(weights > 0, np.where(any_echo, mean, NO_ECHO_DBZ), np.nan).astype("float32")


def filled_rejections(frames: Fields, rejected: np.ndarray) -> Fields:
    """Frames (time, y, x) with what quality control rejected, and no other beam saw, filled from the nearest observed
    pixel within NEAR_PX: clutter stands still, and a hole where it was shall not be carried along as unknown. Every
    variable takes its value from the same pixel.
    """
    filled = {word: values.copy() for word, values in frames.items()}
    for index, (frame, holes) in enumerate(zip(frames["zh"], rejected & np.isnan(frames["zh"]), strict=True)):
        if holes.any() and not np.isnan(frame).all():
            distance, (y, x) = ndimage.distance_transform_edt(np.isnan(frame), return_indices=True)
            near = holes & (distance <= NEAR_PX)
            for word, values in frames.items():
                filled[word][index][near] = values[index][y[near], x[near]]
    return filled


def extrapolated(newest: Fields, velocity: np.ndarray, leads: int) -> Fields:
    """The newest frame (y, x) carried along to each lead (lead, y, x): `zh` in dBZ, no echo counting as 0, NaN from outside.

    The other variables have no value where there was no echo: theirs are means of the values there are, NaN where there is none.
    """
    steps = range(1, leads + 1)
    made = {"zh": advect(dry_filled(newest["zh"]), velocity, steps)}
    for word in [word for word in newest if word != "zh"]:
        known = ~np.isnan(newest[word])
        share = np.nan_to_num(advect(known.astype("float64"), velocity, steps), nan=0.0)
        total = advect(np.where(known, newest[word], 0.0), velocity, steps)
        made[word] = np.where(share > LEAST_SHARE, total / np.where(share > LEAST_SHARE, share, 1.0), np.nan)
    return made


def aligned_to_present(frames: np.ndarray, positions: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Frames at positions (steps relative to T, rising, the last at or before T) carried to ..., -2, -1, 0."""
    targets = np.arange(1 - len(frames), 1)
    return np.stack([carried(frame, velocity, float(target - position)) for frame, position, target in zip(frames, positions, targets, strict=True)])
