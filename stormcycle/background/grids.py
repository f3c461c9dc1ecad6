"""The grids that models come on: a projection, the first point and the signed steps between points; sampling them anywhere.

Latitudes and longitudes of a file are taken as they stand, as all readers do: a model's sphere is not shifted to WGS 84. Lengths
are on the sphere that the file declares; edition 1 knows none but that of 6367.47 km, where models that compute on 6371.229 km
(ALADIN, HARMONIE) come out 0.6 m off for each km from the first point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import CRS, Proj, Transformer
from pyproj.exceptions import ProjError
from scipy.ndimage import map_coordinates

from stormcycle.background.errors import Unreadable, WrongKind

Get = Callable[[str], Any]
SPHERE = "+R=6371229"
"""Rotated longitudes and latitudes are angles: any sphere gives the same."""
PROJECTED = ("lambert", "polar_stereographic", "mercator", "lambert_azimuthal_equal_area", "albers")
STEPS = {"mercator": ("DiInMetres", "DjInMetres"), "lambert_azimuthal_equal_area": ("xDirectionGridLengthInMetres", "yDirectionGridLengthInMetres")}
ALONG_THE_GRID = 8
"""Of the resolution and component flags (edition 1 table 7, edition 2 table 3.3): u and v are along the grid's x and y."""
MAX_POINTS = 50_000_000
"""A global grid of 0.05 degrees has 26 million points; a header that declares more makes its reader ask for memory that no model needs."""
EDGE = 1e-4
"""Places this far outside (in steps of the grid) count as on the edge: positions in headers are rounded."""


@dataclass(frozen=True)
class SourceGrid:
    """A model's grid: `projection` (PROJ), x and y of the first point and the steps to the next (metres, or degrees where the
    projection is one of angles); `columns` along x, `rows` along y.

    `grid_relative`: winds are along x and y of this grid, not east and north. `by_columns`: values follow each other along y;
    `alternating`: every other line runs backwards.
    """

    kind: str
    projection: str
    columns: int
    rows: int
    x: float
    y: float
    dx: float
    dy: float
    grid_relative: bool
    by_columns: bool = False
    alternating: bool = False

    @property
    def in_degrees(self) -> bool:
        """Whether x and y are (rotated) longitudes and latitudes."""
        return self.projection.startswith(("+proj=longlat", "+proj=ob_tran"))


def grid_of(get: Get, name: str) -> SourceGrid:
    """The grid of a message. Raises WrongKind for a kind that is not sampled, Unreadable for a header that contradicts itself."""
    kind = str(get("gridType"))
    if kind not in ("regular_ll", "rotated_ll", *PROJECTED):
        raise WrongKind(f"{name} holds fields on a grid {kind}, which is not sampled; take the model's product on a regular grid.")
    columns, rows = int(get("Nx")), int(get("Ny"))
    if min(columns, rows) < 2 or columns * rows > MAX_POINTS:
        raise Unreadable(f"{name} declares a grid of {columns} x {rows} points, which no model has; it was not read further.")
    if int(get("numberOfDataPoints")) != columns * rows:
        raise Unreadable(f"{name} declares {columns} x {rows} points and holds {get('numberOfDataPoints')}: the grid is wrong.")
    signs = (-1.0 if get("iScansNegatively") else 1.0, 1.0 if get("jScansPositively") else -1.0)
    projection, (x, y), (dx, dy) = _angular(get, name, kind, columns, rows, signs) if kind.endswith("_ll") else _projected(get, name, kind, signs)
    order = (bool(get("jPointsAreConsecutive")), bool(get("alternativeRowScanning")))
    return SourceGrid(kind, projection, columns, rows, x, y, dx, dy, bool(get("resolutionAndComponentFlags") & ALONG_THE_GRID), *order)


def _angular(get: Get, name: str, kind: str, columns: int, rows: int, signs: tuple[float, float]) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """Steps come from the first and the last point: the increments of a header are rounded, and some leave them out."""
    west, south = float(get("longitudeOfFirstGridPointInDegrees")), float(get("latitudeOfFirstGridPointInDegrees"))
    width = (signs[0] * (float(get("longitudeOfLastGridPointInDegrees")) - west)) % 360.0 or 360.0
    height = signs[1] * (float(get("latitudeOfLastGridPointInDegrees")) - south)
    declared = (float(get("iDirectionIncrementInDegrees")), float(get("jDirectionIncrementInDegrees"))) if get("ijDirectionIncrementGiven") else None
    if height <= 0.0 or (declared and not np.allclose(declared, (width / (columns - 1), height / (rows - 1)), rtol=0.02)):
        raise Unreadable(f"{name} declares {columns} x {rows} points that do not fit between its first and its last one: the grid is wrong.")
    projection = f"+proj=longlat {SPHERE}"
    if kind == "rotated_ll":
        if float(get("angleOfRotation")) != 0.0:
            raise WrongKind(f"{name} holds fields on a grid that is rotated about its own pole too, which is not sampled; take another product.")
        pole = (float(get("latitudeOfSouthernPoleInDegrees")), float(get("longitudeOfSouthernPoleInDegrees")))
        projection = f"+proj=ob_tran +o_proj=longlat +o_lat_p={-pole[0]:.6f} +o_lon_p=0 +lon_0={pole[1]:.6f} {SPHERE}"
    return projection, (west, south), (signs[0] * width / (columns - 1), signs[1] * height / (rows - 1))


def _projected(get: Get, name: str, kind: str, signs: tuple[float, float]) -> tuple[str, tuple[float, float], tuple[float, float]]:
    projection = str(get("projString"))
    try:
        x, y = Proj(projection)(float(get("longitudeOfFirstGridPointInDegrees")), float(get("latitudeOfFirstGridPointInDegrees")))
    except ProjError:
        raise Unreadable(f"{name} declares the projection {projection}, which cannot be: the grid is wrong.") from None
    dx, dy = (float(get(key)) for key in STEPS.get(kind, ("DxInMetres", "DyInMetres")))
    if not (np.isfinite([x, y]).all() and dx > 0.0 and dy > 0.0):
        raise Unreadable(f"{name} declares a {kind} grid without a first point or a step: the grid is wrong.")
    return projection, (x, y), (signs[0] * dx, signs[1] * dy)


def places(grid: SourceGrid, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Where longitudes and latitudes (degrees) lie on a grid: rows and columns from its first point, (2, ...); NaN outside."""
    if grid.projection.startswith("+proj=longlat"):
        x, y = np.asarray(longitude, "float64"), np.asarray(latitude, "float64")
    elif grid.in_degrees:
        x, y = _rotation(CRS.from_user_input(grid.projection)).transform(longitude, latitude)
    else:
        x, y = Proj(grid.projection)(longitude, latitude)
    if grid.in_degrees:
        middle = grid.x + grid.dx * (grid.columns - 1) / 2
        x = middle + (x - middle + 180.0) % 360.0 - 180.0
    found = np.stack([(y - grid.y) / grid.dy, (x - grid.x) / grid.dx])
    last = np.array([grid.rows - 1.0, grid.columns - 1.0]).reshape(2, *(1,) * (found.ndim - 1))
    near = np.clip(found, 0.0, last)
    inside = abs(near - found) <= EDGE
    if _goes_round(grid):
        near[1], inside[1] = found[1], True
    return np.where(inside.all(axis=0), near, np.nan)


def sampled(values: np.ndarray, grid: SourceGrid, where: np.ndarray) -> np.ndarray:
    """Values (rows, columns) at places (2, ...), bilinear; NaN where the place or one of its four neighbours has none."""
    if _goes_round(grid):
        values, where = np.pad(values, ((0, 0), (1, 1)), mode="wrap"), where + np.array([0.0, 1.0]).reshape(2, *(1,) * (where.ndim - 1))
    there = np.isfinite(where).all(axis=0)
    found = map_coordinates(values, np.where(there, where, 0.0), order=1, mode="nearest")
    return np.where(there, found, np.nan)


def grid_north(projection: str | CRS, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """The true bearing of a projection's y axis at places: degrees clockwise from north (the meridian convergence).

    A wind v along y and u along x blows east with `u cos + v sin` and north with `v cos - u sin` of this angle. Angles only:
    lengths are left alone, also where a projection stretches.
    """
    crs = CRS.from_user_input(projection)
    if crs.is_geographic:
        return _bearing(*_rotation(crs).transform(0.0, 90.0, direction="INVERSE"), longitude, latitude) if crs.is_derived else np.zeros(np.shape(longitude))
    return np.asarray(Proj(crs).get_factors(longitude, latitude).meridian_convergence, "float64")


def turned(u: np.ndarray, v: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Winds along the axes of one grid, along those of another whose y axis points `degrees` less far clockwise."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return u * cosine + v * sine, v * cosine - u * sine


def _bearing(pole_longitude: float, pole_latitude: float, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """The bearing of a pole from places (all degrees) along great circles: rotated north is the way to the rotated pole."""
    ahead, height, latitude = (np.radians(angle) for angle in (pole_longitude - longitude, pole_latitude, latitude))
    north = np.cos(latitude) * np.sin(height) - np.sin(latitude) * np.cos(height) * np.cos(ahead)
    return np.degrees(np.arctan2(np.sin(ahead) * np.cos(height), north))


def _goes_round(grid: SourceGrid) -> bool:
    return grid.in_degrees and abs(grid.columns * abs(grid.dx) - 360.0) < abs(grid.dx) / 100.0


def _rotation(crs: CRS) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(f"+proj=longlat {SPHERE}"), crs, always_xy=True)
