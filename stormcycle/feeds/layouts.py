"""How public feeds write their keys: one row a layout, from key to site and time and back to the prefixes to list."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from stormcycle.times import HOUR, Time, slot_of

Kind = Literal["nexrad", "odim", "sequence", "scans", "moments", "sweeps", "imager", "hrit", "lightning", "grib"]
PACKED_KINDS: tuple[Kind, ...] = ("sequence", "sweeps")
"""One file holds many frames: a frame is a granule, its time is declared by the domain."""
MOMENTS = ("z", "zdr", "rhohv", "phidp")
"""The folders `vol_...` of CHMI's moments that we use; `vol_v`, `vol_w` and `vol_u` (velocity, width, unfiltered reflectivity) are not asked for."""
ALADIN_FIELD = r"P(00000|97500|95000|92500|85000|80000)(TEMPERATUR|HUMI_RELAT|WIND_U_COM|WIND_V_COM)|CLSTEMPERATURE|CLSHUMI_RELATIVE|MSLPRESSURE"
"""The fields of CHMI's ALADIN that an analysis needs (levels in Pa, 1000 hPa as 00000), with those on both sides of 975 hPa, which
CHMI does not publish; the others are not asked for."""


@dataclass(frozen=True)
class Layout:
    """How the keys of a feed look below its URL.

    `prefix` is a format string of `time` and `site`; `name` matches the last part of a key, with groups where the name tells
    them: `site` (a radar, an imager's channel), `time`, `created` (of several files of one site and time the newest counts),
    `lead` (hours). `time_format` reads the group `time`, which is of a volume's start, of the end of a volume or of one scan of
    it, or of a model run's base (`time_is`); with `%H` alone the day is the prefix's. `index`: what the name of the index
    beside a file has after the file's own, where only the needed parts of a file are fetched (stormcycle.feeds.ranges).
    """

    kind: Kind
    prefix: str
    name: re.Pattern[str]
    time_format: str | None
    source: str
    time_is: Literal["start", "end", "run"] = "start"
    index: str | None = None


def _abi(product: str, scene: str) -> Layout:
    """Keys of the GOES-R buckets: one file a channel, scene and scan; `s`, `e`, `c` are start, end and creation to the tenth of a second."""
    return Layout(
        kind="imager",
        prefix=f"ABI-{product}{scene[0]}/{{time:%Y/%j/%H}}",
        name=re.compile(rf"OR_ABI-{product}{scene}-M\d(?P<site>C\d\d)_G\d\d_s(?P<time>\d{{13}})\d_e\d{{14}}_c(?P<created>\d{{14}})\.nc"),
        time_format="%Y%j%H%M%S",
        source=f"GOES-R series ABI {product}, scene {scene}, as the public buckets are laid out",
    )


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
    "odim-moments": Layout(
        kind="moments",
        prefix="{site}/vol_{moment}/hdf5",
        name=re.compile(r"T_PA[A-Z]Z\d{2}_C_[A-Z]{4}_(?P<time>\d{14})\.(h5|hdf)"),
        time_format="%Y%m%d%H%M%S",
        source="ODIM_H5 volumes under WMO bulletin names, one file a moment, as CHMI's open data are laid out; the time is the end of the volume",
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
    **{f"abi-l1b-{scene.lower()}": _abi("L1b-Rad", scene) for scene in ("C", "F", "M1", "M2")},
    **{f"abi-l2-{scene.lower()}": _abi("L2-CMIP", scene) for scene in ("C", "F", "M1", "M2")},
    "glm": Layout(
        kind="lightning",
        prefix="GLM-L2-LCFA/{time:%Y/%j/%H}",
        name=re.compile(r"OR_GLM-L2-LCFA_G\d\d_s(?P<time>\d{13})\d_e\d{14}_c(?P<created>\d{14})\.nc"),
        time_format="%Y%j%H%M%S",
        source="GOES-R series GLM events, groups and flashes, a file every 20 seconds, as the public buckets are laid out",
    ),
    "hrit": Layout(
        kind="hrit",
        prefix="",
        name=re.compile(r"H-000-MSG\d__-MSG\d_\w{7}-(?P<site>[A-Z]{2}_\d{3}|HRV|_)_+-(PRO|EPI|\d{6})_{3,6}-(?P<time>\d{12})-\w_(\.bz2)?"),
        time_format="%Y%m%d%H%M",
        source="Meteosat SEVIRI HRIT: segments of a channel, prologue and epilogue of a scan, all in one folder",
    ),
    "aladin": Layout(
        kind="grib",
        prefix="{time:%H}",
        name=re.compile(r"ALAD\w+opendata_(?P<time>\d{10})_(" + ALADIN_FIELD + r")\.grb(\.bz2)?"),
        time_format="%Y%m%d%H",
        source="CHMI's open data of ALADIN: one field a file with all its leads, below the hour of the run; only the fields of an analysis",
        time_is="run",
    ),
    "gfs": Layout(
        kind="grib",
        prefix="gfs.{time:%Y%m%d}/{time:%H}/atmos",
        name=re.compile(r"gfs\.t(?P<time>\d\d)z\.pgrb2\.0p25\.f(?P<lead>\d{3})"),
        time_format="%H",
        source="NOAA GFS of a quarter of a degree on AWS: all fields of one lead a file, an index beside it",
        time_is="run",
        index=".idx",
    ),
    "hrrr": Layout(
        kind="grib",
        prefix="hrrr.{time:%Y%m%d}/conus",
        name=re.compile(r"hrrr\.t(?P<time>\d\d)z\.wrfprsf(?P<lead>\d\d)\.grib2"),
        time_format="%H",
        source="NOAA HRRR on AWS: all fields of one lead on pressure levels a file, an index beside it",
        time_is="run",
        index=".idx",
    ),
}


@dataclass(frozen=True)
class Named:
    """What a file's name tells; None where it does not. `lead`: hours, of a model's file of one lead."""

    site: str | None
    time: Time | None
    created: str = ""
    lead: int | None = None


def match_name(layout: Layout, name: str, day: Time | None = None) -> Named | None:
    """What a file's name tells, or None when the name is not of the layout. `day`: of the prefix, for names that tell the hour alone."""
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
        if layout.time_format == "%H":
            time = (day if day is not None else time).astype("datetime64[D]") + np.timedelta64(moment.hour * 3600, "s")
    return Named(groups.get("site"), time, groups.get("created") or "", int(groups["lead"]) if groups.get("lead") else None)


def kind_by_name(name: str) -> Kind | None:
    """What a file was meant to be, by its name alone, for want of content; None when no layout knows such names."""
    for layout in LAYOUTS.values():
        if layout.time_format is not None and layout.name.match(name) is not None:
            return "odim" if layout.kind in ("scans", "moments") else layout.kind
    ending = name.lower().removesuffix(".part").removesuffix(".bz2")
    if ending.endswith((".h5", ".hdf", ".hdf5")):
        return "odim"
    return "grib" if ending.endswith((".grb", ".grib", ".grb2", ".grib2")) else None


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


def prefixes(template: str, site: str, start: Time, end: Time, every_hours: int = 1) -> dict[str, Time]:
    """The prefixes that can hold granules of [start, end] for a site, in order of time, each once, with the first hour of each.

    `every_hours`: granules are of hours that many apart from 00 UTC on (a model's runs).
    """
    hours = np.arange(start.astype("datetime64[h]"), end.astype("datetime64[h]") + HOUR, HOUR).astype("datetime64[s]")
    hours = hours[(hours - hours.astype("datetime64[D]")) % (every_hours * HOUR) == np.timedelta64(0, "s")]
    found: dict[str, Time] = {}
    for hour in hours:
        for moment in MOMENTS:
            found.setdefault(template.format(time=hour.astype(datetime), site=site, moment=moment), hour)
    return found
