"""Cloud tops put back: the geometry beside pyproj and Satpy, and a tower in a made scene found where it stands."""

import numpy as np
import pytest
from imagery import square
from pyproj import CRS, Geod, Proj

from stormcycle.satellite.parallax import HEIGHTS_M, guessed_height, raised_pixels, seen_at, standing_tops
from stormcycle.satellite.resampling import Lattice, nearest_pixels

GOES = {"proj": "geos", "h": 35786023.0, "a": 6378137.0, "b": 6356752.31414, "lon_0": -75.0, "sweep": "x", "units": "m"}
METEOSAT = {"proj": "geos", "h": 35785831.0, "a": 6378169.0, "rf": 295.488065897014, "lon_0": 0.0, "units": "m"}
STEP = 2004.0


def lattice(projection: dict[str, object]) -> Lattice:
    return Lattice(CRS.from_dict(projection).to_wkt(), STEP, -STEP, 0.5, 0.5)


@pytest.mark.parametrize("projection", [GOES, METEOSAT])
def test_points_on_the_ground_are_seen_where_the_projection_has_them(projection: dict[str, object]) -> None:
    longitude, latitude = np.meshgrid(np.linspace(-179.0, 179.0, 60), np.linspace(-89.0, 89.0, 60))
    x, y = seen_at(lattice(projection), longitude, latitude, 0.0)
    wanted_x, wanted_y = Proj(CRS.from_dict(projection))(longitude, latitude)
    seen = np.isfinite(wanted_x)
    assert (np.isfinite(x) == seen).mean() > 0.999, "but at the very limb"
    both = seen & np.isfinite(x)
    assert np.abs(x - wanted_x)[both].max() < 0.01
    assert np.abs(y - wanted_y)[both].max() < 0.01


@pytest.mark.parametrize("height", [1500.0, 12000.0])
def test_satpy_puts_a_top_back_to_where_we_say_that_it_is_seen_from(height: float) -> None:
    from satpy.modifiers.parallax import get_parallax_corrected_lonlats

    longitude, latitude = (values.ravel() for values in np.meshgrid(np.linspace(-110.0, -60.0, 9), np.linspace(-40.0, 45.0, 9)))
    seen_longitude, seen_latitude = Proj(CRS.from_dict(GOES))(*seen_at(lattice(GOES), longitude, latitude, height), inverse=True)
    back = get_parallax_corrected_lonlats(-75.0, 0.0, 35786023.0, seen_longitude, seen_latitude, np.full(longitude.shape, height))
    geod = Geod(ellps="GRS80")
    moved = geod.inv(longitude, latitude, seen_longitude, seen_latitude)[2]
    left = geod.inv(longitude, latitude, *back)[2]
    far = moved > 500.0
    assert far.sum() > 60
    assert (left[far] < 0.02 * moved[far] + 20.0).all(), "Satpy's earth is a ball"


def test_a_tower_is_found_where_it_stands_and_hides_what_is_behind_it() -> None:
    """A scene made by following each pixel's line of sight through a plain with one round tower of 12 km."""
    area, top, width = square((-97.5, 40.0), 61, 1000.0), 12000.0, 6000.0
    longitude, latitude = area.get_lonlats()
    x, y = area.get_proj_coords()
    tower = np.hypot(x, y) < width
    grid = lattice(GOES)
    ground = nearest_pixels(grid, area)
    first = (int(ground.rows.min()) - 12, int(ground.columns.min()) - 12)
    seen = np.full((90, 90), 290.0)
    place_x, place_y = seen_at(grid, longitude[tower], latitude[tower], top)
    rows, columns = np.round(place_y / grid.step_y - 0.5).astype(int) - first[0], np.round(place_x / grid.step_x - 0.5).astype(int) - first[1]
    seen[rows, columns] = 288.15 - 0.0065 * top
    uncorrected = ground.counted_from(*first).taken(seen, np.nan) < 250.0
    pixels = standing_tops(ground.counted_from(*first), [higher.counted_from(*first) for higher in raised_pixels(grid, area)], guessed_height(seen))
    found = pixels.taken(seen, np.nan)
    corrected = found < 250.0
    offset = np.array([float((axis[corrected]).mean()) for axis in (x, y)])
    before = np.array([float((axis[uncorrected]).mean()) for axis in (x, y)])
    assert np.hypot(*before) > 9000.0, "seen far from where it stands"
    assert np.hypot(*offset) < 1500.0
    assert (corrected & tower).sum() > 0.95 * tower.sum()
    assert (corrected & (np.hypot(x, y) > width + 4500.0)).sum() == 0, "a pixel is 2 km by 3 km here, and its side is not told from its top"
    assert np.isnan(found[uncorrected & ~tower & (np.hypot(x - before[0], y - before[1]) < 3000.0)]).mean() > 0.5, "behind it nothing is known"
    assert (found[np.hypot(x, y) > 25000.0] == 290.0).all()


def test_heights_are_guessed_by_the_standard_atmosphere_within_its_bounds() -> None:
    assert guessed_height(np.array([300.0, 288.15, 281.65, 216.65, 150.0, np.nan])).tolist() == pytest.approx([0.0, 0.0, 1000.0, 11000.0, HEIGHTS_M[0], 0.0])
