"""Named grids against pyproj alone: centres, longitudes, the CF mapping, the northern row."""

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS, Geod, Proj

from stormcycle.grids import area, geolocated, longitudes_latitudes, nearest_km, pixel_centres

LAEA = "+proj=laea +lat_0=62 +lon_0=17 +ellps=WGS84 +units=m"
AEQD = "+proj=aeqd +lat_0=34.9306 +lon_0=-86.0833 +ellps=WGS84 +units=m"
PROJECTIONS = [LAEA, AEQD, "EPSG:3035", "EPSG:32633", "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040 +b=6370040 +units=m"]


def test_pixel_centres_are_half_a_pixel_inside_the_edges():
    x, y = pixel_centres(area("g", LAEA, (3, 4), 1000.0, (500.0, -2000.0)))
    assert x.tolist() == [-1000.0, 0.0, 1000.0, 2000.0]
    assert y.tolist() == [-1000.0, -2000.0, -3000.0]


def test_row_0_is_the_northern_edge():
    grid = area("g", LAEA, (6, 5), 2000.0, (0.0, 0.0))
    longitude, latitude = longitudes_latitudes(grid)
    assert (np.diff(latitude, axis=0) < 0).all()
    assert (np.diff(longitude, axis=1) > 0).all()


@pytest.mark.parametrize("projection", [LAEA, AEQD, "EPSG:3035", "EPSG:32633"])
def test_longitudes_and_latitudes_are_pyprojs(projection: str):
    centre = (4321000.0, 3210000.0) if projection == "EPSG:3035" else (500000.0, 5200000.0) if projection == "EPSG:32633" else (1000.0, -7000.0)
    longitude, latitude = longitudes_latitudes(area("g", projection, (4, 5), 3000.0, centre))
    inverse = Proj(CRS.from_user_input(projection))
    for row in range(4):
        for column in range(5):
            x, y = centre[0] + (column - 2) * 3000.0, centre[1] + (1.5 - row) * 3000.0
            assert (longitude[row, column], latitude[row, column]) == pytest.approx(inverse(x, y, inverse=True), abs=1e-8)


def test_distances_from_the_centre_of_an_equidistant_grid_are_geodesics():
    grid = area("g", AEQD, (41, 41), 5000.0, (0.0, 0.0))
    longitude, latitude = longitudes_latitudes(grid)
    *_, distance = Geod(ellps="WGS84").inv(np.full_like(longitude, -86.0833), np.full_like(latitude, 34.9306), longitude, latitude)
    x, y = np.meshgrid(*pixel_centres(grid))
    np.testing.assert_allclose(distance, np.hypot(x, y), atol=1.0)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_the_cf_mapping_reads_back_as_the_same_projection(projection: str):
    grid = area("g", projection, (2, 2), 1000.0, (0.0, 0.0))
    fields = geolocated(xr.Dataset({"z": (("y", "x"), np.zeros((2, 2)))}), grid, nominal=False)
    back = CRS.from_cf(fields["crs"].attrs)
    points = np.array([-200e3, 0.0, 150e3]), np.array([80e3, 0.0, -90e3])
    np.testing.assert_allclose(Proj(back)(*points, inverse=True), Proj(CRS.from_user_input(projection))(*points, inverse=True), atol=1e-7)


def test_only_gridded_variables_name_the_mapping_and_none_of_its_attributes_is_null():
    grid = area("g", LAEA, (2, 3), 1000.0, (0.0, 0.0))
    fields = xr.Dataset({"z": (("time", "y", "x"), np.zeros((1, 2, 3))), "flat": (("y", "x"), np.zeros((2, 3))), "count": ("time", [1])})
    dressed = geolocated(fields, grid, nominal=False)
    assert {name for name in dressed.data_vars if dressed[name].attrs.get("grid_mapping") == "crs"} == {"z", "flat"}
    assert None not in dressed["crs"].attrs.values()
    assert (dressed["x"].attrs["units"], dressed["y"].attrs["standard_name"]) == ("m", "projection_y_coordinate")
    assert "crs" not in fields  # the caller's fields stay as they were


def test_a_nominal_site_is_said_in_the_mapping():
    fields = xr.Dataset({"z": (("y", "x"), np.zeros((2, 2)))})
    grid = area("g", LAEA, (2, 2), 1000.0, (0.0, 0.0))
    assert "nominal" in geolocated(fields, grid, nominal=True)["crs"].attrs["comment"]
    assert "comment" not in geolocated(fields, grid, nominal=False)["crs"].attrs


def test_the_nearest_of_some_places_is_as_far_as_the_projection_says() -> None:
    grid = area("near", "+proj=aeqd +lat_0=46 +lon_0=15 +datum=WGS84 +units=m", (21, 21), 4000.0, (0.0, 0.0))
    x, y = np.meshgrid(*pixel_centres(grid))
    np.testing.assert_allclose(nearest_km(grid, [(15.0, 46.0)]), np.hypot(x, y) / 1000.0, atol=0.01)
    both = nearest_km(grid, [(15.0, 46.0), (15.4, 46.2)])
    np.testing.assert_allclose(both, np.minimum(nearest_km(grid, [(15.0, 46.0)]), nearest_km(grid, [(15.4, 46.2)])))
