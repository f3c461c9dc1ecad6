"""Events that a network learns from, brought to its step and pixel: what was done to each stands in its attributes."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from stormcycle.datasets.sequence import read_sequence
from stormcycle.nowcast.extrapolation import motion
from stormcycle.nowcast.frames import carried
from stormcycle.states import NO_ECHO_DBZ

NEIGHBOURS = 3
"""Frames that tell the motion with which one is carried to a time between two."""


class Event(BaseModel):
    """One event of a recipe: a packed sequence, which of its frames, how it is brought to the network's step and pixel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str = Field(description="below STORMCYCLE_DATA")
    frames: tuple[int, int] | None = Field(default=None, description="first and last frame; none: all")
    coarsen: int = Field(default=1, ge=1, description="pixels of the file, a side, that make one of the network's")
    disc_radius_px: float | None = Field(default=None, description="how far the one radar in the middle sees; none: the whole grid is seen")
    crops: int = Field(default=1, ge=1, description="squares cut out of a larger grid, a window")
    weight: float = Field(default=1.0, gt=0, description="share of the training's windows that are drawn from this event")


def read_event(folder: Path, event: Event, step_minutes: int) -> xr.Dataset:
    """The frames of an event at the network's step and pixel: `reflectivity` (time, y, x; dBZ), with what was done in the attributes.

    `zdr` and `kdp` too where the file has them at that step and pixel: there is no mean and no carrying of them.
    Reads netCDF: call it in a child process. Raises ValueError with a sentence as `read_sequence` does.
    """
    sequence = read_sequence(folder / event.file)
    notes: dict[str, Any] = {key: sequence.attrs[key] for key in ("conversion", "selection", "source_variable")}
    if event.frames is not None:
        sequence = sequence.isel(time=slice(event.frames[0], event.frames[1] + 1))
        notes["selection"] += f", of these {event.frames[0]} to {event.frames[1]}"
    values = sequence["reflectivity"].values.astype("float32")
    own = float(sequence.attrs["step_minutes"])
    if event.coarsen == 1 and own == step_minutes:
        return sequence.astype("float32").assign_attrs(step_minutes=step_minutes, **notes)
    if event.coarsen > 1:
        values = coarsened(values, event.coarsen)
        notes["pixels"] = f"{event.coarsen} x {event.coarsen} joined, mean of Z"
    if own != step_minutes:
        values = at_step(values, own, step_minutes)
        notes["step"] = f"{own:g} min carried along the motion to {step_minutes} min, each from its nearest frame"
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values, {"units": "dBZ"})}, attrs={"step_minutes": step_minutes, **notes})


def coarsened(frames: np.ndarray, factor: int) -> np.ndarray:
    """Frames (time, y, x; dBZ) with factor x factor pixels joined: the mean of Z in linear units, no echo counting as 0."""
    linear = np.where(frames > NO_ECHO_DBZ, 10.0 ** (frames / 10.0), 0.0)
    linear[np.isnan(frames)] = np.nan
    blocks = linear.reshape(len(frames), frames.shape[1] // factor, factor, frames.shape[2] // factor, factor).mean(axis=(2, 4))
    with np.errstate(divide="ignore"):
        return np.where(blocks > 0, np.maximum(10.0 * np.log10(blocks), NO_ECHO_DBZ), np.where(np.isnan(blocks), np.nan, NO_ECHO_DBZ)).astype("float32")


def at_step(frames: np.ndarray, own_minutes: float, step_minutes: float) -> np.ndarray:
    """Frames every own_minutes as frames every step_minutes: each is the nearest one, carried along the motion around it."""
    times = np.arange(0.0, (len(frames) - 1) * own_minutes + 0.01, step_minutes) / own_minutes
    made = []
    for time in times:
        nearest = round(time)
        first = min(max(nearest - NEIGHBOURS // 2, 0), len(frames) - NEIGHBOURS)
        made.append(carried(frames[nearest], motion(frames[first : first + NEIGHBOURS]), float(time - nearest)))
    return np.stack(made)
