"""Extent density against polygons of shapely, plain loops, the geometry of the users' guide and the real gridded product."""

from pathlib import Path

import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from netCDF4 import Dataset
from pyproj import CRS, Geod, Transformer
from pyresample.geometry import AreaDefinition

from stormcycle.grids import area
from stormcycle.satellite.errors import OutsideDisk
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.satellite.lightning import (
    EARTH_RADII_M,
    LOCATION_RAD,
    SATELLITE_HEIGHT_M,
    Sight,
    covered_shares,
    extent_density,
    lightning_ellipsoid,
    pixel_size,
    places,
    scan_angles,
)

START = np.datetime64("2026-07-01T12:00:00", "s")
MINUTE = np.timedelta64(60, "s")
LAEA = "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m"
GRID = area("small", LAEA, (40, 50), 1000.0, (0.0, 0.0))
SIGHT = Sight(-75.2, lightning_ellipsoid(START))


def file(
    longitude: list[float], latitude: list[float], group: list[int], flash: list[int], second: int = 0, seconds: int = 20, **attributes: object
) -> xr.Dataset:
    """A file of read_flashes: an event's place and group, a group's flash; flashes lie in the middle of the grid."""
    start = START + np.timedelta64(second, "s")
    count = len(set(flash))
    return xr.Dataset(
        {
            "event_longitude": ("event", np.array(longitude)),
            "event_latitude": ("event", np.array(latitude)),
            "event_group": ("event", np.array(group, "int64")),
            "group_flash": ("group", np.array(flash, "int64")),
            "flash_longitude": ("flash", np.full(count, -97.5)),
            "flash_latitude": ("flash", np.full(count, 35.3)),
        },
        attrs={
            "satellite": "G19",
            "satellite_longitude": -75.2,
            "start": f"{start}Z",
            "end": f"{start + np.timedelta64(seconds, 's')}Z",
            "state": "ok",
            "notes": [],
            **attributes,
        },
    )


def users_guide_angles(longitude: np.ndarray, latitude: np.ndarray, satellite: float, radii: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """GOES-R users' guide, volume 3, 5.1.2.8.2, with the radius of another ellipsoid at the geocentric latitude."""
    equatorial, polar = EARTH_RADII_M
    geocentric = np.arctan((polar / equatorial) ** 2 * np.tan(np.radians(latitude)))
    radius = radii[1] / np.sqrt(1.0 - (1.0 - (radii[1] / radii[0]) ** 2) * np.cos(geocentric) ** 2)
    east = np.radians(longitude - satellite)
    sx = SATELLITE_HEIGHT_M + equatorial - radius * np.cos(geocentric) * np.cos(east)
    sy, sz = -radius * np.cos(geocentric) * np.sin(east), radius * np.sin(geocentric)
    return np.arcsin(-sy / np.sqrt(sx**2 + sy**2 + sz**2)), np.arctan(sz / sx)


@pytest.mark.parametrize("radii", [EARTH_RADII_M, (6394140.0, 6362755.0), (6392137.0, 6362755.0)])
def test_scan_angles_are_the_users_guides_and_places_lead_back(radii: tuple[float, float], rng: np.random.Generator) -> None:
    longitude, latitude = rng.uniform(-125.0, -25.0, 500), rng.uniform(-52.0, 52.0, 500)
    x, y = scan_angles(longitude, latitude, Sight(-75.2, radii))
    np.testing.assert_allclose((x, y), users_guide_angles(longitude, latitude, -75.2, radii), atol=1e-12)
    np.testing.assert_allclose(places(x, y, Sight(-75.2, radii)), (longitude, latitude), atol=1e-9)


def test_what_the_earth_hides_is_at_no_angle() -> None:
    x, y = scan_angles(np.array([15.0, -75.0]), np.array([46.0, 0.0]), SIGHT)
    assert np.isinf(x[0]) and np.isinf(y[0]) and np.isfinite(x[1])
    longitude, latitude = places(np.array([0.2]), np.array([0.0]), SIGHT)
    assert np.isinf(longitude[0]) and np.isinf(latitude[0])


@given(st.floats(0.5, 4.0), st.floats(0.3, 4.0), st.floats(0.0, 2 * np.pi), st.floats(3.5, 4.5), st.floats(3.5, 4.5), st.floats(0.0, 0.6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_covered_shares_are_the_areas_of_shapelys_intersections(
    long: float, wide: float, turned: float, x: float, y: float, skewed: float, clockwise: bool
) -> None:
    corners = np.array([[-long, -wide], [long, -wide], [long, wide], [-long + skewed, wide]]) / 2.0
    corners = corners @ np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]]) + (x, y)
    corners = corners[::-1] if clockwise else corners
    found = covered_shares(corners[None, :, 0], corners[None, :, 1], 8)[0]
    quadrilateral = shapely.Polygon(corners)
    expected = [[quadrilateral.intersection(shapely.box(column, row, column + 1, row + 1)).area for column in range(8)] for row in range(8)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def by_polygons(files: list[xr.Dataset], grid: AreaDefinition, kind: str, ground: Sight) -> np.ndarray:
    """The definition by plain loops: each flash (group) once at every location of each file, by the share of each cell that the pixel covers."""
    to_grid = Transformer.from_crs(grid.crs.geodetic_crs, grid.crs, always_xy=True)
    counts = np.zeros(grid.shape)
    left, _, _, top = grid.area_extent
    for file in files:
        x, y = users_guide_angles(file["event_longitude"].values, file["event_latitude"].values, -75.2, SIGHT.radii_m)
        locations: dict[tuple[int, int], list[int]] = {}
        for event in range(file.sizes["event"]):
            locations.setdefault((int((x[event] + 0.31) // LOCATION_RAD), int((y[event] + 0.31) // LOCATION_RAD)), []).append(event)
        for events in locations.values():
            groups = {int(file["event_group"][event]) for event in events}
            weight = len(groups if kind == "group" else {int(file["group_flash"][group]) for group in groups})
            middle_x, middle_y = x[events].mean(), y[events].mean()
            width, height = (float(size) / 2 for size in pixel_size(np.array(middle_x), np.array(middle_y)))
            corners = [(middle_x + a * width, middle_y + b * height) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            polygon = shapely.Polygon([to_grid.transform(*(float(part) for part in places(np.array(a), np.array(b), ground))) for a, b in corners])
            for row in range(grid.height):
                for column in range(grid.width):
                    cell = shapely.box(left + column * 1000.0, top - row * 1000.0 - 1000.0, left + column * 1000.0 + 1000.0, top - row * 1000.0)
                    if polygon.intersects(cell):
                        counts[row, column] += weight * polygon.intersection(cell).area / 1e6
    return counts


@pytest.mark.parametrize("parallax", [False, True])
def test_densities_are_those_of_plain_loops_over_polygons(parallax: bool, rng: np.random.Generator) -> None:
    middle = (-97.5, 35.3) if parallax else (-97.6, 35.2)  # uncorrected, lightning is seen beyond its place
    spots, files = rng.normal(0.0, 0.12, (5, 2)), []
    for number in range(3):
        count = 12
        group = np.sort(rng.integers(0, 8, count)).tolist()
        flash = rng.integers(0, 3, 8).tolist()
        where = spots[rng.integers(0, 5, count)] + rng.choice([0.0, 2e-3], (count, 2))  # the same pixels, jittering
        files.append(file((middle[0] + where[:, 0]).tolist(), (middle[1] + where[:, 1]).tolist(), group, flash, 20 * number))
    found = extent_density(files, GRID, START, START + MINUTE, parallax=parallax)
    ground = SIGHT if parallax else Sight(-75.2)
    for kind in ("flash", "group"):
        expected = by_polygons(files, GRID, kind, ground)
        assert expected.max() > 2.0
        np.testing.assert_allclose(found[f"{kind}_extent_density"].values, expected, atol=2e-5)


def test_a_flash_counts_once_where_it_shone_often_and_its_groups_each() -> None:
    one = file([-97.5] * 6, [35.3] * 6, [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 1, 1])
    found = extent_density([one], GRID, START, START + np.timedelta64(20, "s"), parallax=True)
    assert found["flash_extent_density"].values.max() == pytest.approx(2.0)
    assert found["group_extent_density"].values.max() == pytest.approx(6.0)
    inside = found["flash_extent_density"].values > 0
    assert 60 < inside.sum() < 160  # a pixel of about 8 km by 10 km


def test_lightning_is_where_it_is_or_where_an_imager_sees_it() -> None:
    one = file([-97.5], [35.3], [0], [0])
    corrected, seen = (extent_density([one], GRID, START, START + np.timedelta64(20, "s"), parallax=parallax) for parallax in (True, False))
    rows, columns = np.mgrid[0:40, 0:50]

    def middle(found: xr.Dataset) -> tuple[float, float]:
        density = found["flash_extent_density"].values
        return float((density * (columns - 24.5)).sum() / density.sum()), float((density * (19.5 - rows)).sum() / density.sum())

    assert middle(corrected) == pytest.approx((0.0, 0.0), abs=0.1)
    # behind the cloud by its height times the tangent of the zenith angle, on the line away from the point below the satellite
    geod = Geod(ellps="GRS80")
    away, _, _ = geod.inv(-97.5, 35.3, -75.2, 0.0)
    radius = np.hypot(SIGHT.radii_m[0] * np.cos(np.radians(35.1)), SIGHT.radii_m[1] * np.sin(np.radians(35.1)))
    height = radius - np.hypot(EARTH_RADII_M[0] * np.cos(np.radians(35.1)), EARTH_RADII_M[1] * np.sin(np.radians(35.1)))
    arc = np.arccos(np.cos(np.radians(35.3)) * np.cos(np.radians(22.3)))
    zenith = arc + np.arctan2(6371.0 * np.sin(arc), 42164.0 - 6371.0 * np.cos(arc))
    shift = height / 1000.0 * np.tan(zenith)
    east, north = middle(seen)
    assert np.hypot(east, north) == pytest.approx(shift, rel=0.05)
    assert 10.0 < shift < 20.0
    assert np.degrees(np.arctan2(-east, -north)) % 360.0 == pytest.approx(away % 360.0, abs=2.0)


def test_files_outside_the_span_do_not_count_and_densities_add_up() -> None:
    files = [file([-97.5], [35.3], [0], [0], second) for second in (-20, 0, 20, 40, 60)]
    minute = extent_density(files, GRID, START, START + MINUTE, parallax=True)
    assert minute["flash_extent_density"].values.max() == pytest.approx(3.0)
    assert (int(minute["flashes"]), minute.attrs["files"], minute.attrs["covered_seconds"], minute.attrs["state"]) == (3, 3, 60.0, "ok")
    single = sum(extent_density([one], GRID, START, START + MINUTE, parallax=True)["flash_extent_density"] for one in files[1:4])
    np.testing.assert_allclose(minute["flash_extent_density"].values, single.values, atol=1e-6)


def test_a_missing_file_is_said_and_no_file_is_no_zero() -> None:
    files = [file([-97.5], [35.3], [0], [0], second) for second in (0, 40)]
    found = extent_density(files, GRID, START, START + MINUTE)
    assert (found.attrs["state"], found.attrs["notes"]) == ("partial", ["Files cover 40 of 60 s."])
    nothing = extent_density([], GRID, START, START + MINUTE)
    assert (nothing.attrs["state"], int(nothing["flashes"])) == ("missing", 0)
    assert np.isnan(nothing["flash_extent_density"].values).all()
    empty = extent_density([file([], [], [], [], second) for second in (0, 20, 40)], GRID, START, START + MINUTE)
    assert empty.attrs["state"] == "ok"
    assert (empty["flash_extent_density"].values == 0.0).all() and (empty["group_extent_density"].values == 0.0).all()


def test_a_partial_file_makes_the_span_partial() -> None:
    files = [file([-97.5], [35.3], [0], [0], second) for second in (0, 20)]
    files.append(file([-97.5], [35.3], [0], [0], 40, state="partial", notes=["5 of 9 events are there."]))
    found = extent_density(files, GRID, START, START + MINUTE)
    assert (found.attrs["state"], found.attrs["notes"]) == ("partial", ["5 of 9 events are there."])


def test_two_satellites_or_a_file_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="G18 and G19 together would count flashes twice"):
        extent_density([file([], [], [], []), file([], [], [], [], 20, satellite="G18")], GRID, START, START + MINUTE)
    with pytest.raises(ValueError, match="Two lightning files start at 2026-07-01T12:00:00Z"):
        extent_density([file([], [], [], []), file([], [], [], [])], GRID, START, START + MINUTE)


def test_beyond_the_field_of_view_nothing_is_known() -> None:
    north = area("north", "+proj=laea +lat_0=57 +lon_0=-75 +datum=WGS84 +units=m", (60, 10), 20000.0, (0.0, 0.0))
    density = extent_density([file([], [], [], [])], north, START, START + MINUTE)["flash_extent_density"].values
    assert np.isnan(density[0]).all() and (density[-1] == 0.0).all()
    europe = area("slovenia", "+proj=laea +lat_0=46 +lon_0=15 +datum=WGS84 +units=m", (10, 10), 4000.0, (0.0, 0.0))
    with pytest.raises(OutsideDisk, match=r"G19 above -75\.2 degrees east sees no lightning in slovenia"):
        extent_density([file([], [], [], [])], europe, START, START + MINUTE)


def neighbours(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles (n, 2) and distances of events beside each other in x."""
    dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
    first, second = np.nonzero((dx > 130e-6) & (dx < 260e-6) & (np.abs(dy) < 40e-6))
    return np.stack([(x[first] + x[second]) / 2, (y[first] + y[second]) / 2], axis=1), dx[first, second]


def test_pixels_are_as_large_as_neighbouring_events_are_apart(samples: Path) -> None:
    found = [*(samples / "goes_glm").glob("OR_GLM-L2-LCFA_G16_s201818304330*.nc"), *(samples / "goes_glm").glob("OR_GLM-L2-LCFA_G19*.nc")]
    checked = 0
    for path in found:
        events = read_flashes(path, path.name)
        sight = Sight(events.attrs["satellite_longitude"], lightning_ellipsoid(np.datetime64(events.attrs["start"][:-1])))
        x, y = scan_angles(events["event_longitude"].values.astype("float64"), events["event_latitude"].values.astype("float64"), sight)
        places_seen = np.unique(np.round(np.stack([x, y], axis=1) / 4e-6), axis=0) * 4e-6
        for axis in (0, 1):
            along, across = places_seen[:, axis], places_seen[:, 1 - axis]
            middle, distance = neighbours(along, across)
            size = pixel_size(middle[:, 0], middle[:, 0])[axis]
            for value in np.unique(size):
                there = size == value
                if there.sum() >= 30:
                    assert np.median(distance[there]) == pytest.approx(value, rel=0.015)
                    checked += 1
    assert checked >= 12


def product_area(file: Dataset, rows: slice, columns: slice) -> AreaDefinition:
    x, y = (np.ma.filled(file[axis][:]).astype("float64")[part] for axis, part in (("x", columns), ("y", rows)))
    mapping = {key: file["goes_imager_projection"].getncattr(key) for key in file["goes_imager_projection"].ncattrs() if key != "long_name"}
    height, half = mapping["perspective_point_height"], 28e-6
    extent = tuple(height * float(edge) for edge in (x[0] - half, y[-1] - half, x[-1] + half, y[0] + half))
    return AreaDefinition("product", "product", "product", CRS.from_cf(mapping), len(x), len(y), extent)


@pytest.mark.parametrize(("scene", "rows", "columns"), [("GLMM1", slice(0, 500), slice(0, 500)), ("GLMC", slice(500, 900), slice(600, 1200))])
def test_densities_are_those_of_the_real_gridded_product(samples: Path, scene: str, rows: slice, columns: slice) -> None:
    folder = samples / "goes_glm"
    files = [read_flashes(path, path.name) for path in folder.glob("OR_GLM-L2-LCFA_G16_s20181830433*.nc")]
    (path,) = folder.glob(f"OR_GLM-L2-{scene}-M3_G16_s20181830433000_*.nc")
    start = np.datetime64("2018-07-02T04:33:00", "s")
    with Dataset(path) as file:
        found = extent_density(files, product_area(file, rows, columns), start, start + MINUTE)
        for kind, step in (("flash", 1 / 16), ("group", 1 / 4)):
            expected = np.ma.filled(file[f"{kind}_extent_density"][rows, columns], 0.0)
            ours = np.rint(found[f"{kind}_extent_density"].values / step) * step  # as the product packs it
            either = (ours > 0) | (expected > 0)
            assert either.sum() > 50
            assert ((ours > 0) & (expected > 0)).sum() / either.sum() > 0.98
            assert (np.abs(ours - expected)[either] <= step).mean() > 0.92
            assert (np.abs(ours - expected)[either] == 0).mean() > 0.8
            assert ours.sum() == pytest.approx(expected.sum(), rel=0.015)
