"""How public feeds write their keys: one row a layout, from key to site and time and back to the prefixes to list."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from stormcycle.times import HOUR, Time, slot_of

Kind = Literal["nexrad", "odim", "sequence", "scans", "sweeps"]
PACKED_KINDS: tuple[Kind, ...] = ("sequence", "sweeps")
"""One file holds many frames: a frame is a granule, its time is declared by the domain."""


@dataclass(frozen=True)
class Layout:
    """How the keys of a feed look below its URL.

    `prefix` is a format string of `time` and `site`; `name` matches the last part of a key, with groups `site` and
    `time` where the name tells them; `time_format` reads the group `time`, which is of a volume's start, or of the end
    of one scan of the volume (`time_is`).
    """

    kind: Kind
    prefix: str
    name: re.Pattern[str]
    time_format: str | None
    source: str
    time_is: Literal["start", "end"] = "start"


LAYOUTS: dict[str, Layout] = {
    "nexrad": Layout(
        kind="nexrad",
        prefix="{time:%Y/%m/%d}/{site}",
        name=re.compile(r"(?P<site>[A-Z]{4})(?P<time>\d{8}_\d{6})(_V\d\d)?(\.gz)?"),
        time_format="%Y%m%d_%H%M%S",
        source="NEXRAD Level II archive bucket unidata-nexrad-level2",
    ),
    "odim": Layout(
        kind="odim",
        prefix="{time:%Y/%m/%d}/{site}",
        name=re.compile(r"(?P<site>[A-Za-z0-9-]+)_pvol_(?P<time>\d{8}T\d{6})Z\.h5"),
        time_format="%Y%m%dT%H%M%S",
        source="ODIM_H5 polar volumes, one a site and time, by day and site",
    ),
    "odim-by-site": Layout(
        kind="odim",
        prefix="",
        name=re.compile(r"(?P<site>[A-Za-z0-9-]+)\.h5"),
        time_format=None,
        source="ODIM_H5 polar volumes of one time, named by site alone",
    ),
    "odim-scans": Layout(
        kind="scans",
        prefix="{time:%Y/%m/%d}/{site}",
        name=re.compile(r"T_PA[A-Z]{2}\d{2}_C_[A-Z]{4}_(?P<time>\d{14})\.(h5|hdf)"),
        time_format="%Y%m%d%H%M%S",
        source="ODIM_H5 scans under WMO bulletin names, one file a sweep; the time is the end of the scan",
        time_is="end",
    ),
    "packed-sequence": Layout(
        kind="sequence",
        prefix="",
        name=re.compile(r"[\w.-]+\.nc"),
        time_format=None,
        source="gridded frames packed into one netCDF file; a frame is a granule whose time is declared",
    ),
    "packed-sweeps": Layout(
        kind="sweeps",
        prefix="",
        name=re.compile(r"[\w.-]+\.nc"),
        time_format=None,
        source="polar sweeps of one site packed along time into one netCDF file; a sweep is a granule whose time is declared",
    ),
}


def match_name(layout: Layout, name: str) -> tuple[str | None, Time | None] | None:
    """Site and time that a file's name tells (None where it does not), or None when the name is not of the layout."""
    match = layout.name.fullmatch(name)
    if match is None:
        return None
    groups = match.groupdict()
    time = None
    if layout.time_format is not None:
        try:
            moment = datetime.strptime(groups["time"], layout.time_format).replace(tzinfo=UTC)
        except ValueError:
            return None
        time = np.datetime64(moment.replace(tzinfo=None), "s")
    return groups.get("site"), time


def kind_by_name(name: str) -> Literal["nexrad", "odim"] | None:
    """What a file was meant to be, by its name alone, for want of content; None when no layout knows such names."""
    for layout in LAYOUTS.values():
        if layout.time_format is not None and layout.name.match(name) is not None:
            return "nexrad" if layout.kind == "nexrad" else "odim"
    return "odim" if name.lower().endswith((".h5", ".hdf", ".hdf5")) else None


def window(layout: Layout, cycle_time: Time, step_minutes: int) -> tuple[Time, Time]:
    """The times by name [start, end) of what a cycle's slots can own.

    A volume lies within half a step of its slot: [T - 60 min + half a step, T + half a step). Of a volume that starts at
    its slot the scans end within the step after it: (T - 60 min + step, T + step], to the second.
    """
    if layout.time_is == "end":
        step, second = np.timedelta64(step_minutes * 60, "s"), np.timedelta64(1, "s")
        return cycle_time - HOUR + step + second, cycle_time + step + second
    half_step = np.timedelta64(step_minutes * 30, "s")
    return cycle_time - HOUR + half_step, cycle_time + half_step


def slot_index(layout: Layout, named_time: Time, slots: np.ndarray, step_minutes: int) -> int | None:
    """The index of the slot that a time by name belongs to; None outside the cycle's slots."""
    if layout.time_is == "end":
        start = window(layout, slots[-1], step_minutes)[0]
        index = int((named_time - start) // np.timedelta64(step_minutes * 60, "s"))
        return index if 0 <= index < len(slots) else None
    return slot_of(named_time, slots, step_minutes)


def prefixes(template: str, site: str, start: Time, end: Time) -> list[str]:
    """The prefixes that can hold granules of [start, end] for a site, in order of time, each once."""
    hours = np.arange(start.astype("datetime64[h]"), end.astype("datetime64[h]") + HOUR, HOUR)
    return list(dict.fromkeys(template.format(time=hour.astype("datetime64[s]").astype(datetime), site=site) for hour in hours))
