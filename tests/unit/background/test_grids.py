"""Places, sampling and the turning of winds, against ecCodes' own points, closed forms and finite differences."""

from pathlib import Path

import eccodes
import gribs
import numpy as np
import pytest
from pyproj import CRS, Proj, Transformer

from stormcycle.background.errors import Unreadable
from stormcycle.background.fields import Field, read_fields, read_values
from stormcycle.background.grids import grid_north, places, sampled, turned

GRIDS = {"latlon": gribs.EUROPE, "lambert": gribs.LAMBERT, "rotated": gribs.ROTATED, "stereographic": gribs.STEREOGRAPHIC, "mercator": gribs.MERCATOR}
ROUND = {"gridType": "regular_ll", "Ni": 36, "Nj": 5, "iDirectionIncrementInDegrees": 10.0, "jDirectionIncrementInDegrees": 5.0} | {
    "latitudeOfFirstGridPointInDegrees": 50.0,
    "longitudeOfFirstGridPointInDegrees": 0.0,
    "latitudeOfLastGridPointInDegrees": 30.0,
    "longitudeOfLastGridPointInDegrees": 350.0,
}


def one_field(path: Path) -> tuple[Field, np.ndarray]:
    (field,) = read_fields(path, path.name).fields
    ((_, values),) = read_values(path, path.name, [field])
    assert isinstance(values, np.ndarray)
    return field, values


def points(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitudes, latitudes and values of a file's first message in its own order, as ecCodes' iterator has them."""
    with path.open("rb") as file:
        handle = eccodes.codes_grib_new_from_file(file)
        found = tuple(eccodes.codes_get_array(handle, key) for key in ("longitudes", "latitudes", "values"))
        eccodes.codes_release(handle)
    return found


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("kind", GRIDS)
def test_every_point_of_a_grid_lies_where_eccodes_has_it(kind: str, edition: int, tmp_path: Path):
    path = gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, grid=GRIDS[kind], edition=edition))
    field, values = one_field(path)
    longitude, latitude, in_order = points(path)
    rows, columns = values.shape
    where = places(field.grid, longitude, latitude)
    np.testing.assert_allclose(where, [np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)], atol=1e-4)
    np.testing.assert_allclose(sampled(values, field.grid, where), in_order, atol=1e-4)


@pytest.mark.parametrize("pattern", ["nam*", "arome_arctic*003*", "Z__C_RJTD*", "arome_P*", "gfs*"])
def test_every_point_of_a_real_grid_lies_where_eccodes_has_it(samples: Path, pattern: str):
    (path,) = (samples / "nwp").glob(pattern)
    field = read_fields(path, path.name).fields[0]
    longitude, latitude, _ = points(path)
    rows, columns = field.grid.rows, field.grid.columns
    np.testing.assert_allclose(places(field.grid, longitude, latitude), [np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)], atol=1e-6)


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize(("east", "south", "by_columns"), [(1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_the_order_of_points_changes_nothing(edition: int, east: int, south: int, by_columns: int, tmp_path: Path):
    turned_round = dict(gribs.EUROPE)
    ends = [
        ("latitudeOfFirstGridPointInDegrees", "latitudeOfLastGridPointInDegrees", south),
        ("longitudeOfFirstGridPointInDegrees", "longitudeOfLastGridPointInDegrees", east),
    ]
    for first, last, swapped in ends:
        if swapped:
            turned_round |= {first: gribs.EUROPE[last], last: gribs.EUROPE[first]}
    turned_round |= {"iScansNegatively": east, "jScansPositively": south, "jPointsAreConsecutive": by_columns}
    field, values = one_field(gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, grid=turned_round, edition=edition)))
    longitude, latitude = np.array([12.0, 13.33, 19.5, 15.75]), np.array([48.5, 44.71, 43.5, 46.0])
    found = sampled(values, field.grid, places(field.grid, longitude, latitude))
    np.testing.assert_allclose(found, gribs.state("t", 850)(longitude, latitude), atol=1e-4)


def test_lines_that_run_back_and_forth_are_read_so(tmp_path: Path):
    raw = gribs.state("t", 850)(*np.meshgrid(np.linspace(12.0, 19.5, 31), np.linspace(48.5, 43.5, 21)))
    there_and_back = raw.copy()
    there_and_back[1::2] = raw[1::2, ::-1]
    _, values = one_field(gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, values=there_and_back, alternativeRowScanning=1)))
    np.testing.assert_allclose(values, raw, atol=1e-4)


def test_a_grid_round_the_world_has_no_seam_and_longitudes_may_count_from_180_west(tmp_path: Path):
    field, values = one_field(
        gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, grid=ROUND, values=lambda x, y: 280.0 + 10.0 * np.cos(np.radians(x))))
    )
    found = sampled(values, field.grid, places(field.grid, np.array([355.0, -5.0, 5.0, 359.9999, 180.0, -180.0]), np.full(6, 41.0)))
    edge, half = 290.0, (290.0 + 280.0 + 10.0 * np.cos(np.radians(10.0))) / 2
    np.testing.assert_allclose(found, [half, half, half, edge, 270.0, 270.0], atol=1e-3)


def test_a_grid_across_the_meridian_is_one_piece(tmp_path: Path):
    grid = gribs.EUROPE | {"longitudeOfFirstGridPointInDegrees": 356.0, "longitudeOfLastGridPointInDegrees": 3.5}
    field, values = one_field(gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, grid=grid, edition=2)))
    longitude = np.array([-4.0, 356.5, -0.1, 0.1, 3.5])
    found = sampled(values, field.grid, places(field.grid, longitude, np.full(5, 46.1)))
    np.testing.assert_allclose(found, gribs.state("t", 850)((longitude + 180) % 360 - 180, 46.1), atol=1e-4)


def test_outside_a_grid_and_beside_a_hole_there_is_nothing(tmp_path: Path):
    raw = np.full((21, 31), 280.0) + np.arange(31)
    raw[10, 15] = np.nan
    field, values = one_field(gribs.written(tmp_path / "one.grib", gribs.message("t", "pressure", 850, values=raw)))
    longitude, latitude = np.array([11.9, 19.6, 15.0, 15.0, 15.7, 15.4]), np.array([46.0, 46.0, 48.6, 43.4, 46.1, 46.1])
    found = sampled(values, field.grid, places(field.grid, longitude, latitude))
    assert np.array_equal(np.isnan(found), [True, True, True, True, True, False])


def test_the_nearest_point_of_eccodes_has_the_value_that_is_sampled_there(samples: Path):
    path = samples / "nwp/nam.t00z.awp21100.tm00.grib2"
    field = next(field for field in read_fields(path, path.name).fields if str(field.parameter) == "t at 850 hPa")
    ((_, values),) = read_values(path, path.name, [field])
    with path.open("rb") as file:
        for _ in range(200):
            handle = eccodes.codes_grib_new_from_file(file)
            if (eccodes.codes_get(handle, "shortName"), eccodes.codes_get(handle, "level")) == ("t", 850):
                break
            eccodes.codes_release(handle)
    for latitude, longitude in [(35.3, -97.5), (45.0, -120.0), (20.0, -80.0)]:
        (near,) = eccodes.codes_grib_find_nearest(handle, latitude, longitude % 360)
        assert sampled(values, field.grid, places(field.grid, np.array([near["lon"]]), np.array([near["lat"]]))) == pytest.approx(near["value"], abs=1e-3)
    eccodes.codes_release(handle)


def test_the_north_of_a_lambert_grid_turns_with_longitude_by_the_sine_of_its_latitude(tmp_path: Path):
    field, _ = one_field(gribs.written(tmp_path / "one.grib", gribs.message("u", "pressure", 850, grid=gribs.LAMBERT)))
    longitude, latitude = np.array([10.0, 17.0, 21.5, -170.0]), np.array([44.0, 47.0, 51.0, 60.0])
    expected = np.sin(np.radians(46.2)) * ((longitude - 17.0 + 180.0) % 360.0 - 180.0)
    np.testing.assert_allclose(grid_north(field.grid.projection, longitude, latitude), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["lambert", "rotated", "stereographic", "mercator", "latlon"])
def test_a_wind_towards_the_pole_is_a_south_wind_on_every_grid(kind: str, tmp_path: Path):
    field, _ = one_field(gribs.written(tmp_path / "one.grib", gribs.message("u", "pressure", 850, grid=GRIDS[kind])))
    longitude, latitude = np.meshgrid([14.6, 15.0, 16.2], [45.2, 45.6, 46.1])
    step = 1e-4
    ahead = places(field.grid, longitude, latitude + step) - places(field.grid, longitude, latitude - step)
    x, y = ahead[1] * field.grid.dx, ahead[0] * field.grid.dy
    if field.grid.in_degrees:  # rotated degrees are metres but for the cosine of the rotated latitude
        x = x * np.cos(np.radians(field.grid.y + field.grid.dy * places(field.grid, longitude, latitude)[0]))
    u, v = x / np.hypot(x, y), y / np.hypot(x, y)
    eastward, northward = turned(u, v, grid_north(field.grid.projection, longitude, latitude))
    np.testing.assert_allclose(eastward, 0.0, atol=1e-5)
    np.testing.assert_allclose(northward, 1.0, atol=1e-5)


def test_grid_north_of_an_area_is_pyprojs_meridian_convergence():
    crs = CRS.from_user_input("+proj=laea +lat_0=46.07 +lon_0=15.29 +ellps=WGS84")
    longitude, latitude = np.meshgrid(np.linspace(12, 19, 5), np.linspace(44, 48, 5))
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(longitude, latitude)
    x1, y1 = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(longitude, latitude + 1e-5)
    found = grid_north(crs, longitude, latitude)
    np.testing.assert_allclose(found, -np.degrees(np.arctan2(x1 - x, y1 - y)), atol=1e-3)
    np.testing.assert_allclose(found, Proj(crs).get_factors(longitude, latitude).meridian_convergence)
    assert (found[:, -1] > 0.5).all(), "east of the middle the grid's north lies clockwise of the true one"


def test_a_grid_that_contradicts_itself_or_is_of_another_kind_is_refused(tmp_path: Path):
    wrong = gribs.EUROPE | {"iDirectionIncrementInDegrees": 0.5}
    with pytest.raises(Unreadable, match="do not fit between its first and its last one: the grid is wrong"):
        read_fields(gribs.written(tmp_path / "wrong.grib", gribs.message("t", "pressure", 850, grid=wrong)), "wrong.grib")
    with pytest.raises(Unreadable, match="which no model has"):
        huge = bytearray(gribs.message("t", "pressure", 850))
        at = huge.index((31).to_bytes(4, "big") + (21).to_bytes(4, "big"))
        huge[at : at + 8] = (60000).to_bytes(4, "big") * 2
        read_fields(gribs.written(tmp_path / "huge.grib", bytes(huge)), "huge.grib")
    contents = read_fields(
        gribs.written(tmp_path / "turned.grib", gribs.message("t", "pressure", 850, grid=gribs.ROTATED | {"angleOfRotation": 20})), "turned.grib"
    )
    assert contents.fields == ()
    assert "rotated about its own pole" in contents.unsampled[0]
