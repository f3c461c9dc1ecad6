"""From gridded volumes to the hour's frames: which volume owns which slot, and what several radars see together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from stormcycle.states import GranuleState
from stormcycle.times import Time, iso, slot_of


@dataclass(frozen=True)
class Placed:
    """One gridded volume's place: its site, its nominal time, its slot (None: outside the hour), its state."""

    site: str
    nominal_time: Time
    slot: int | None
    state: GranuleState
    note: str = ""


@dataclass(frozen=True)
class Member:
    """A gridded volume that makes part of the frame of its slot."""

    slot: int
    nominal_time: Time
    actual_time: Time
    fields: xr.Dataset


def nominal_time(declared: Time | None, first_ray: Time, step_minutes: int) -> Time:
    """The time that a volume declares, unless it is further than half a step from its sweeps' own times."""
    if declared is None or abs(declared - first_ray) > np.timedelta64(step_minutes * 30, "s"):
        return first_ray
    return declared


def place(volumes: Sequence[tuple[str, Time, GranuleState]], slots: np.ndarray, step_minutes: int) -> list[Placed]:
    """Give each volume (site, nominal time, state) its slot; of several in one slot of a site the nearest stays.

    The others are `duplicate`; a whole volume beats a partial one at the same distance; a volume outside the hour is
    `misplaced`.
    """
    placed = []
    for site, time, state in volumes:
        slot = slot_of(time, slots, step_minutes)
        note = "" if slot is not None else f"Its time {iso(time)} lies outside the cycle's hour."
        placed.append(Placed(site, time, slot, state if slot is not None else GranuleState.MISPLACED, note))
    best: dict[tuple[str, int], int] = {}
    for index, item in enumerate(placed):
        if item.slot is not None:
            key = (item.site, item.slot)
            if key not in best or _rank(item, slots) < _rank(placed[best[key]], slots):
                best[key] = index
    return [
        item
        if item.slot is None or best[item.site, item.slot] == index
        else Placed(item.site, item.nominal_time, None, GranuleState.DUPLICATE, f"Another volume of {item.site} is nearer to the slot {iso(slots[item.slot])}.")
        for index, item in enumerate(placed)
    ]


def _rank(item: Placed, slots: np.ndarray) -> tuple[float, bool]:
    assert item.slot is not None
    return float(abs(item.nominal_time - slots[item.slot]) / np.timedelta64(1, "s")), item.state is not GranuleState.OK


def mosaic(grids: Sequence[xr.Dataset], moments: Sequence[str]) -> dict[str, np.ndarray]:
    """What several radars see together: the highest reflectivity (y, x), the other moments of the radar that saw it.

    A pixel is not observed (NaN) only where no radar observed it.
    """
    reflectivity = np.stack([grid["reflectivity"].values for grid in grids])
    order = np.where(np.isnan(reflectivity), -np.inf, reflectivity).argmax(axis=0)
    return {name: np.take_along_axis(np.stack([grid[name].values for grid in grids]), order[None], axis=0)[0] for name in moments}


def hour_frames(members: Sequence[Member], slots: np.ndarray, shape: tuple[int, int], moments: Sequence[str]) -> xr.Dataset:
    """The hour's frames: each moment over (slot, y, x), NaN where nothing was observed; `nominal_time` and `actual_time`
    (slot), means of the volumes' own, NaT where there is none; `present` (slot).
    """
    fields = {name: np.full((len(slots), *shape), np.nan, "float32") for name in moments}
    times = {name: np.full(len(slots), np.datetime64("NaT"), "datetime64[ns]") for name in ("nominal_time", "actual_time")}
    for slot in range(len(slots)):
        there = [member for member in members if member.slot == slot]
        if not there:
            continue
        for name, values in mosaic([member.fields for member in there], moments).items():
            fields[name][slot] = values
        times["nominal_time"][slot] = mean_time([member.nominal_time for member in there])
        times["actual_time"][slot] = mean_time([member.actual_time for member in there])
    present = ~np.isnan(fields["reflectivity"]).all(axis=(1, 2))
    return xr.Dataset(
        {**{name: (("slot", "y", "x"), values) for name, values in fields.items()}, "present": ("slot", present)},
        coords={"slot": slots.astype("datetime64[ns]"), **{name: ("slot", values) for name, values in times.items()}},
    )


def mean_time(times: Sequence[Time]) -> Time:
    """The mean of times, to the second."""
    return np.datetime64(int(np.array(times).astype("datetime64[s]").astype("int64").mean()), "s")
