"""How public feeds write their keys: one row a layout, from key to site and time and back to the prefixes to list."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from stormcycle.times import HOUR, Time

Kind = Literal["nexrad", "odim", "sequence"]


@dataclass(frozen=True)
class Layout:
    """How the keys of a feed look below its URL.

    `prefix` is a format string of `time` and `site`; `name` matches the last part of a key, with groups `site` and
    `time` where the name tells them; `time_format` reads the group `time`.
    """

    kind: Kind
    prefix: str
    name: re.Pattern[str]
    time_format: str | None
    source: str


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
    "packed-sequence": Layout(
        kind="sequence",
        prefix="",
        name=re.compile(r"[\w.-]+\.nc"),
        time_format=None,
        source="gridded frames packed into one netCDF file; a frame is a granule whose time is declared",
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


def kind_by_name(name: str) -> Kind | None:
    """What a file was meant to be, by its name alone, for want of content; None when no layout knows such names."""
    for layout in LAYOUTS.values():
        if layout.time_format is not None and layout.name.match(name) is not None:
            return layout.kind
    return "odim" if name.lower().endswith((".h5", ".hdf", ".hdf5")) else None


def prefixes(template: str, site: str, start: Time, end: Time) -> list[str]:
    """The prefixes that can hold granules of [start, end] for a site, in order of time, each once."""
    hours = np.arange(start.astype("datetime64[h]"), end.astype("datetime64[h]") + HOUR, HOUR)
    return list(dict.fromkeys(template.format(time=hour.astype("datetime64[s]").astype(datetime), site=site) for hour in hours))
