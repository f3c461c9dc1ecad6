"""Lightning on a grid: flash and group extent density of GLM, as glmtools defines them.

Bruning et al. (2019), Meteorological imagery for the Geostationary Lightning Mapper, doi 10.1029/2019JD030874, and its code
glmtools (github.com/deeplycloudy/glmtools, `get_lutevents`, `split_events`): every event is the quadrilateral of the detector
pixel that it lit. A flash (a group) counts once at every location, a place of 28 microradians, where one of its events
lies, and counts in every grid cell by the share of the cell that the pixel there covers. Where two of its events lit one pixel at
two locations (navigation jitters by some microradians) a flash counts twice there, as in glmtools. docs/lightning.md holds
this against the real gridded product.

What glmtools looks up in a table of surveyed pixel corners is a rule here: the detector's pixels are rectangles in the
scan angles of the satellite, smaller in steps outward (subarrays), aligned with the angles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr
from pyproj import CRS, Transformer
from pyresample.geometry import AreaDefinition
from scipy.sparse import csr_matrix

from stormcycle.satellite.errors import OutsideDisk
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso, parse_time

WINDOW = np.timedelta64(15, "m")
"""The usual span over which lightning is counted."""
LOCATION_RAD, LOCATION_ORIGIN_RAD = 28e-6, -0.31
SUBARRAY_EDGES_RAD = np.array([0.0634, 0.0766, 0.0893, 0.1004, 0.1105])
"""Scan angles (from the middle) at which pixels become smaller; with the sizes: `make lightning-study` measures both in real files."""
PIXEL_WIDTHS_RAD = np.array([224.9, 210.7, 195.9, 181.6, 181.6, 181.6]) * 1e-6
PIXEL_HEIGHTS_RAD = np.array([224.9, 210.7, 195.9, 181.6, 167.3, 152.6]) * 1e-6
FIELD_OF_VIEW_RAD = 0.1349
"""Beyond this scan angle glmtools takes no event."""
EARTH_RADII_M = (6378137.0, 6356752.31414)
SATELLITE_HEIGHT_M = 35786023.0
ELLIPSOIDS_M = ((np.datetime64("2018-10-15", "s"), (6394140.0, 6362755.0)), (None, (6392137.0, 6362755.0)))
"""Equatorial and polar radius of the lightning ellipsoid, on which files place events, and until when it was used: van Bezooijen
et al. (2016), doi 10.1117/12.2242141, and glmtools for the later one."""
WORKING_SET = 1_000_000
"""How many cells' corners are worked on at a time."""


@dataclass(frozen=True)
class Sight:
    """Lines of sight from a geostationary satellite to an ellipsoid around the earth's centre (equatorial and polar radius)."""

    satellite_longitude: float
    radii_m: tuple[float, float] = EARTH_RADII_M


LEVEL = 1e-7
"""An edge that rises (runs) by less, in cells, is level (upright): its slope would be all rounding."""


def extent_density(files: Sequence[xr.Dataset], area: AreaDefinition, start: Time, end: Time, parallax: bool = False) -> xr.Dataset:
    """Lightning of [start, end) on an area: `flash_extent_density` and `group_extent_density` (y, x; counts; NaN where GLM cannot look).

    `files` are of read_flashes; those that start within the span count, each as a whole. `parallax`: places are those on the
    lightning ellipsoid (about where the light left the cloud); else where an imager beside it sees them, on the ground behind.
    `flashes`: how many of them have their centroid in the area. Attributes: satellite, start, end, files, covered_seconds,
    parallax, state (missing without any file, partial where the files do not cover the span), notes.
    Raises ValueError for files of two satellites, or two of one time, OutsideDisk for an area that the satellite cannot see.
    """
    chosen = _of_span(files, start, end)
    counts, flashes = np.full((2, *area.shape), np.nan), 0
    notes = list(dict.fromkeys(note for file in chosen for note in file.attrs["notes"]))
    covered = sum(float((parse_time(file.attrs["end"]) - parse_time(file.attrs["start"])) / np.timedelta64(1, "s")) for file in chosen)
    wanted = float((end - start) / np.timedelta64(1, "s"))
    partial = any(file.attrs["state"] != GranuleState.OK for file in chosen)
    if covered < wanted - 1.0:
        notes.append(f"Files cover {covered:.0f} of {wanted:.0f} s.")
        partial = True
    if chosen:
        sight = Sight(chosen[0].attrs["satellite_longitude"], lightning_ellipsoid(start))
        ground = sight if parallax else Sight(sight.satellite_longitude)
        in_view = _in_view(area, ground)
        if not in_view.any():
            raise OutsideDisk(f"{chosen[0].attrs['satellite']} above {sight.satellite_longitude:g} degrees east sees no lightning in {area.area_id}.")
        counts = np.where(in_view, _counted(chosen, area, sight, ground), np.nan)
        flashes = _centroids_inside(chosen, area, sight, ground)
    state = (GranuleState.PARTIAL if partial else GranuleState.OK) if chosen else GranuleState.MISSING
    return xr.Dataset(
        {
            **{
                f"{kind}_extent_density": (("y", "x"), count.astype("float32"), {"long_name": f"{kind} extent density: counts in the span", "units": "1"})
                for kind, count in zip(("flash", "group"), counts, strict=True)
            },
            "flashes": ((), np.int32(flashes), {"long_name": "flashes whose centroid lies in the area", "units": "1"}),
        },
        attrs={
            "satellite": chosen[0].attrs["satellite"] if chosen else "",
            "start": iso(start),
            "end": iso(end),
            "files": len(chosen),
            "covered_seconds": covered,
            "parallax": "corrected: places on the lightning ellipsoid" if parallax else "not corrected: places as an imager beside it sees them",
            "state": str(state),
            "notes": notes,
        },
    )


def pixel_size(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Width and height (radians) of the detector's pixels at scan angles x (eastward) and y (northward), in radians."""
    return PIXEL_WIDTHS_RAD[np.searchsorted(SUBARRAY_EDGES_RAD, np.abs(x))], PIXEL_HEIGHTS_RAD[np.searchsorted(SUBARRAY_EDGES_RAD, np.abs(y))]


def lightning_ellipsoid(time: Time) -> tuple[float, float]:
    """The radii (m) of the ellipsoid on which files of a time place events, about as high as cloud tops."""
    return next(radii for until, radii in ELLIPSOIDS_M if until is None or time < until)


def scan_angles(longitude: np.ndarray, latitude: np.ndarray, sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """Scan angles x, y (radians; inf where unseen) of places on an ellipsoid.

    As GLM has it, the latitude is the one that has the same geocentric latitude on the earth's ellipsoid.
    """
    height, transformer = _projection(sight)
    x, y = transformer.transform(longitude, _changed_latitude(latitude, EARTH_RADII_M, sight.radii_m))
    return np.asarray(x) / height, np.asarray(y) / height


def places(x: np.ndarray, y: np.ndarray, sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (degrees; inf off the disk) at which lines of sight meet an ellipsoid: the inverse of scan_angles."""
    height, transformer = _projection(sight)
    longitude, latitude = transformer.transform(np.asarray(x) * height, np.asarray(y) * height, direction="INVERSE")
    return np.asarray(longitude), _changed_latitude(latitude, sight.radii_m, EARTH_RADII_M)


def covered_shares(columns: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """How much of each cell of a `size` x `size` lattice of unit cells quadrilaterals cover: (quadrilaterals, rows, columns), 0 to 1.

    `columns`, `rows` (quadrilaterals, 4): corners in order, within [0, size]. Exact: by Green's theorem the area of a polygon
    left of a line and above another is the sum over its edges of the integral of min(x, line) dy; second differences of that
    between lines are the cells.
    """
    line_x, line_y = np.arange(size + 1.0), np.arange(size + 1.0)[None, :, None]
    area = np.zeros((len(columns), size + 1, size + 1))
    for corner in range(4):
        x0, y0 = columns[:, corner, None, None], rows[:, corner, None, None]
        x1, y1 = columns[:, (corner + 1) % 4, None, None], rows[:, (corner + 1) % 4, None, None]
        rise = y1 - y0
        slope = np.divide(x1 - x0, rise, out=np.zeros_like(rise), where=np.abs(rise) > LEVEL)
        first, last = np.minimum(y0, line_y), np.minimum(y1, line_y)  # the part of the edge above the line
        left, right = x0 + (first - y0) * slope, x0 + (last - y0) * slope
        before, after = np.minimum(left - line_x, 0.0), np.minimum(right - line_x, 0.0)
        run = right - left
        steep = np.abs(run) < LEVEL
        mean = np.where(steep, (before + after) / 2.0, (after - before) * (after + before) / np.where(steep, 1.0, 2.0 * run))
        area += (last - first) * mean
    return np.clip(np.abs(np.diff(np.diff(area, axis=1), axis=2)), 0.0, 1.0)


def _of_span(files: Sequence[xr.Dataset], start: Time, end: Time) -> list[xr.Dataset]:
    """The files that start within [start, end), by time."""
    chosen = sorted((file for file in files if start <= parse_time(file.attrs["start"]) < end), key=lambda file: str(file.attrs["start"]))
    if len(satellites := {file.attrs["satellite"] for file in chosen}) > 1:
        raise ValueError(f"Lightning of {' and '.join(sorted(satellites))} together would count flashes twice; take the files of one satellite.")
    starts = [file.attrs["start"] for file in chosen]
    if twice := sorted({time for time in starts if starts.count(time) > 1}):
        raise ValueError(f"Two lightning files start at {twice[0]}; of duplicates the newest counts.")
    return chosen


def _counted(files: Sequence[xr.Dataset], area: AreaDefinition, sight: Sight, ground: Sight) -> tuple[np.ndarray, np.ndarray]:
    """Counts of flashes and groups (rows, columns) on an area."""
    longitude, latitude = (np.concatenate([file[f"event_{name}"].values for file in files]).astype("float64") for name in ("longitude", "latitude"))
    x, y = scan_angles(longitude, latitude, sight)
    seen = np.isfinite(x) & np.isfinite(y)
    column, row = (np.floor((np.where(seen, angle, 0.0) - LOCATION_ORIGIN_RAD) / LOCATION_RAD).astype("int64") for angle in (x, y))
    number = np.repeat(np.arange(len(files)), [file.sizes["event"] for file in files])
    keys, location = np.unique((((number << 16) | row) << 16 | column)[seen], return_inverse=True)
    events = np.bincount(location, minlength=len(keys))
    x, y = (np.bincount(location, angle[seen], len(keys)) / events for angle in (x, y))
    weights = [_owners_at(location, _owners(files, kind)[seen], len(keys)) for kind in ("flash", "group")]
    counts = np.zeros((2, area.height * area.width))
    for chosen, cells, shares in _pixels_on(area, x, y, ground):
        for count, weight in zip(counts, weights, strict=True):
            count += np.bincount(cells.ravel(), (shares * weight[chosen, None, None]).ravel(), count.size + 1)[:-1]
    return counts[0].reshape(area.shape), counts[1].reshape(area.shape)


def _owners(files: Sequence[xr.Dataset], kind: str) -> np.ndarray:
    """The number of each event's flash or group, counted through all files."""
    before = np.cumsum([0, *(file.sizes[kind] for file in files)])
    groups = [file["event_group"].values for file in files]
    own = groups if kind == "group" else [file["group_flash"].values[group] for file, group in zip(files, groups, strict=True)]
    return np.concatenate([first + owner for first, owner in zip(before[:-1], own, strict=True)]).astype("int64")


def _owners_at(location: np.ndarray, owner: np.ndarray, locations: int) -> np.ndarray:
    """How many different owners each location has."""
    pairs = csr_matrix((np.ones(len(owner), "int8"), (location, owner)), shape=(locations, int(owner.max(initial=0)) + 1))
    return np.diff(pairs.indptr).astype("float64")


def _pixels_on(area: AreaDefinition, x: np.ndarray, y: np.ndarray, ground: Sight) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """In portions: which pixels (by scan angle of their middle), the cells below them (flat; one past the last outside) and the shares they cover."""
    width, height = pixel_size(x, y)
    corners_x = x[:, None] + width[:, None] / 2.0 * np.array([-1.0, 1.0, 1.0, -1.0])
    corners_y = y[:, None] + height[:, None] / 2.0 * np.array([1.0, 1.0, -1.0, -1.0])
    columns, rows = _cells(area, *places(corners_x, corners_y, ground))
    finite = np.isfinite(columns).all(axis=1) & np.isfinite(rows).all(axis=1)
    near = finite & (columns.max(1) > 0.0) & (columns.min(1) < area.width) & (rows.max(1) > 0.0) & (rows.min(1) < area.height)
    touched = np.flatnonzero(near)
    if not len(touched):
        return
    columns, rows = columns[touched], rows[touched]
    first_column, first_row = np.floor(columns.min(1)).astype("int64"), np.floor(rows.min(1)).astype("int64")
    size = int(max((np.ceil(columns.max(1)) - first_column).max(), (np.ceil(rows.max(1)) - first_row).max()))
    portion = max(1, WORKING_SET // (size + 1) ** 2)
    for begin in range(0, len(touched), portion):
        part = slice(begin, begin + portion)
        shares = covered_shares(columns[part] - first_column[part, None], rows[part] - first_row[part, None], size)
        column, row = first_column[part, None, None] + np.arange(size), first_row[part, None, None] + np.arange(size)[:, None]
        inside = (column >= 0) & (column < area.width) & (row >= 0) & (row < area.height)
        yield touched[part], np.where(inside, row * area.width + column, area.width * area.height), shares


def _cells(area: AreaDefinition, longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of an area, as floats, at places; inf where the projection has no such place."""
    x, y = Transformer.from_crs(area.crs.geodetic_crs, area.crs, always_xy=True).transform(longitude, latitude)
    left, _, _, top = area.area_extent
    return (np.asarray(x) - left) / area.pixel_size_x, (top - np.asarray(y)) / area.pixel_size_y


def _in_view(area: AreaDefinition, ground: Sight) -> np.ndarray:
    """Whether GLM looks at the middle of each cell (rows, columns)."""
    longitude, latitude = area.get_lonlats()
    x, y = scan_angles(longitude, latitude, ground)
    return (np.abs(x) <= FIELD_OF_VIEW_RAD) & (np.abs(y) <= FIELD_OF_VIEW_RAD)


def _centroids_inside(files: Sequence[xr.Dataset], area: AreaDefinition, sight: Sight, ground: Sight) -> int:
    longitude, latitude = (np.concatenate([file[f"flash_{name}"].values for file in files]).astype("float64") for name in ("longitude", "latitude"))
    columns, rows = _cells(area, *places(*scan_angles(longitude, latitude, sight), ground))
    return int(((columns >= 0.0) & (columns < area.width) & (rows >= 0.0) & (rows < area.height)).sum())


def _changed_latitude(latitude: np.ndarray, old_radii_m: tuple[float, float], new_radii_m: tuple[float, float]) -> np.ndarray:
    """The latitude (degrees) on another ellipsoid that has the same geocentric latitude; inf stays inf."""
    flatter = (old_radii_m[1] / old_radii_m[0] * new_radii_m[0] / new_radii_m[1]) ** 2
    known = np.isfinite(latitude)
    return np.where(known, np.degrees(np.arctan(flatter * np.tan(np.radians(np.where(known, latitude, 0.0))))), np.inf)


@lru_cache(maxsize=8)
def _projection(sight: Sight) -> tuple[float, Transformer]:
    """The height of the satellite above the ellipsoid (m), and the way from longitude and latitude there to scan angles times that."""
    equatorial, polar = sight.radii_m
    height = SATELLITE_HEIGHT_M + EARTH_RADII_M[0] - equatorial
    projection = CRS.from_proj4(f"+proj=geos +lon_0={sight.satellite_longitude} +h={height} +a={equatorial} +b={polar} +sweep=x +units=m +no_defs")
    return height, Transformer.from_crs(projection.geodetic_crs, projection, always_xy=True)
