"""The 19 channels of the analysis grid from a run's files. Runs in a child process (stormcycle.feeds.read_each)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr
from pyresample.geometry import AreaDefinition

from stormcycle.background import humidity
from stormcycle.background.errors import Unreadable
from stormcycle.background.fields import Field, read_values
from stormcycle.background.grids import SourceGrid, grid_north, places, sampled, turned
from stormcycle.background.parameters import Parameter
from stormcycle.background.planning import CHANNELS, UNITS, Plan, Source, plan
from stormcycle.background.selection import Candidate, Trouble, refusal, select
from stormcycle.grids import longitudes_latitudes
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso

Held = dict[Parameter, list[Candidate]]
Sampled = dict[Parameter, np.ndarray]


def analysis_fields(files: Sequence[tuple[Path, str]], valid_time: Time, area: AreaDefinition, base_time: Time | None = None) -> xr.Dataset:
    """The state of a model run at a time on an area, from its files (path, name), whichever fields each of them holds.

    `state` (channel, y, x) float32 in the order of CHANNELS: K, m s-1 along the area's x and y, % over water, Pa; NaN where
    there is none. `present` and `interpolated` by channel. Attributes: `analysis` is "yes", or "no: " and why; `state`
    (ok, partial), `notes`; `granules`: state and sentences of the files that something is wrong with; `base_time`,
    `valid_time`, `lead_hours`, `model`. `base_time`: of the run that the files' names tell.

    Raises Unreadable for a set that cannot be used (damaged, of two runs, a field given twice), WrongKind for one of another
    time, run or place.
    """
    with TemporaryDirectory(prefix="stormcycle-") as folder:
        candidates, troubles = select(files, valid_time, base_time, Path(folder))
        return _analysis(candidates, troubles, area)


def _analysis(candidates: Sequence[Candidate], troubles: list[Trouble], area: AreaDefinition) -> xr.Dataset:
    longitude, latitude = longitudes_latitudes(area)
    where = {grid: places(grid, longitude, latitude) for grid in dict.fromkeys(candidate.field.grid for candidate in candidates)}
    inside = {grid: bool(np.isfinite(found).any()) for grid, found in where.items()}
    away = [candidate for candidate in candidates if not inside[candidate.field.grid]]
    troubles += [Trouble(name, GranuleState.MISPLACED, f"{name} holds nothing of the area {area.area_id}.") for name in _names(away)]
    held: Held = defaultdict(list)
    for candidate in candidates:
        if inside[candidate.field.grid]:
            held[candidate.field.parameter].append(candidate)
    chosen, values, bad = _read(held, where)
    troubles += bad
    if not values:
        raise refusal(troubles)
    turning = _turning(held, area, longitude, latitude)
    made = {channel: _channel(channel, source, values, turning) for channel, source in chosen.sources.items()}
    beyond = sum(int(((field < 0.0) | (field > humidity.HIGHEST)).sum()) for channel, field in made.items() if channel.startswith("r"))
    state = np.full((len(CHANNELS), *area.shape), np.nan, "float32")
    for channel, field in made.items():
        state[CHANNELS.index(channel)] = humidity.clipped(field) if channel.startswith("r") else field
    used = [candidate for parameter in values for candidate in held[parameter]]
    return xr.Dataset(
        {
            "state": (("channel", "y", "x"), state),
            "present": ("channel", np.array([channel in made for channel in CHANNELS])),
            "interpolated": ("channel", np.array([channel in made and chosen.sources[channel].interpolated for channel in CHANNELS])),
        },
        coords={"channel": list(CHANNELS), "units": ("channel", list(UNITS))},
        attrs={**_judged(chosen, made, troubles, used), **_origin(used[0].field), "humidity_clipped_points": beyond},
    )


def _read(held: Held, where: dict[SourceGrid, np.ndarray]) -> tuple[Plan, Sampled, list[Trouble]]:
    """The plan, the fields that it needs on the area, and the fields that proved unusable.

    A field that proves unusable is taken out of `held` and the plan is made anew: another level may stand in for it.
    """
    values: Sampled = {}
    troubles: list[Trouble] = []
    while True:
        chosen = plan(held)
        wanted = chosen.needed - set(values)
        if not wanted:
            return chosen, values, troubles
        by_file: dict[tuple[Path, str], list[Field]] = defaultdict(list)
        for candidate in [candidate for parameter in sorted(wanted) for candidate in held[parameter]]:
            by_file[candidate.path, candidate.name].append(candidate.field)
        for (path, name), fields in by_file.items():
            for field, found in read_values(path, name, fields):
                if isinstance(found, Unreadable):
                    troubles.append(Trouble(name, GranuleState.CORRUPT, str(found)))
                    _forget(held, Candidate(path, name, field))
                else:
                    _keep(values, field, sampled(found, field.grid, where[field.grid]), name)


def _keep(values: Sampled, field: Field, found: np.ndarray, name: str) -> None:
    """Add a field. The same field twice is no harm; two that differ are members of an ensemble, or two models."""
    earlier = values.setdefault(field.parameter, found)
    if not np.array_equal(earlier, found, equal_nan=True):
        raise Unreadable(f"{name}: {field.parameter} is given twice with different values, as by members of an ensemble; take one member.")


def _forget(held: Held, candidate: Candidate) -> None:
    held[candidate.field.parameter].remove(candidate)
    if not held[candidate.field.parameter]:
        del held[candidate.field.parameter]


def _turning(held: Held, area: AreaDefinition, longitude: np.ndarray, latitude: np.ndarray) -> dict[Parameter, np.ndarray]:
    """By component of wind at a level: how far (degrees) the axes that it is given along lie clockwise of the area's."""
    north = grid_north(area.crs, longitude, latitude)
    angles: dict[str, np.ndarray] = {"": -north}
    found = {}
    for parameter in held:
        if parameter.what in ("u", "v"):
            grid = held[parameter][0].field.grid
            axes = grid.projection if grid.grid_relative else ""
            if axes not in angles:
                angles[axes] = grid_north(axes, longitude, latitude) - north
            found[parameter] = angles[axes]
    return found


def _channel(channel: str, source: Source, values: Sampled, turning: dict[Parameter, np.ndarray]) -> np.ndarray:
    """A channel (y, x), interpolated in log p where it is between two levels."""
    fields = [_at(channel, recipe, values, turning) for recipe in source.levels]
    if not source.interpolated:
        return fields[0]
    below, above = (recipe[0].level for recipe in source.levels)
    weight = np.log(below / float(channel[1:])) / np.log(below / above)
    return (1.0 - weight) * fields[0] + weight * fields[1]


def _at(channel: str, recipe: tuple[Parameter, ...], values: Sampled, turning: dict[Parameter, np.ndarray]) -> np.ndarray:
    """A channel's quantity at one level, from the fields of its recipe (stormcycle.background.planning)."""
    fields = [values[parameter] for parameter in recipe]
    match recipe[0].what:
        case "u":
            if not np.array_equal(turning[recipe[0]], turning[recipe[1]]):
                raise Unreadable(f"{recipe[0]} and {recipe[1]} are given along the axes of two projections; take both from one product.")
            return turned(fields[0], fields[1], turning[recipe[0]])[0 if channel.startswith("u") else 1]
        case "q":
            return humidity.humidity_of_specific(fields[0], fields[1], fields[2] if len(fields) == 3 else recipe[0].level * 100.0)
        case "td":
            return humidity.humidity_of_dew_point(fields[0], fields[1])
        case _:
            return fields[0]


def _judged(chosen: Plan, made: dict[str, np.ndarray], troubles: Sequence[Trouble], used: Sequence[Candidate]) -> dict[str, Any]:
    """Whether there is an analysis, what is wrong, and what stands in for what."""
    covered = float(np.isfinite(np.stack(list(made.values()))).all(axis=0).mean())
    partly = f"the fields cover {covered:.1%} of the area" if covered < 1.0 else ""
    why = "; ".join(sentence for sentence in (chosen.missing, partly) if sentence)
    granules = {}
    for name in dict.fromkeys(trouble.name for trouble in troubles):
        own = [trouble for trouble in troubles if trouble.name == name]
        state = GranuleState.PARTIAL if name in _names(used) else own[0].state
        granules[name] = {"state": str(state), "notes": [trouble.sentence for trouble in own]}
    return {
        "analysis": f"no: {why}" if why else "yes",
        "state": str(GranuleState.PARTIAL if why or troubles else GranuleState.OK),
        "notes": [*chosen.ways, *(trouble.sentence for trouble in troubles), *([f"{partly[0].upper()}{partly[1:]}."] if partly else [])],
        "granules": granules,
        "interpolated_levels": list(chosen.interpolated_levels),
    }


def _origin(field: Field) -> dict[str, Any]:
    return {
        "base_time": iso(field.base_time),
        "valid_time": iso(field.valid_time),
        "lead_hours": field.lead_hours,
        "model": field.model,
        "source_grid": field.shape,
    }


def _names(candidates: Iterable[Candidate]) -> list[str]:
    return list(dict.fromkeys(candidate.name for candidate in candidates))
