"""What a geostationary satellite looks at: the fixed grid of an imager, where its pixels meet the earth, and how far a
cloud's height moves it in the picture.

Scan angles and their geometry: GOES-R Product Definition and Users' Guide, volume 3, section 5.1.2.8 (sweep angle x), and
CGMS 03, LRIT/HRIT Global Specification, section 4.4.3.2 (sweep angle y).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer

LIFT_M = 10e3
"""Height for which the displacement in the picture is calculated; it grows linearly up to here within 1 %."""


@dataclass(frozen=True)
class FixedGrid:
    """The grid of an imager, in scan angles: `size` x `size` pixels of `step_rad`; the point below the satellite has row and
    column `middle`, counted from the centre of the north-western pixel; ellipsoid and height of the satellite above it in metres."""

    height_m: float
    equatorial_m: float
    polar_m: float
    sweep: str
    step_rad: float
    size: int
    middle: float


@dataclass(frozen=True)
class Window:
    """A part of a fixed grid: its first row (from the north) and column (from the west), and its shape."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class View:
    """Where the pixels of a window look, arrays (rows, columns) with NaN in space: longitude and latitude (degrees) of the
    ground, cosine of the satellite's zenith angle, and by how many pixels (rows, columns) a metre of height moves the place
    above which the line of sight passes."""

    longitude: np.ndarray
    latitude: np.ndarray
    cosine: np.ndarray
    row_drift: np.ndarray
    column_drift: np.ndarray


def scan_angles(grid: FixedGrid, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Scan angles (radians) of the pixel centres of a window: x (columns,) rising eastward, y (rows,) falling from the north."""
    x, y = window.column + np.arange(window.columns) - grid.middle, grid.middle - window.row - np.arange(window.rows)
    return x * grid.step_rad, y * grid.step_rad


def window_around(grid: FixedGrid, satellite_longitude: float, longitude: float, latitude: float, rows: int, columns: int) -> Window:
    """The window whose middle is nearest to a place (degrees).

    Raises ValueError when the satellite does not see the place.
    """
    x, y = (float(angle) for angle in _angles_of(grid, np.radians(longitude - satellite_longitude), np.radians(latitude)))
    if np.isnan(x):
        raise ValueError(f"A satellite at {satellite_longitude:g} degrees east does not see {latitude:g} N {longitude:g} E; choose a place on its disk.")
    row, column = round(grid.middle - y / grid.step_rad - (rows - 1) / 2), round(grid.middle + x / grid.step_rad - (columns - 1) / 2)
    return Window(int(np.clip(row, 0, grid.size - rows)), int(np.clip(column, 0, grid.size - columns)), rows, columns)


@lru_cache(maxsize=8)
def view(grid: FixedGrid, window: Window, satellite_longitude: float) -> View:
    """What the pixels of a window look at from a satellite above a longitude (degrees east)."""
    x, y = np.meshgrid(*scan_angles(grid, window))
    longitude, latitude, cosine = _ground(grid, x, y, 0.0)
    lifted_x, lifted_y = _angles_of(grid, *_ground(grid, x, y, LIFT_M)[:2])
    return View(
        longitude=(np.degrees(longitude) + satellite_longitude + 180.0) % 360.0 - 180.0,
        latitude=np.degrees(latitude),
        cosine=cosine,
        row_drift=((y - lifted_y) / grid.step_rad / LIFT_M).astype("float32"),
        column_drift=((lifted_x - x) / grid.step_rad / LIFT_M).astype("float32"),
    )


@lru_cache(maxsize=8)
def places(grid: FixedGrid, window: Window, satellite_longitude: float, projection: str) -> tuple[np.ndarray, np.ndarray]:
    """Projection coordinates x, y (m) of what the pixels of a window look at, each (rows, columns); infinite in space."""
    seen = view(grid, window, satellite_longitude)
    return Transformer.from_crs("EPSG:4326", CRS.from_user_input(projection), always_xy=True).transform(seen.longitude, seen.latitude)


def _ground(grid: FixedGrid, x: np.ndarray, y: np.ndarray, height_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitude from the satellite's, latitude (radians) and cosine of the zenith angle where lines of sight come down to
    a height above the ellipsoid; NaN for those that miss it."""
    a, b = grid.equatorial_m + height_m, grid.polar_m + height_m
    distance = grid.height_m + grid.equatorial_m
    if grid.sweep == "x":
        east, north, down = np.sin(x), np.cos(x) * np.sin(y), np.cos(x) * np.cos(y)
    else:
        east, north, down = np.sin(x) * np.cos(y), np.sin(y), np.cos(x) * np.cos(y)
    # the nearer of the two points where |(distance - s down, s east, s north)| lies on the ellipsoid
    square = down**2 + east**2 + (a / b * north) ** 2
    root = (distance * down) ** 2 - square * (distance**2 - a**2)
    with np.errstate(invalid="ignore"):
        length = (distance * down - np.sqrt(root)) / square
    first, second, third = distance - length * down, length * east, length * north
    latitude, longitude = np.arctan2((a / b) ** 2 * third, np.hypot(first, second)), np.arctan2(second, first)
    up = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)
    return longitude, latitude, up[0] * down - up[1] * east - up[2] * north


def _angles_of(grid: FixedGrid, longitude: np.ndarray | float, latitude: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Scan angles x, y (radians) at which places on the ground (longitude from the satellite's and latitude, radians) are seen;
    NaN where the earth hides them."""
    a, b = grid.equatorial_m, grid.polar_m
    sine, cosine = np.sin(latitude), np.cos(latitude)
    radius = a / np.sqrt(1.0 - (1.0 - (b / a) ** 2) * sine**2)
    east, north = radius * cosine * np.sin(longitude), radius * (b / a) ** 2 * sine
    down = grid.height_m + a - radius * cosine * np.cos(longitude)
    hidden = down * cosine * np.cos(longitude) - east * cosine * np.sin(longitude) - north * sine <= 0
    x, y = (
        (np.arctan(east / np.hypot(down, north)), np.arctan(north / down))
        if grid.sweep == "x"
        else (np.arctan(east / down), np.arctan(north / np.hypot(down, east)))
    )
    return np.where(hidden, np.nan, x), np.where(hidden, np.nan, y)
