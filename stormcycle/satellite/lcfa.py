"""GLM files of events, groups and flashes (OR_GLM-L2-LCFA), of every era of the format, with clean units and times.

GOES-R Series Product Definition and Users' Guide, volume 5 (level 2+): an event is one detector pixel that
brightened in one frame of 2 ms, a group the adjacent events of a frame, a flash the groups close in time and space. Files
changed over the years: areas in km2 until 2018 and in m2 from 2020 on, offsets in milliseconds, then in seconds. Runs in a
child process (stormcycle.feeds.read_each).
"""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.satellite.errors import Unreadable, WrongKind
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso

NAME = re.compile(r"OR_GLM-L2-LCFA_(?P<satellite>G\d\d)_s(?P<start>\d{13})\d_e(?P<end>\d{13})\d_c(?P<created>\d{13})\d\.nc")
OFFSETS = {
    "event_time": "event_time_offset",
    "group_time": "group_time_offset",
    "flash_start": "flash_time_offset_of_first_event",
    "flash_end": "flash_time_offset_of_last_event",
}
PLAIN = {
    "event_longitude": "event_lon",
    "event_latitude": "event_lat",
    "event_energy": "event_energy",
    "group_longitude": "group_lon",
    "group_latitude": "group_lat",
    "group_energy": "group_energy",
    "group_area": "group_area",
    "flash_longitude": "flash_lon",
    "flash_latitude": "flash_lat",
    "flash_energy": "flash_energy",
    "flash_area": "flash_area",
    "flash_quality": "flash_quality_flag",
}
IDENTITIES = ("event_parent_group_id", "group_id", "group_parent_flash_id", "flash_id")
HEADER = ("product_time_bounds", "nominal_satellite_subpoint_lon", "event_count", "percent_uncorrectable_L0_errors", "percent_navigated_L1b_events")
DIMENSIONS = {"number_of_events": "event", "number_of_groups": "group", "number_of_flashes": "flash"}
SQUARE_KILOMETRES = {"km2": 1.0, "m2": 1e-6}
TIME_TOLERANCE = np.timedelta64(1, "s")
EPOCH = np.datetime64("2000-01-01T12:00:00", "ms")
EARLIEST = np.timedelta64(20, "s")
"""How long before a file's start its events may lie: a flash that goes on is written whole into the file in which it ends."""


def read_flashes(path: Path, name: str) -> xr.Dataset:
    """Events, groups and flashes of one LCFA file, whose original file name is `name`; dimensions `event`, `group`, `flash`.

    Positions in degrees as the file gives them (on the lightning ellipsoid), times UTC, energies J, areas km2; `event_group`
    and `group_flash` are positions along `group` and `flash`. A file without flashes has empty dimensions: no lightning was
    seen. Attributes: satellite, satellite_longitude, start, end, created, flashes_degraded (a quality flag is set), state,
    notes. Raises Unreadable for a file that is cut or contradicts its name's times, WrongKind for another satellite or product.
    """
    satellite, start, end, created = _named(name)
    raw = _opened(path, name)
    if str(raw.attrs.get("platform_ID")) != satellite:
        raise WrongKind(f"{name} holds lightning seen by {raw.attrs.get('platform_ID', 'an unnamed satellite')}, not by {satellite}.")
    _check_times(raw, name, start, end)
    notes = _repair_offsets(raw)
    found = xr.decode_cf(raw.drop_vars(HEADER, errors="ignore"))
    fields = {ours: found[theirs].variable for ours, theirs in (PLAIN | OFFSETS).items()}
    for kind in ("group", "flash"):
        fields[f"{kind}_area"] = fields[f"{kind}_area"] * _square_kilometres(found[f"{kind}_area"], name)
    made = xr.Dataset({ours: (DIMENSIONS[str(variable.dims[0])], variable.values) for ours, variable in fields.items()})
    made, gaps = _joined(made, found)
    gaps += _gaps(raw, made, start, end)
    made.attrs = {
        "satellite": satellite,
        "satellite_longitude": round(float(raw["nominal_satellite_subpoint_lon"]), 3),
        "start": iso(start),
        "end": iso(end),
        "created": iso(created),
        "flashes_degraded": int((made["flash_quality"] != 0).sum()),
        "state": str(GranuleState.PARTIAL if gaps else GranuleState.OK),
        "notes": [*gaps, *notes],
    }
    return made


def _named(name: str) -> tuple[str, Time, Time, Time]:
    """Satellite, start, end and creation by a file's name."""
    match = NAME.fullmatch(name)
    if match is None:
        raise WrongKind(f"{name} is no name of a GLM LCFA file.")
    try:
        start, end, created = (np.datetime64(datetime.strptime(match[key], "%Y%j%H%M%S"), "s") for key in ("start", "end", "created"))
    except ValueError:
        raise Unreadable(f"{name} names a time that is none.") from None
    if end < start:
        raise Unreadable(f"{name} ends before it starts.")
    return match["satellite"], start, end, created


def _opened(path: Path, name: str) -> xr.Dataset:
    """The variables that we read, undecoded and in memory; by netCDF4, as h5netcdf takes 20 times as long over their many small chunks."""
    wanted = [*PLAIN.values(), *OFFSETS.values(), *IDENTITIES, *HEADER]
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_cf=False) as file:
            if missing := [variable for variable in wanted if variable not in file]:
                raise WrongKind(f"{name} holds {file.attrs.get('title', 'no titled product')!r} without {missing[0]}; it is no GLM LCFA file.")
            return file[wanted].load()
    except (WrongKind, FileNotFoundError):
        raise
    except Exception as error:  # the HDF5 libraries raise anything on a bad file
        reason = " ".join(str(error).replace(str(path), "the file").split())[:200]
        raise Unreadable(f"{name} cannot be read as netCDF, it is cut or spoiled: {type(error).__name__}: {reason}") from None


def _check_times(raw: xr.Dataset, name: str, start: Time, end: Time) -> None:
    """Hold every time that the file declares against its name: its coverage, its bounds, the epochs that offsets count from."""
    try:
        bounds = [EPOCH + np.timedelta64(round(1000.0 * float(bound)), "ms") for bound in raw["product_time_bounds"].values]
        declared: dict[str, tuple[Time, Time]] = {"product time": (bounds[0], bounds[1])}
        declared["coverage"] = (_parsed(raw.attrs["time_coverage_start"]), _parsed(raw.attrs["time_coverage_end"]))
        for offset in OFFSETS.values():
            declared[offset] = (_parsed(str(raw[offset].attrs["units"]).split("since ")[1]), end)
    except (KeyError, IndexError, ValueError) as error:
        raise Unreadable(f"{name} does not say in full when it was seen: {' '.join(str(error).split())}.") from None
    for what, (first, last) in declared.items():
        if max(abs(first - start), abs(last - end)) > TIME_TOLERANCE:
            raise Unreadable(f"{name} contradicts its name: its {what} says {iso(first)} to {iso(last)}, the name {iso(start)} to {iso(end)}.")


def _parsed(text: str) -> Time:
    return np.datetime64(str(text).strip().removesuffix("Z").replace(" ", "T"), "ms")


def _repair_offsets(raw: xr.Dataset) -> list[str]:
    """Set how packed offsets are read where the file says it wrongly; a sentence when it was so.

    Offsets in milliseconds are packed from 0 as signed numbers (a flash may begin before its file), those in seconds from
    -5 s as unsigned ones. Files of October 2018 do not say so (GOES-16) or say the contrary (GOES-17).
    """
    repaired = False
    for offset in OFFSETS.values():
        attributes = raw[offset].attrs
        unsigned = float(attributes.get("add_offset", 0.0)) < 0.0
        repaired |= unsigned != (str(attributes.get("_Unsigned", "false")).lower() == "true")
        attributes["_Unsigned"] = "true" if unsigned else "false"
    return ["The file marks its packed time offsets wrongly as signed or unsigned; they were read as their packing says."] if repaired else []


def _square_kilometres(area: xr.DataArray, name: str) -> float:
    unit = str(area.attrs.get("units"))
    if unit not in SQUARE_KILOMETRES:
        raise Unreadable(f"{name} gives {area.name} in {unit}, which is neither km2 nor m2.")
    return SQUARE_KILOMETRES[unit]


def _joined(made: xr.Dataset, found: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """The dataset with `event_group` and `group_flash`, without events and groups whose parents are not there, and sentences about those."""
    flash, flash_there = _positions(found["group_parent_flash_id"].values, found["flash_id"].values)
    made = made.assign(group_flash=("group", flash)).isel(group=flash_there)
    group, group_there = _positions(found["event_parent_group_id"].values, found["group_id"].values[flash_there])
    made = made.assign(event_group=("event", group)).isel(event=group_there)
    lost = {"groups": int((~flash_there).sum()), "events": int((~group_there).sum())}
    return made, [f"{count} {what} belong to nothing that is in the file and were left out." for what, count in lost.items() if count]


def _positions(wanted: np.ndarray, identities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each wanted identity stands among the identities, and whether it is there at all."""
    if not len(identities):
        return np.zeros(len(wanted), "int64"), np.zeros(len(wanted), bool)
    order = np.argsort(identities, kind="stable")
    place = order[np.minimum(np.searchsorted(identities, wanted, sorter=order), len(identities) - 1)]
    return place, identities[place] == wanted


def _gaps(raw: xr.Dataset, made: xr.Dataset, start: Time, end: Time) -> list[str]:
    """Sentences about what is missing or cannot be: lost data, events at impossible times."""
    gaps = []
    if (declared := int(raw["event_count"])) != raw.sizes["number_of_events"]:
        gaps.append(f"{raw.sizes['number_of_events']} of {declared} events are there.")
    if (lost := float(raw["percent_uncorrectable_L0_errors"])) > 0.0:
        gaps.append(f"{100.0 * lost:.1f} % of the instrument's data were lost.")
    if 0.0 <= (navigated := float(raw["percent_navigated_L1b_events"])) < 1.0:
        gaps.append(f"{100.0 * (1.0 - navigated):.1f} % of the events could not be located.")
    outside = (made["event_time"].values < start - EARLIEST) | (made["event_time"].values > end + TIME_TOLERANCE)
    if outside.any():
        gaps.append(f"{int(outside.sum())} of {len(outside)} events lie at times that the file does not cover; their times are worth nothing.")
    return gaps
