"""Lattices of fixed grids and the nearest pixels of an area, beside distances computed one by one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagery import square
from pyproj import CRS, Proj
from pyresample.geometry import AreaDefinition

from stormcycle.satellite.resampling import NOWHERE, Lattice, Pixels, kept_pixels, lattice_of, nearest_pixels, needed

GOES = CRS.from_dict({"proj": "geos", "h": 35786023.0, "a": 6378137.0, "b": 6356752.31414, "lon_0": -75.0, "sweep": "x", "units": "m"})
STEP = 35786023.0 * 56e-6
FULL_DISK = ((-2712 * STEP, -2712 * STEP, 2712 * STEP, 2712 * STEP), (5424, 5424))


def scene(rows: slice, columns: slice) -> AreaDefinition:
    """A window of the 2 km full disk, rows and columns counted from the north-western corner."""
    left, top = -2712 * STEP, 2712 * STEP
    extent = (left + columns.start * STEP, top - rows.stop * STEP, left + columns.stop * STEP, top - rows.start * STEP)
    return AreaDefinition("scene", "", "", GOES, columns.stop - columns.start, rows.stop - rows.start, extent)


def places(lattice: Lattice, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The places of a lattice's pixels on the earth (..., 3), metres from its centre, by pyproj."""
    x, y = (columns + lattice.phase_x) * lattice.step_x, (rows + lattice.phase_y) * lattice.step_y
    longitude, latitude = Proj(CRS.from_wkt(lattice.projection))(x, y, inverse=True)
    return on_the_earth(longitude, latitude)


def on_the_earth(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    east, north = np.radians(longitude), np.radians(latitude)
    return 6371000.0 * np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], -1)


def test_every_scene_of_one_satellite_is_a_window_of_one_lattice() -> None:
    lattices = [lattice_of(scene(slice(row, row + 500), slice(column, column + 300))) for row, column in ((0, 0), (422, 902), (1333, 2711))]
    (first, row, column), *others = lattices
    assert {other[0] for other in others} == {first}
    assert [(other[1] - row, other[2] - column) for other in others] == [(422, 902), (1333, 2711)]
    assert (first.step_x > 0, first.step_y < 0) == (True, True)


def test_a_scene_whose_extent_is_flipped_counts_rows_and_columns_as_its_arrays_do() -> None:
    north_up = scene(slice(800, 900), slice(1830, 2030))
    left, bottom, right, top = north_up.area_extent
    flipped = AreaDefinition("flipped", "", "", GOES, 200, 100, (right, top, left, bottom))
    area = square((-95.0, 38.0), 8, 2000.0)
    for definition in (north_up, flipped):
        lattice, row, column = lattice_of(definition)
        pixels = nearest_pixels(lattice, area).counted_from(row, column)
        longitude, latitude = definition.get_lonlats()
        distance = np.linalg.norm(on_the_earth(longitude, latitude)[None, None] - on_the_earth(*area.get_lonlats())[:, :, None, None], axis=-1)
        nearest = np.stack(np.unravel_index(distance.reshape(8, 8, -1).argmin(-1), definition.shape))
        assert np.array_equal(np.stack([pixels.rows, pixels.columns]), nearest)


@settings(max_examples=12, deadline=None)
@given(st.floats(-120, -40), st.floats(-50, 50), st.floats(0.0, 0.999), st.floats(0.0, 0.999), st.floats(500, 9000))
def test_no_pixel_of_the_lattice_is_nearer_than_the_one_that_is_taken(longitude: float, latitude: float, phase_x: float, phase_y: float, size_m: float) -> None:
    lattice, area = Lattice(GOES.to_wkt(), STEP, -STEP, phase_x, phase_y), square((longitude, latitude), 6, size_m)
    pixels = nearest_pixels(lattice, area)
    assert pixels.visible.all()
    around = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5), indexing="ij"))
    wanted = on_the_earth(*area.get_lonlats())
    taken = np.linalg.norm(places(lattice, pixels.rows, pixels.columns) - wanted, axis=-1)
    for row, column in around.reshape(2, -1).T:
        other = np.linalg.norm(places(lattice, pixels.rows + row, pixels.columns + column) - wanted, axis=-1)
        assert (taken <= other + 20.0).all(), "20 m: the earth is a ball in pyresample's tree as well, its numbers have 24 bits"


def test_what_the_satellite_cannot_see_is_nowhere_and_is_kept_as_such(tmp_path: Path) -> None:
    lattice, *_ = lattice_of(scene(slice(0, 10), slice(0, 10)))
    area = square((-75.0, 81.3), 16, 30000.0)
    pixels = kept_pixels(lattice, area, tmp_path)
    x, _ = Proj(GOES)(*area.get_lonlats())
    assert np.array_equal(pixels.visible, np.isfinite(x))
    assert 0.1 < pixels.visible.mean() < 0.9
    assert (pixels.columns[~pixels.visible] == NOWHERE).all()
    again = kept_pixels(lattice, area, tmp_path)
    assert np.array_equal(again.rows, pixels.rows)
    assert len(list(tmp_path.iterdir())) == 1
    kept_pixels(lattice, square((-75.0, 60.0), 16, 30000.0), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2, "another area has indices of its own"
    assert not nearest_pixels(lattice, square((105.0, 0.0), 4, 30000.0)).visible.any()


def test_values_are_taken_where_pixels_lie_inside_and_counting_from_elsewhere_keeps_nowhere() -> None:
    pixels = Pixels(np.array([[5, 6, NOWHERE]], "int32"), np.array([[7, 9, NOWHERE]], "int32"))
    moved = pixels.counted_from(5, 7)
    assert moved.rows.tolist() == [[0, 1, NOWHERE]]
    values = np.arange(4.0).reshape(2, 2)
    assert moved.taken(values, -1.0).tolist() == [[0.0, -1.0, -1.0]]
    assert moved.inside((2, 3)).tolist() == [[True, True, False]]
    assert needed([moved, pixels], (7, 9)) == (slice(0, 6), slice(0, 8))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip file"])
def test_a_damaged_file_of_indices_is_replaced(tmp_path: Path, content: bytes) -> None:
    lattice, *_ = lattice_of(scene(slice(0, 10), slice(0, 10)))
    area = square((-90.0, 30.0), 8, 2000.0)
    pixels = kept_pixels(lattice, area, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert np.array_equal(kept_pixels(lattice, area, tmp_path).rows, pixels.rows)
    assert path.stat().st_size > 200
