import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stormcycle.simulator import truth
from stormcycle.simulator.nature import columns, moments, seconds_of, world_of
from stormcycle.simulator.nature.columns import Columns
from stormcycle.simulator.nature.profiles import kdp_of_rain, reflectivity_at, zdr_of_rain
from stormcycle.simulator.nature.storms import LONGEST_LIFE_S, cells
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import carried
from stormcycle.states import NO_ECHO_DBZ

MINUTE = np.timedelta64(60, "s")


def _fields(domain, noon, seed):
    return [truth(domain, noon + hours * 60 * MINUTE, seed).reflectivity.values for hours in range(6)]


@pytest.mark.parametrize("seed", [7, 8])
def test_the_world_has_storms_sheets_and_dry_air(domain, noon, seed):
    fields = _fields(domain, noon, seed)
    wet = np.array([(field >= 20).mean() for field in fields])
    assert 0.08 < wet.mean() < 0.45
    assert max(field.max() for field in fields) > 48
    assert all(field.max() < 62 for field in fields)
    assert np.mean([(field == NO_ECHO_DBZ).mean() for field in fields]) > 0.05 and all((field == NO_ECHO_DBZ).any() for field in fields)
    assert np.isfinite(fields).all()


def test_truth_is_a_function_of_domain_time_and_seed(domain, noon):
    first = truth(domain, noon, 7)
    truth(domain, noon + 30 * MINUTE, 7)
    assert first.identical(truth(domain, noon, 7))
    assert not np.array_equal(first.reflectivity, truth(domain, noon, 8).reflectivity)
    assert first.reflectivity.dims == ("y", "x")
    assert first.reflectivity.attrs["grid_mapping"] == "crs"


def test_the_flow_is_undone_by_its_inverse(domain):
    world = world_of(domain, 7)
    x, y = np.array([0.0, 5e4]), np.array([1e4, -8e4])
    there = carried(world, x, y, 3600.0)
    np.testing.assert_allclose(carried(world, *there, -3600.0), (x, y), atol=1e-6)
    # the derivative of the way is the velocity where one is
    step = carried(world, x, y, 1.0)
    expected = np.array(world.velocity)[:, None] + np.array(world.gradient) @ np.array([x, y])
    np.testing.assert_allclose(np.array(step) - (x, y), expected, rtol=1e-3)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_storms_move_with_the_flow(domain, noon, seed):
    """The correlation of two fields is greatest at the displacement of the flow at the centre, to a pixel and a half."""
    span, pixel = 12, domain.grid.resolution_m
    before, after = (gaussian_filter(np.maximum(truth(domain, noon + t * MINUTE, seed).reflectivity.values, 0), 1.0) for t in (0, span))
    before, after = before - before.mean(), after - after.mean()
    padded = (192, 192)
    correlation = np.fft.irfft2(np.fft.rfft2(after, padded) * np.conj(np.fft.rfft2(before, padded)), padded)
    row, column = np.unravel_index(np.argmax(correlation), padded)
    found = np.array([(column + 96) % 192 - 96, -((row + 96) % 192 - 96)])
    expected = np.array(carried(world_of(domain, seed), np.zeros(1), np.zeros(1), span * 60.0)).ravel() / pixel
    assert np.hypot(*(found - expected)) < 1.6


def test_storms_evolve_so_that_the_flow_alone_predicts_less_and_less(domain, noon):
    world = world_of(domain, 7)
    x, y = np.meshgrid(np.linspace(-7e4, 7e4, 60), np.linspace(-7e4, 7e4, 60))
    start = seconds_of(noon)
    first = columns(world, start, x, y)
    likeness = []
    for span in (600.0, 1800.0, 3600.0):
        later = columns(world, start + span, *carried(world, x, y, span))
        likeness.append(np.corrcoef(np.maximum(first.convective, 0).ravel(), np.maximum(later.convective, 0).ravel())[0, 1])
    assert likeness[0] > 0.85
    assert likeness[0] > likeness[1] > likeness[2]
    assert likeness[2] < 0.85


def test_cells_are_born_and_die(domain, noon):
    world, start = world_of(domain, 7), seconds_of(noon)
    births = {float(birth) for minutes in range(0, 240, 20) for birth in cells(world, start + minutes * 60).birth}
    now, later = set(cells(world, start).birth), set(cells(world, start + 1800).birth)
    assert now - later and later - now and now & later
    assert not now & set(cells(world, start + LONGEST_LIFE_S).birth)
    lives = cells(world, start).life / 60
    assert lives.min() >= 25 and lives.max() <= 100
    assert len(births) > len(now)


def test_no_jump_in_time(domain, noon):
    """Nothing appears at once where generations of texture, epochs of cells or lines change."""
    world = world_of(domain, 7)
    x, y = np.meshgrid(np.linspace(-8e4, 8e4, 30), np.linspace(-8e4, 8e4, 30))
    for quarter in range(8):
        moment = seconds_of(noon) + quarter * 900.0
        before, after = columns(world, moment - 2.5, x, y), columns(world, moment + 2.5, *carried(world, x, y, 5.0))
        for name in ("convective", "stratiform"):
            a, b = np.maximum(getattr(before, name), 0), np.maximum(getattr(after, name), 0)
            assert np.abs(a - b).max() < 2.5


def test_texture_is_standard_noise(domain):
    x, y = np.meshgrid(np.linspace(-4e5, 4e5, 200), np.linspace(-4e5, 4e5, 200))
    values = np.array([textures(world_of(domain, seed), 12345.0, x, y, {"any": range(7)})["any"] for seed in range(4)])
    assert abs(values.mean()) < 0.2
    assert 0.75 < values.std() < 1.15


def test_profiles_have_a_top_a_bright_band_and_rain_below():
    freezing = 3500.0
    height = np.arange(250.0, 16000.0, 250.0)
    shape = np.ones_like(height, "float32")
    storm = Columns(50 * shape, 12000 * shape, -40 * shape, 7000 * shape)
    sheet = Columns(-40 * shape, 5000 * shape, 25 * shape, 7000 * shape)
    seen = moments(storm, height, freezing)
    np.testing.assert_allclose(seen.reflectivity[height < freezing], 50.0, atol=0.01)
    assert np.isnan(seen.reflectivity[height >= 12000]).all()
    assert np.all(np.diff(seen.reflectivity[height < 12000]) <= 1e-3)
    seen = moments(sheet, height, freezing)
    assert abs(height[np.nanargmax(seen.reflectivity)] - (freezing - 200)) <= 125
    assert seen.rhohv.min() < 0.95 < seen.rhohv[0]
    assert reflectivity_at(sheet, height, freezing)[1][height < 7000].min() > 0.99


def test_rain_relations():
    assert zdr_of_rain(np.array([30.0]))[0] == pytest.approx(0.63, abs=0.01)
    assert zdr_of_rain(np.array([50.0]))[0] == pytest.approx(2.21, abs=0.02)
    dbz = np.arange(20.0, 53.0)
    kdp = kdp_of_rain(dbz, zdr_of_rain(dbz))
    assert np.all(np.diff(kdp) > 0) and 1.5 < kdp[dbz == 50][0] < 4
