"""Hours for the radar operator from an archive of netCDF files whose names are not ours: a map says what stands where.

The published dataset of Stefanelli et al. (doi 10.5281/zenodo.17880622) is such an archive; its names are not known here and are not guessed.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import xarray as xr
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pyproj import Geod

from stormcycle.background import CHANNELS
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ
from stormcycle.times import HOUR, Time, iso


class MapError(ValueError):
    """A map, or an archive that is not as its map says."""


class Place(BaseModel):
    """Where a field stands: the variable, the positions along its further dimensions, and what turns its values into our units (value * scale + offset)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variable: str
    at: dict[str, int] = Field(default={}, description="positions along dimensions other than y and x, from 0: {level: 2}")
    scale: float = 1.0
    offset: float = 0.0


class VariableMap(BaseModel):
    """What stands where in an archive: the names of its files, by strftime, and of each channel's variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state_files: str = Field(description="names of the model's files, as strftime writes the hour's end: aladin_%Y%m%d%H.nc")
    radar_files: str = Field(description="names of the radar's files, likewise; the same as state_files where one file holds both")
    channels: dict[str, Place] = Field(description="for each of our channels (t975, ..., mslp; K, m s-1, %, Pa) its place")
    hourly_sum: Place = Field(description="the hour's reflectivity, dBZ")
    latitude: Place
    longitude: Place
    radar: tuple[float, float] = Field(description="longitude and latitude of the radar, degrees")
    disc_km: float = Field(default=160.0, gt=0, description="beyond it nothing was observed; within it NaN means dry, as in the paper")
    south_first: bool = Field(default=False, description="whether row 0 is the southern edge; ours is the northern one")

    @field_validator("channels")
    @classmethod
    def all_channels(cls, value: dict[str, Place]) -> dict[str, Place]:
        """Every channel has its place, and there is no other."""
        if wrong := sorted(set(value) ^ set(CHANNELS)):
            raise ValueError(f"the channels must be {', '.join(CHANNELS)}; {', '.join(wrong)} is missing or not one of them")
        return value


def read_map(path: Path) -> VariableMap:
    """The map in a YAML file. Raises MapError."""
    try:
        return VariableMap.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise MapError(f"{path.name} is not a map of an archive: {' '.join(str(error).split())}") from None


def mapped_hours(folder: Path, names: VariableMap, first: Time, last: Time) -> list[xr.Dataset]:
    """The hours (stormcycle.datasets.hours) of an archive from first to last for which the model's and the radar's file are there.

    Raises MapError where there is none, or where a file is not as the map says.
    """
    asked = np.arange(first, last + HOUR, HOUR)
    times = [time for time in asked if all(path.is_file() for path in _files(folder, names, time))]
    if not times:
        raise MapError(f"{folder} holds no hour from {iso(first)} to {iso(last)} with files named {names.state_files} and {names.radar_files}.")
    hours = read_each(_hour, [(folder, names, time) for time in times])
    failed = [hour.reason for hour in hours if isinstance(hour, ReadFailure)]
    if failed:
        raise MapError(failed[0])
    return [hour for hour in hours if isinstance(hour, xr.Dataset)]


def _files(folder: Path, names: VariableMap, time: Time) -> tuple[Path, Path]:
    moment = time.astype("datetime64[s]").astype(datetime)
    return folder / moment.strftime(names.state_files), folder / moment.strftime(names.radar_files)


def _hour(folder: Path, names: VariableMap, time: Time) -> xr.Dataset:
    """One hour. Runs in a child process (netCDF)."""
    state_file, radar_file = _files(folder, names, time)
    with xr.open_dataset(state_file) as held:
        state = np.stack([_taken(held, names.channels[channel], state_file, names) for channel in CHANNELS])
        latitude, longitude = (_taken(held, place, state_file, names) for place in (names.latitude, names.longitude))
    with xr.open_dataset(radar_file) as held:
        total = _taken(held, names.hourly_sum, radar_file, names)
    east, north = (np.full(longitude.shape, value) for value in names.radar)
    distance = Geod(ellps="WGS84").inv(longitude, latitude, east, north)[2] / 1000.0
    if total.shape != state.shape[1:]:
        raise MapError(f"{radar_file.name} has a field of {total.shape}, {state_file.name} of {state.shape[1:]}: they must be of one grid.")
    seen = np.where(distance <= names.disc_km, np.where(np.nan_to_num(total) >= HOURLY_FLOOR_DBZ, total, 0.0), np.nan)
    fields = {"state": (("channel", "y", "x"), state), "hourly_sum": (("y", "x"), seen), "radar_distance_km": (("y", "x"), distance)}
    told = {"time": iso(time), "lead_hours": 0.0, "origin": f"{state_file.name} and {radar_file.name}"}
    return xr.Dataset({name: (dims, values.astype("float32")) for name, (dims, values) in fields.items()}, {"channel": list(CHANNELS)}, told)


def _taken(held: xr.Dataset, place: Place, file: Path, names: VariableMap) -> np.ndarray:
    """A field (y, x) of a file in our units and rows. Raises MapError."""
    if place.variable not in held:
        raise MapError(f"{file.name} has no variable {place.variable}; it has {', '.join(map(str, held.variables))}.")
    missing = set(place.at) - set(held[place.variable].dims)
    if missing:
        there = ", ".join(map(str, held[place.variable].dims))
        raise MapError(f"{place.variable} of {file.name} has no dimension {', '.join(sorted(missing))}; it has {there}.")
    field = held[place.variable].isel(place.at).squeeze(drop=True)
    if field.ndim != 2:
        raise MapError(f"{place.variable} of {file.name} is left with {', '.join(map(str, field.dims))}: name a position along all but y and x.")
    values = field.values.astype("float64") * place.scale + place.offset
    return np.asarray(values[::-1] if names.south_first else values)
