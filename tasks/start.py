"""What a nowcast starts from: the frames of `radar`, whole or filled, or what is there carried to T."""

import numpy as np
import xarray as xr

from stormcycle.domain import Domain
from stormcycle.nowcast.frames import aligned_to_present, filled_rejections, velocity_of
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.states import Provenance

STEPS_FRAMES = 3
"""What the ensemble needs, even where the motion comes from two frames."""


def starting_frames(radar: xr.Dataset, plan: str, cycle_time: np.datetime64, domain: Domain) -> tuple[Fields, np.ndarray, np.datetime64]:
    """Frames (time, y, x) of each variable that `radar` has, evenly spaced up to T, their motion (2, y, x; pixels a step),
    the newest frame's actual time.

    With a plan of `whole` or `filled` the frames are the hour's slots; with `extrapolated` the newest ones that are
    there, at their nominal times, carried to T. The motion is that of reflectivity.
    """
    there = {word: radar[name].values for word, name in VARIABLES.items() if name in radar}
    frames = filled_rejections(there, (radar["provenance"].values & Provenance.REJECTED_BY_QUALITY_CONTROL) > 0)
    nominal, actual = radar["nominal_time"].values, radar["actual_time"].values
    newest = actual[~np.isnat(actual)].max()
    count = domain.nowcast.motion_frames
    if plan in ("whole", "filled"):
        return frames, velocity_of(frames["zh"], np.arange(len(frames["zh"]), dtype="float64"), count), newest
    used = np.flatnonzero(~np.isnat(nominal))[-max(count, STEPS_FRAMES) :]
    positions = (nominal[used] - cycle_time) / np.timedelta64(domain.step_minutes * 60, "s")
    velocity = velocity_of(frames["zh"][used], positions, count)
    return {word: aligned_to_present(values[used], positions, velocity) for word, values in frames.items()}, velocity, newest
