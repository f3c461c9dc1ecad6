"""Indices of gates against Py-ART's beam model and brute force over all gates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyart.core import antenna_to_cartesian
from pyproj import Geod

from stormcycle.grids import area, longitudes_latitudes
from stormcycle.radar.gridding import AZIMUTH_BINS, GateIndices, Geometry, gate_indices, geometry_of, kept_indices, rays_by_azimuth, slant_range

SITE = Geometry(46.07, 15.29, 950.0, (0.5, 4.0), (500.0, 500.0), (1000.0, 1000.0), (60, 40))
AREA = area("small", "+proj=aeqd +lat_0=46.07 +lon_0=15.29 +ellps=WGS84 +units=m", (24, 26), 5000.0, (2000.0, -3000.0))


@given(st.floats(500.0, 250e3), st.floats(0.0, 30.0))
def test_the_beam_path_is_py_arts(slant: float, elevation: float):
    x, y, z = antenna_to_cartesian(slant / 1000.0, 90.0, elevation)  # arc length x along the ground, 4/3 earth, antenna at sea level
    found, height = slant_range(np.hypot(x, y), elevation, 0.0)
    assert found == pytest.approx(slant, abs=1.0)
    assert height == pytest.approx(float(z), abs=1.0)


def test_above_the_antenna_range_is_zero_and_the_height_is_the_antennas():
    assert slant_range(np.array(0.0), 0.5, 950.0) == (pytest.approx(0.0), pytest.approx(950.0))


@given(st.floats(1e3, 250e3), st.floats(0.0, 20.0), st.floats(0.0, 3000.0))
def test_the_triangle_of_earth_antenna_and_beam_closes(ground: float, elevation: float, altitude: float):
    earth = 6371000.0 * 4 / 3  # law of cosines: earth's centre, antenna, beam
    slant, height = slant_range(ground, elevation, altitude)
    antenna = earth + altitude
    third = np.sqrt(antenna**2 + slant**2 + 2 * antenna * slant * np.sin(np.deg2rad(elevation)))
    assert third - earth == pytest.approx(height, abs=0.01)
    assert third * np.sin(ground / earth) == pytest.approx(slant * np.cos(np.deg2rad(elevation)), abs=0.01)


def test_each_pixel_takes_the_gate_whose_centre_is_nearest_by_brute_force():
    found = gate_indices(SITE, AREA)
    longitude, latitude = longitudes_latitudes(AREA)
    geod = Geod(ellps="WGS84")
    for sweep, (elevation, count) in enumerate(zip(SITE.elevations, SITE.gate_counts, strict=True)):
        centres = np.array([500.0 + 1000.0 * gate for gate in range(count)])
        x, y, z = antenna_to_cartesian(centres / 1000.0, np.zeros(count), np.full(count, elevation))
        # along the ground of the site's height: Py-ART's arc is at sea level
        for row in range(0, 24, 3):
            for column in range(0, 26, 3):
                azimuth, _, distance = geod.inv(SITE.longitude, SITE.latitude, longitude[row, column], latitude[row, column])
                gaps = np.abs(np.hypot(x, y) - distance)
                gate = int(gaps.argmin())
                beyond = distance > np.hypot(x, y)[-1] + 500.0
                if np.partition(gaps, 1)[1] - gaps[gate] > 20.0:  # not on the edge between two gates
                    assert found.gate[sweep, row, column] == (-1 if beyond else gate)
                assert abs((found.azimuth_bin[row, column] + 0.5) * 360 / AZIMUTH_BINS - azimuth % 360) <= 180 / AZIMUTH_BINS + 1e-6
                if not beyond:
                    assert found.height_m[sweep, row, column] == pytest.approx(z[gate] + 950.0, abs=60.0)


def test_the_four_quarters_look_north_east_south_and_west():
    grid = area("cross", "+proj=aeqd +lat_0=46.07 +lon_0=15.29 +ellps=WGS84 +units=m", (3, 3), 20000.0, (0.0, 0.0))
    bins = gate_indices(SITE, grid).azimuth_bin
    found = [float(bins[where]) * 360 / AZIMUTH_BINS for where in ((0, 1), (1, 2), (2, 1), (1, 0))]
    for azimuth, wanted in zip(found, (0, 90, 180, 270), strict=True):
        assert abs((azimuth - wanted + 180) % 360 - 180) <= 0.2


def same(first: GateIndices, second: GateIndices) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("azimuth_bin", "distance_m", "gate", "height_m"))


def test_kept_indices_are_the_computed_ones_and_read_again_from_their_file(tmp_path: Path):
    computed = gate_indices(SITE, AREA)
    assert same(kept_indices(SITE, AREA, tmp_path), computed)
    (file,) = tmp_path.iterdir()
    with np.load(file) as kept:
        marked = {name: kept[name] for name in kept.files}
    marked["gate"] = marked["gate"] + 1
    with file.open("wb") as stream:
        np.savez(stream, **marked)
    assert np.array_equal(kept_indices(SITE, AREA, tmp_path).gate, computed.gate + 1)  # it did read the file


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"nonsense", lambda content: content[:30] + b"\xff" * 400 + content[430:]]
)
def test_a_damaged_file_of_indices_is_computed_again(tmp_path: Path, damage):
    kept_indices(SITE, AREA, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert same(kept_indices(SITE, AREA, tmp_path), gate_indices(SITE, AREA))
    assert file.stat().st_size == len(whole)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_file_of_indices_is_computed_again(tmp_path: Path):
    kept_indices(SITE, AREA, tmp_path)
    next(tmp_path.iterdir()).write_bytes(b"")
    assert same(kept_indices(SITE, AREA, tmp_path), gate_indices(SITE, AREA))


def test_another_geometry_or_grid_has_a_file_of_its_own(tmp_path: Path):
    kept_indices(SITE, AREA, tmp_path)
    kept_indices(replace(SITE, altitude_m=951.0), AREA, tmp_path)
    kept_indices(replace(SITE, elevations=(0.5, 4.1)), AREA, tmp_path)
    kept_indices(SITE, area("small", AREA.crs.to_wkt(), (24, 26), 5000.0, (2000.0, -3001.0)), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


@given(st.lists(st.integers(0, 359), min_size=20, max_size=60, unique=True), st.randoms())
def test_each_azimuth_takes_the_nearest_ray_by_brute_force(whole_degrees: list[int], shuffler):
    shuffler.shuffle(whole_degrees)
    azimuth = np.array(whole_degrees, "float64") + 0.0013  # never halfway between two bins' centres
    rays = rays_by_azimuth(azimuth)
    for bin_number in range(0, AZIMUTH_BINS, 371):
        centre = (bin_number + 0.5) * 360 / AZIMUTH_BINS
        gaps = np.abs((azimuth - centre + 180.0) % 360.0 - 180.0)
        if rays[bin_number] >= 0:
            assert gaps[rays[bin_number]] == pytest.approx(gaps.min(), abs=1e-9)
        else:
            assert gaps.min() >= 1.5 * 1.0  # no ray is nearer than 1.5 of the least spacing


def test_every_azimuth_of_a_full_circle_has_a_ray_also_across_north():
    rays = rays_by_azimuth(np.arange(360) + 0.5)
    assert np.array_equal(rays, np.repeat(np.arange(360), AZIMUTH_BINS // 360))


def test_antennas_that_wobble_share_their_indices(polar):
    first, second = (geometry_of(polar(np.zeros((1, 36, 60)), elevations=(elevation,)), 46.070001, 15.29, 950.01) for elevation in (0.4834, 0.5273))
    assert first == second
    assert first.elevations == (0.5,)
