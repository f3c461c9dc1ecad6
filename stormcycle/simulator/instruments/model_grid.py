"""Grids of a forecast model: a Lambert conformal one as ALADIN's, a regular one of latitudes and longitudes as GFS's."""

from dataclasses import dataclass

import numpy as np
from pyproj import CRS, Proj, Transformer

RADIUS_M = 6367470.0
"""The sphere on which GRIB (edition 1: always; edition 2: shape 0) places points; its latitudes are taken as WGS 84 ones, as all readers do."""


@dataclass(frozen=True)
class LambertGrid:
    """A Lambert conformal grid, tangent at `latitude`, y north along `longitude`; row 0 is the southern edge. Shape is (rows,
    columns); the first point lies at whole thousandths of a degree, so that the header of a file tells exactly where."""

    latitude: float
    longitude: float
    spacing_m: float
    shape: tuple[int, int]
    first_latitude: float
    first_longitude: float


@dataclass(frozen=True)
class LatitudeLongitudeGrid:
    """A regular grid of latitudes and longitudes, `step_deg` apart; row 0 is the northern edge, shape is (rows, columns)."""

    north: float
    west: float
    step_deg: float
    shape: tuple[int, int]


ModelGrid = LambertGrid | LatitudeLongitudeGrid


def lambert_grid(latitude: float, longitude: float, shape: tuple[int, int] = (117, 117), spacing_m: float = 4400.0) -> LambertGrid:
    """The Lambert grid of a shape (rows, columns) around a place (degrees).

    The default holds 97x97 points of 4.4 km and 10 more on each side. Raises ValueError where a cone makes no sense.
    """
    if not 5.0 <= latitude <= 85.0:
        raise ValueError(f"A Lambert grid cannot be tangent at {latitude} degrees; simulate a model between 5 and 85 degrees north.")
    latitude, longitude = round(latitude, 3), round(longitude, 3)
    west, south = -(shape[1] - 1) * spacing_m / 2, -(shape[0] - 1) * spacing_m / 2
    first_longitude, first_latitude = _lambert(latitude, longitude)(west, south, inverse=True)
    return LambertGrid(latitude, longitude, spacing_m, shape, round(first_latitude, 3), round(first_longitude, 3))


def longitudes_latitudes(grid: ModelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (degrees) of the grid's points, each (rows, columns)."""
    rows, columns = grid.shape
    if isinstance(grid, LatitudeLongitudeGrid):
        longitude, latitude = np.meshgrid(grid.west + grid.step_deg * np.arange(columns), grid.north - grid.step_deg * np.arange(rows))
        return longitude, latitude
    projection = _lambert(grid.latitude, grid.longitude)
    west, south = projection(grid.first_longitude, grid.first_latitude)
    x, y = np.meshgrid(west + grid.spacing_m * np.arange(columns), south + grid.spacing_m * np.arange(rows))
    longitude, latitude = projection(x, y, inverse=True)
    return longitude, latitude


def places(grid: ModelGrid, projection: str) -> tuple[np.ndarray, np.ndarray]:
    """x and y (metres, each (rows, columns)) of the grid's points in a projection."""
    x, y = Transformer.from_crs("EPSG:4326", CRS.from_user_input(projection), always_xy=True).transform(*longitudes_latitudes(grid))
    return x, y


def turned(grid: ModelGrid, projection: str, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Winds (..., rows, columns) along the x and y of a projection, turned to the axes of the grid at each point.

    Both systems are tied to true north: PROJ's meridian convergence says how far (counter-clockwise) north lies from a y axis.
    """
    longitude, latitude = longitudes_latitudes(grid)
    angle = -Proj(CRS.from_user_input(projection)).get_factors(longitude, latitude).meridian_convergence
    if isinstance(grid, LambertGrid):
        angle = angle + _lambert(grid.latitude, grid.longitude).get_factors(longitude, latitude).meridian_convergence
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return (u * cosine - v * sine).astype("float32"), (u * sine + v * cosine).astype("float32")


def _lambert(latitude: float, longitude: float) -> Proj:
    return Proj(proj="lcc", lat_0=latitude, lat_1=latitude, lat_2=latitude, lon_0=longitude, R=RADIUS_M)
