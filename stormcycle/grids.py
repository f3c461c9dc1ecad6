"""Named grids: a pyresample AreaDefinition, its CF grid mapping, its coordinates. Row 0 is the northern edge."""

from collections.abc import Iterable

import numpy as np
import xarray as xr
from pyproj import CRS, Geod, Transformer
from pyresample.geometry import AreaDefinition


def area(name: str, projection: str, shape: tuple[int, int], resolution_m: float, centre_m: tuple[float, float]) -> AreaDefinition:
    """The area of `shape` (rows, columns) square pixels of `resolution_m` around `centre_m` (projection x, y in metres)."""
    rows, columns = shape
    half_width, half_height = columns * resolution_m / 2, rows * resolution_m / 2
    x, y = centre_m
    return AreaDefinition(name, name, name, CRS.from_user_input(projection), columns, rows, (x - half_width, y - half_height, x + half_width, y + half_height))


def pixel_centres(grid: AreaDefinition) -> tuple[np.ndarray, np.ndarray]:
    """Projection coordinates of the pixel centres: x (columns,) rising, y (rows,) falling, in metres."""
    x, y = grid.get_proj_vectors()
    return np.asarray(x, "float64"), np.asarray(y, "float64")


def longitudes_latitudes(grid: AreaDefinition) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (degrees, WGS 84) of the pixel centres, each (rows, columns)."""
    x, y = np.meshgrid(*pixel_centres(grid))
    longitude, latitude = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return longitude, latitude


def nearest_km(grid: AreaDefinition, places: Iterable[tuple[float, float]]) -> np.ndarray:
    """The distance (rows, columns; km, float32) of each pixel's centre from the nearest of some places (longitude, latitude in degrees)."""
    longitude, latitude = longitudes_latitudes(grid)
    earth = Geod(ellps="WGS84")
    distances = [earth.inv(longitude, latitude, np.full_like(longitude, east), np.full_like(latitude, north))[2] for east, north in places]
    return (np.min(distances, axis=0) / 1000.0).astype("float32")


def geolocated(fields: xr.Dataset, grid: AreaDefinition, nominal: bool) -> xr.Dataset:
    """The fields with x, y, latitude, longitude and a CF grid mapping `crs` that every (y, x) variable names.

    `nominal`: the source publishes no geolocation and the site is declared by the domain; the mapping says so.
    """
    x, y = pixel_centres(grid)
    longitude, latitude = longitudes_latitudes(grid)
    fields = fields.assign_coords(
        x=("x", x, {"standard_name": "projection_x_coordinate", "units": "m"}),
        y=("y", y, {"standard_name": "projection_y_coordinate", "units": "m"}),
        longitude=(("y", "x"), longitude.astype("float32"), {"standard_name": "longitude", "units": "degrees_east"}),
        latitude=(("y", "x"), latitude.astype("float32"), {"standard_name": "latitude", "units": "degrees_north"}),
    )
    mapping = {key: value for key, value in grid.crs.to_cf().items() if value is not None}
    if nominal:
        mapping["comment"] = "nominal: the source publishes no geolocation; the site is declared by the domain"
    fields["crs"] = ((), np.int32(0), mapping)
    for name, variable in fields.data_vars.items():
        if {"y", "x"} <= set(variable.dims):
            fields[name].attrs["grid_mapping"] = "crs"
    return fields
