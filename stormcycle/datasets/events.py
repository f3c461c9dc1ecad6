"""Events that a network learns from, brought to its step and pixel: what was done to each stands in its attributes."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stormcycle.datasets.archive import read_archive
from stormcycle.datasets.nju_cpol import read_nju_cpol
from stormcycle.datasets.sequence import read_sequence
from stormcycle.home import expand
from stormcycle.nowcast.extrapolation import motion
from stormcycle.nowcast.frames import carried
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.times import parse_time

NEIGHBOURS = 3
"""Frames that tell the motion with which one is carried to a time between two."""


class Event(BaseModel):
    """One event of a recipe: where its frames are (a packed sequence, a sequence of the NJU-CPOL folders, or our own releases), which of them, how they
    are brought to the network's step and pixel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str | None = Field(default=None, description="a packed sequence below STORMCYCLE_DATA")
    folder: str | None = Field(default=None, description="a folder in the layout of NJU-CPOL below STORMCYCLE_DATA; `sequence` says which, `height_km` where")
    sequence: int | None = None
    height_km: float = 3.0
    domain: str | None = Field(default=None, description="a domain whose released radar frames are the event, in the hours of `hours`")
    hours: tuple[str, str] | None = Field(default=None, description="first and last cycle time")
    releases: str = Field(default="${STORMCYCLE_HOME}/releases", description="root of the releases of `domain`: a folder or a URL")
    frames: tuple[int, int] | None = Field(default=None, description="first and last frame of a sequence; none: all")
    coarsen: int = Field(default=1, ge=1, description="pixels of the source, a side, that make one of the network's")
    disc_radius_px: float | None = Field(default=None, description="how far the one radar in the middle sees; none: the whole grid is seen")
    crops: int = Field(default=1, ge=1, description="squares cut out of a larger grid, a window")
    weight: float = Field(default=1.0, gt=0, description="share of the training's windows that are drawn from this event")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [self.file is not None, self.folder is not None, self.domain is not None]
        if sum(sources) != 1:
            raise ValueError(f"the event {self.name} needs one of file, folder and domain")
        if (self.folder is None) != (self.sequence is None) or (self.domain is None) != (self.hours is None):
            raise ValueError(f"the event {self.name}: folder goes with sequence, domain with hours")
        return self

    @property
    def source(self) -> str:
        """What the frames are of, in a word: no two events of a recipe that learn and choose may share it."""
        if self.domain is not None and self.hours is not None:
            return f"{self.domain} {self.hours[0]} to {self.hours[1]}"
        return f"{self.folder}/{self.sequence:03d}" if self.folder is not None else str(self.file)

    @property
    def known_as(self) -> str:
        """How a card names the event: by its name, with which its file begins, or by domain and hours."""
        return self.name if self.domain is None else self.source


def read_event(folder: Path, event: Event) -> list[xr.Dataset]:
    """The unbroken runs of an event's frames as they are stored, each as `read_sequence` gives one.

    Reads netCDF and Zarr: call it in a child process. Raises ValueError with a sentence as the readers do.
    """
    if event.domain is not None and event.hours is not None:
        first, last = map(parse_time, event.hours)
        return read_archive(expand(event.releases), event.domain, first, last)
    if event.folder is not None and event.sequence is not None:
        stored = read_nju_cpol(folder / event.folder, event.sequence, event.height_km)
    else:
        stored = read_sequence(folder / str(event.file))
    if event.frames is None:
        return [stored]
    cut = stored.isel(time=slice(event.frames[0], event.frames[1] + 1))
    return [cut.assign_attrs(selection=f"{stored.attrs['selection']}, of these {event.frames[0]} to {event.frames[1]}")]


def brought(sequence: xr.Dataset, event: Event, step_minutes: int) -> xr.Dataset:
    """A run of frames at the network's step and pixel: `reflectivity` (time, y, x; dBZ), with what was done in the attributes.

    `zdr` and `kdp` too where the run has them at that step and pixel: there is no mean and no carrying of them.
    """
    notes: dict[str, Any] = {key: sequence.attrs[key] for key in ("conversion", "selection", "source_variable")}
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
