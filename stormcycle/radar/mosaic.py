"""From gridded volumes to the hour's frames: which volume owns which slot, and what several radars see together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from stormcycle.radar.gridding import decibel, linear
from stormcycle.states import NO_ECHO_DBZ, GranuleState, Provenance
from stormcycle.times import Time, iso, slot_of

DISTANCE_SCALE_M = 50e3
HEIGHT_SCALE_M = 2e3


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
    late: bool = False


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
    return float(abs(item.nominal_time - slots[item.slot]) / np.timedelta64(1, "s")), item.state is GranuleState.PARTIAL


def mosaic(grids: Sequence[xr.Dataset], moments: Sequence[str], floor_dbz: float) -> dict[str, np.ndarray]:
    """What several radars see together (y, x): the mean of each moment over the radars that observed it, of reflectivity in
    linear units, no echo counting as 0; `marks`, the provenance bits of gates that were rejected.

    The nearer radar with the lower beam counts more: `exp(-(distance / 50 km)^2 - (height / 2 km)^2)`, the form of Zhang et
    al. (2011), Bull. Amer. Meteor. Soc. 92, 1321; the scales are ours. A mean below `floor_dbz` is no echo. Gridded
    frames, which say neither, count alike.
    """
    weights = np.stack([_weight(grid) for grid in grids])
    reflectivity = np.stack([grid["reflectivity"].values for grid in grids])
    seen = ~np.isnan(reflectivity)
    count, total = seen.sum(axis=0), np.where(seen, weights, 0.0).sum(axis=0)
    together = decibel((np.where(seen, weights, 0.0) * linear(reflectivity)).sum(axis=0) / np.where(total > 0, total, 1.0))
    alone = np.where(seen, reflectivity, 0.0).sum(axis=0)
    field = np.where(count > 1, np.where(together >= floor_dbz, together, NO_ECHO_DBZ), np.where(count == 1, alone, np.nan))
    layers = {"reflectivity": field}
    for name in (name for name in moments if name != "reflectivity"):
        values = np.stack([grid[name].values for grid in grids])
        weight = np.where(np.isnan(values), 0.0, weights)
        known = (weight > 0).any(axis=0) & (field > NO_ECHO_DBZ)
        layers[name] = np.where(known, (weight * np.nan_to_num(values)).sum(axis=0) / np.where(known, weight.sum(axis=0), 1.0), np.nan)
    layers["marks"] = np.bitwise_or.reduce([grid["rejected"].values if "rejected" in grid else np.zeros(field.shape, "uint16") for grid in grids])
    return layers


def _weight(grid: xr.Dataset) -> np.ndarray:
    if "distance" not in grid:
        return np.ones(grid["reflectivity"].shape)
    height = np.nan_to_num(grid["beam_height"].values.astype("float64"))
    return np.asarray(np.exp(-((grid["distance"].values.astype("float64") / DISTANCE_SCALE_M) ** 2) - (height / HEIGHT_SCALE_M) ** 2))


def hour_frames(members: Sequence[Member], slots: np.ndarray, shape: tuple[int, int], moments: Sequence[str], floor_dbz: float) -> xr.Dataset:
    """The hour's frames: each moment over (slot, y, x), NaN where nothing was observed; `marks` (slot, y, x), provenance bits
    of rejected gates and of late granules; `nominal_time` and `actual_time` (slot), means of the volumes' own, NaT where
    there is none; `present` (slot).
    """
    fields = {name: np.full((len(slots), *shape), np.nan, "float32") for name in moments}
    fields["marks"] = np.zeros((len(slots), *shape), "uint16")
    times = {name: np.full(len(slots), np.datetime64("NaT"), "datetime64[ns]") for name in ("nominal_time", "actual_time")}
    for slot in range(len(slots)):
        there = [member for member in members if member.slot == slot]
        if not there:
            continue
        for name, values in mosaic([member.fields for member in there], moments, floor_dbz).items():
            fields[name][slot] = values
        for member in there:
            fields["marks"][slot] |= np.where(member.late & ~np.isnan(member.fields["reflectivity"].values), np.uint16(Provenance.LATE), np.uint16(0))
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
