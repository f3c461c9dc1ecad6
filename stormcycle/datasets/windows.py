"""Windows of ten frames in and ten out and the motion between them, prepared once and kept as arrays on the disk.

A window is what stormcycle.nowcast.neural has in a cycle, with the truth beside it. An event's windows are kept under the
digest of its file, its settings and the sources that made them.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.cycle.digests import json_digest, sources_digest
from stormcycle.cycle.files import json_bytes, temporary_beside
from stormcycle.datasets.events import Event, brought, read_event
from stormcycle.datasets.sequence import FRAMES_IN, FRAMES_OUT, SEQUENCE_FRAMES
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, motion
from stormcycle.nowcast.lagrangian import displacements
from stormcycle.nowcast.variables import VARIABLES
from stormcycle.states import dry_filled

SIDE = 256
WET_DBZ, LEAST_WET_SHARE = 20.0, 0.002
"""A window whose truth has less echo than this at every lead teaches nothing."""
PARTS = ("frames", "truth", "displacement", "mask")
TOLD = ("conversion", "selection", "pixels", "step")
"""Attributes of an event that say what was done to it."""
SOURCES = (
    *(f"stormcycle/datasets/{name}.py" for name in ("events", "sequence", "windows")),
    "stormcycle/nowcast/lagrangian.py",
    "stormcycle/nowcast/extrapolation.py",
    "stormcycle/nowcast/frames.py",
)


@dataclass(frozen=True)
class Windows:
    """The windows of one event, arrays on the disk, in physical units, dry and not observed 0: frames and truth (n, variable, 10, y, x;
    of the truth NaN where no longer observed),
    displacement from each lead back to the newest frame (n, 10, 2, y, x; pixels), mask where a radar sees (n, y, x).
    """

    event: Event
    frames: np.ndarray
    truth: np.ndarray
    displacement: np.ndarray
    mask: np.ndarray
    variables: tuple[str, ...]
    """What stands along the axis `variable`, zh first (stormcycle.nowcast.variables)."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What was done to the event's file: conversion, frames taken, step, pixels."""

    def __len__(self) -> int:
        return len(self.frames)


def windows_of(folder: Path, event: Event, step_minutes: int, resolution_m: float, kept: Path, seed: int) -> Windows:
    """The windows of an event, from those kept below a folder, or made now.

    Reads the event's files: it belongs in a child process. Raises ValueError where no window has echo, or where the event says that its pixels are
    others than `resolution_m`.
    """
    return opened(_place(folder, event, step_minutes, resolution_m, kept, seed), event)


def opened(place: Path, event: Event) -> Windows:
    """The windows that are kept in a folder."""
    parts = {part: np.load(place / f"{part}.npy", mmap_mode="r") for part in PARTS}
    told = json.loads((place / "notes.json").read_text())
    return Windows(event, **parts, variables=tuple(told["variables"]), notes=told["notes"])


def _place(folder: Path, event: Event, step_minutes: int, resolution_m: float, kept: Path, seed: int) -> Path:
    """Where an event's windows are kept; they are made where they are not."""
    runs = read_event(folder, event)
    for pixel in {run.attrs["resolution_m"] * event.coarsen for run in runs if "resolution_m" in run.attrs}:
        if pixel != resolution_m:
            raise ValueError(
                f"The event {event.name} has pixels of {pixel:g} m, `coarsen` counted; the recipe learns at {resolution_m:g} m: set `coarsen`, or leave it out."
            )
    frames = [hashlib.sha256(field.values.tobytes()).hexdigest() for run in runs for field in run.data_vars.values()]
    place = kept / f"{event.name}-{json_digest([frames, event.model_dump(mode='json', exclude={'weight'}), step_minutes, seed, sources_digest(*SOURCES)])[:16]}"
    if not place.is_dir():
        _make(place, [brought(run, event, step_minutes) for run in runs], event, np.random.default_rng(seed))
    return place


def _make(place: Path, runs: list[xr.Dataset], event: Event, rng: np.random.Generator) -> None:
    """Write the windows of an event's runs of frames and what was done to them, whole or not at all; no window reaches over two runs."""
    variables = [word for word, name in VARIABLES.items() if all(name in run for run in runs)]
    made: list[tuple[np.ndarray, ...]] = []
    for run in runs:
        frames = np.stack([run[VARIABLES[word]].values for word in variables])
        if min(frames.shape[2:]) < SIDE:
            raise ValueError(f"The event {event.name} has frames of {frames.shape[2]} x {frames.shape[3]} pixels; a window takes {SIDE} x {SIDE}.")
        for start in range(frames.shape[1] - SEQUENCE_FRAMES + 1):
            for _ in range(event.crops):
                window = _window(frames[:, start : start + SEQUENCE_FRAMES], event, rng)
                if window is not None:
                    made.append(window)
    if not made:
        raise ValueError(f"The event {event.name} has no window of {SEQUENCE_FRAMES} frames with echo.")
    building = temporary_beside(place)
    building.mkdir()
    notes = {key: "; then ".join(dict.fromkeys(str(run.attrs[key]) for run in runs if key in run.attrs)) for key in TOLD}
    try:
        for part, arrays in zip(PARTS, zip(*made, strict=True), strict=True):
            np.save(building / f"{part}.npy", np.stack(arrays))
        (building / "notes.json").write_bytes(json_bytes({"variables": variables, "notes": {key: told for key, told in notes.items() if told}}))
        if not place.is_dir():  # another process may have made the same meanwhile
            building.rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _window(frames: np.ndarray, event: Event, rng: np.random.Generator) -> tuple[np.ndarray, ...] | None:
    """One window of frames (variable, time, y, x; zh first): a square of the grid, its mask, its motion from the whole grid."""
    velocity = motion(frames[0, FRAMES_IN - MOTION_FRAMES : FRAMES_IN])
    top, left = (int(rng.integers(0, size - SIDE + 1)) for size in frames.shape[2:])
    square = (..., slice(top, top + SIDE), slice(left, left + SIDE))
    mask = _disc(event.disc_radius_px) & ~np.isnan(frames[0, FRAMES_IN - 1][square])
    seen = np.where(mask, dry_filled(frames[square]), 0.0)
    past, truth = seen[:, :FRAMES_IN], np.where(mask & np.isnan(frames[:1, FRAMES_IN:][square]), np.nan, seen[:, FRAMES_IN:])
    if (truth[0] >= WET_DBZ).mean(axis=(1, 2)).max() < LEAST_WET_SHARE:
        return None
    return past.astype("float16"), truth.astype("float16"), displacements(velocity[square], FRAMES_OUT).astype("float16"), mask


def _disc(radius_px: float | None) -> np.ndarray:
    y, x = np.ogrid[:SIDE, :SIDE]
    middle = (SIDE - 1) / 2
    return np.hypot(y - middle, x - middle) <= (np.inf if radius_px is None else radius_px)


def prepare(folder: Path, events: list[Event], step_minutes: int, resolution_m: float, kept: Path, seed: int, progress: Callable[[str], None]) -> list[Windows]:
    """The windows of events, each prepared in a child process where it is not yet; progress is told each event's name.

    Raises ValueError with the first event's reason that cannot be read.
    """
    from stormcycle.feeds.reading import ReadFailure, read_each

    made = []
    for event in events:
        progress(event.name)
        (place,) = read_each(_place, [(folder, event, step_minutes, resolution_m, kept, seed)])
        if isinstance(place, ReadFailure):
            raise ValueError(place.reason)
        made.append(opened(place, event))
    return made
