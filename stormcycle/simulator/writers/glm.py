"""Lightning as the GLM LCFA files of the public buckets: GOES-R Product Definition and Users' Guide, volume 5.

`glm_lcfa.json` is what every file of the real feed has in common since 2020: dimensions, variables, their types, packings and
attributes, in their order, taken from a real file; what a granule decides is null or has no value there, and is set here.
"""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from netCDF4 import Dataset

from stormcycle.simulator.instruments.lightning import GRANULE_S, Seen
from stormcycle.simulator.writers.goes import header, template, typed
from stormcycle.times import Time

J2000 = np.datetime64("2000-01-01T12:00:00", "s")
LENGTH = np.timedelta64(GRANULE_S, "s")
PUBLISHED_AFTER = np.timedelta64(2, "s")
"""From the end of a granule to the creation of its file: 1.3 to 4.2 s in the real ones."""
WESTERNMOST, EASTERNMOST = -64.4, 64.0
"""The field of view that files declare, in degrees from the slot's longitude."""
PACKED_WEST = -66.56
"""Packed longitudes count from here, in degrees from the slot's longitude."""
SERIES = 2**16
"""Identities that a granule may use: each granule's begin where the one before cannot come."""


def lcfa_name(seen: Seen) -> str:
    """The file name of a granule: `OR_GLM-L2-LCFA_G19_s<start>_e<end>_c<creation>.nc`."""
    times = "_".join(f"{letter}{time.astype(datetime):%Y%j%H%M%S}0" for letter, time in zip("sec", _times(seen), strict=True))
    return f"OR_GLM-L2-LCFA_{seen.satellite}_{times}.nc"


def lcfa_bytes(seen: Seen) -> bytes:
    """A granule as the bytes of an LCFA file; the same granule gives the same bytes (no wall clock)."""
    common, attributes, values = template("glm_lcfa.json"), _attributes(seen), _values(seen)
    with TemporaryDirectory() as folder:  # netCDF4's files in memory end in whatever lay there before
        path = Path(folder) / "granule.nc"
        with Dataset(path, "w") as file:
            file.setncatts({name: attributes["", name] if value is None else value for name, value in common["attributes"].items()})
            for name, size in common["dimensions"].items():
                file.createDimension(name, size)
            for name, entry in common["variables"].items():
                _write(file, name, entry, attributes, values[name] if name in values else entry["value"])
        return path.read_bytes()


def _write(file: Dataset, name: str, entry: dict[str, Any], attributes: dict[tuple[str, str], Any], values: Any) -> None:
    """One variable with its attributes; values with a scale are packed into unsigned numbers, which the file calls signed ones."""
    told = {key: typed(value, attributes.get((name, key))) for key, value in entry["attributes"].items()}
    chunks = (256,) if entry["dimensions"] and file.dimensions[entry["dimensions"][0]].isunlimited() else None
    variable = file.createVariable(name, entry["type"], entry["dimensions"], fill_value=told.pop("_FillValue", None), chunksizes=chunks)
    variable.set_auto_maskandscale(False)
    variable.setncatts(told)
    raw = np.asarray(values)
    if "scale_factor" in told:
        highest = 2**16 - (2 if "_FillValue" in entry["attributes"] else 1)
        raw = np.clip(np.rint((raw - float(told["add_offset"])) / float(told["scale_factor"])), 0, highest)
    variable[...] = raw.astype("int64").astype(entry["type"]) if entry["type"].startswith("int") else raw.astype(entry["type"])


def _times(seen: Seen) -> tuple[Time, Time, Time]:
    """Start and end of a granule, creation of its file."""
    return seen.start, seen.start + LENGTH, seen.start + LENGTH + PUBLISHED_AFTER


def _attributes(seen: Seen) -> dict[tuple[str, str], Any]:
    """(variable, attribute) -> value of what a granule decides; the variable of the file's own attributes is empty."""
    start, end, created = (f"{np.datetime_as_string(time.astype('datetime64[s]'))}.0Z" for time in _times(seen))
    name = lcfa_name(seen)
    own = header(name, seen.satellite, seen.slot_longitude, start, end, created)
    found: dict[tuple[str, str], Any] = {("", key): value for key, value in own.items()}
    for variable, entry in template("glm_lcfa.json")["variables"].items():
        for attribute, value in entry["attributes"].items():
            if attribute.startswith("percent_"):
                found[variable, attribute] = float(attribute == "percent_good_quality_qf")
            elif value is None:
                found[variable, attribute] = f"seconds since {start[:-1].replace('T', ' ')}00" if attribute == "units" else "none: simulated"
    return found | {("event_lon", "add_offset"): seen.slot_longitude + PACKED_WEST}


def _values(seen: Seen) -> dict[str, Any]:
    """Variable -> value of what a granule decides."""
    events, groups, flashes = seen.events, seen.groups, seen.flashes
    seconds = int((seen.start - J2000) / np.timedelta64(1, "s"))
    first_identity = seconds // GRANULE_S % 2**15 * SERIES
    group_identity = first_identity + np.arange(len(groups.seconds))
    flash_identity = (seconds // GRANULE_S * 977 + np.arange(len(flashes.first_s))) % 2**16
    return {
        "event_id": first_identity + np.arange(len(events.seconds)),
        "event_time_offset": events.seconds,
        "event_lat": events.latitude,
        "event_lon": events.longitude,
        "event_energy": events.energy_j,
        "event_parent_group_id": group_identity[events.group],
        "group_id": group_identity,
        "group_time_offset": groups.seconds,
        "group_frame_time_offset": groups.seconds + groups.travel_s,
        "group_lat": groups.latitude,
        "group_lon": groups.longitude,
        "group_area": groups.area_m2,
        "group_energy": groups.energy_j,
        "group_parent_flash_id": flash_identity[groups.flash],
        "group_quality_flag": np.zeros(len(groups.seconds)),
        "flash_id": flash_identity,
        "flash_time_offset_of_first_event": flashes.first_s,
        "flash_time_offset_of_last_event": flashes.last_s,
        "flash_frame_time_offset_of_first_event": flashes.first_s + flashes.travel_s,
        "flash_frame_time_offset_of_last_event": flashes.last_s + flashes.travel_s,
        "flash_lat": flashes.latitude,
        "flash_lon": flashes.longitude,
        "flash_area": flashes.area_m2,
        "flash_energy": flashes.energy_j,
        "flash_quality_flag": np.zeros(len(flashes.first_s)),
        "product_time": seconds,
        "product_time_bounds": [seconds, seconds + GRANULE_S],
        "event_count": len(events.seconds),
        "group_count": len(groups.seconds),
        "flash_count": len(flashes.first_s),
        "nominal_satellite_subpoint_lon": seen.longitude,
        "lon_field_of_view": seen.slot_longitude,
        "lon_field_of_view_bounds": [seen.slot_longitude + WESTERNMOST, seen.slot_longitude + EASTERNMOST],
    }
