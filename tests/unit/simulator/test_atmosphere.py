from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.stats import spearmanr

from stormcycle.simulator.nature import NATURE, atmosphere, columns, seconds_of, world_of
from stormcycle.simulator.nature.air import GAS_CONSTANT, GRAVITY, LEVELS_HPA, air_of, level_heights, temperature_at
from stormcycle.simulator.nature.atmosphere import Physics
from stormcycle.simulator.nature.influence import SPACING_M, influence, irrotational, raster_axis
from stormcycle.simulator.nature.masses import masses
from stormcycle.simulator.nature.profiles import reflectivity_at
from stormcycle.simulator.nature.storms import SHOWER_EPOCH_S, cells, cells_of, centres, line_coordinates, line_vigour, lines
from stormcycle.simulator.nature.world import carried

PIXEL_M = 4400.0
RAIN_DBZ = 13.5


@pytest.fixture(scope="module")
def start(noon):
    return seconds_of(noon)


@pytest.fixture(scope="module")
def places():
    """A grid of the size of an analysis: 52 by 52 points of 4.4 km, in metres from the centre."""
    along = (np.arange(52) - 25.5) * PIXEL_M
    return np.meshgrid(along, along)


def _state(world, seconds, places, physics=NATURE):
    air = atmosphere(world, seconds, places[0] + world.centre_m[0], places[1] + world.centre_m[1], physics)
    return np.stack([*air.temperature, *air.u, *air.v, *air.humidity, air.t2m, air.r2m, air.mslp])


def _rain(world, seconds, places):
    column = columns(world, seconds, places[0] + world.centre_m[0], places[1] + world.centre_m[1])
    return np.maximum(reflectivity_at(column, 1500.0, world.freezing_level_m)[0], -10.0)


def _convergence(state, level=0):
    return -(np.gradient(state[4 + level], PIXEL_M, axis=1) + np.gradient(state[8 + level], PIXEL_M, axis=0))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_state_is_sane_here_and_far_away(domain, start, seed):
    world = world_of(domain, seed)
    for reach in (1e5, 2e6):
        x, y = np.meshgrid(np.linspace(-reach, reach, 60), np.linspace(-reach, reach, 60))
        air = atmosphere(world, start, x, y)
        for field in fields(air):
            values = getattr(air, field.name)
            assert values.dtype == np.float32 and np.isfinite(values).all()
            assert values.shape[-2:] == x.shape and len(values.shape) == (2 if field.name in ("t2m", "r2m", "mslp") else 3)
        assert air.humidity.min() >= 0 and air.humidity.max() <= 100 and air.r2m.min() >= 0 and air.r2m.max() <= 100
        assert air.mslp.min() > 98500 and air.mslp.max() < 103000
        assert air.temperature.min() > 265 and air.t2m.max() < 315
        assert np.hypot(air.u, air.v).max() < 45


def test_a_place_alone_is_the_same_as_in_a_field(domain, start, places):
    world = world_of(domain, 7)
    field = _state(world, start, places)
    _state(world, start + 900.0, places)
    alone = _state(world, start, (places[0][3:4, 5], places[1][3:4, 5]))
    np.testing.assert_allclose(alone[:, 0], field[:, 3, 5], rtol=1e-5)
    assert not np.array_equal(field, _state(world_of(domain, 8), start, places))


def test_mean_temperature_is_freezing_at_the_freezing_level_and_hydrostatic(domain):
    world = world_of(domain, 7)
    assert temperature_at(world, world.freezing_level_m) == pytest.approx(273.15)
    profile = temperature_at(world, np.arange(0.0, air_of(world).tropopause_m, 500.0))
    assert (np.diff(profile) < -2.5).all() and (np.diff(profile) > -3.6).all()
    for pressure, height in zip(LEVELS_HPA, level_heights(world), strict=True):
        # d ln p = -g / (R T) dz from sea level up
        fall, _ = quad(lambda z: GRAVITY / (GAS_CONSTANT * float(temperature_at(world, z))), 0.0, height)
        assert air_of(world).pressure * np.exp(-fall) == pytest.approx(100.0 * pressure, rel=2e-4)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_it_rains_where_the_air_is_moist_and_flows_together(domain, start, places, seed):
    world = world_of(domain, seed)
    ranks, feeding = [], []
    for hours in (0.0, 2.0, 4.0):
        state, rain = _state(world, start + hours * 3600, places), _rain(world, start + hours * 3600, places)
        ranks.append(spearmanr(gaussian_filter(state[14], 2).ravel(), gaussian_filter(rain, 2).ravel())[0])
        feeding.append(_convergence(state)[rain > 35].mean() - _convergence(state)[rain < 5].mean())
    assert np.mean(ranks) > 0.4 and min(ranks) > 0.2
    assert min(feeding) > 5e-5


def test_no_regression_from_the_state_reproduces_reflectivity(domain, start, places):
    """Linear and nearest-neighbour ones, learned on other worlds: what the state does not show is more than 4 dB."""

    def samples(seeds):
        pairs = [(_state(world_of(domain, seed), start + h, places), _rain(world_of(domain, seed), start + h, places)) for seed in seeds for h in (0.0, 9e3)]
        return np.concatenate([state.reshape(19, -1).T for state, _ in pairs]).astype("float64"), np.concatenate([rain.ravel() for _, rain in pairs])

    state, rain = samples(range(20, 23))
    mean, deviation = state.mean(axis=0), state.std(axis=0)
    other, truth = samples((7, 8))
    known, asked = (state - mean) / deviation, (other - mean) / deviation
    wet, wet_truth = rain > RAIN_DBZ, truth > RAIN_DBZ
    assert wet_truth.sum() > 300
    factors, *_ = np.linalg.lstsq(np.c_[known[wet], np.ones(wet.sum())], rain[wet], rcond=None)
    linear = np.c_[asked[wet_truth], np.ones(wet_truth.sum())] @ factors
    _, near = cKDTree(known[wet]).query(asked[wet_truth], k=8)
    for guess in (linear, rain[wet][near].mean(axis=1)):
        assert (guess - truth[wet_truth]).std() > 4.0


def test_another_noise_is_the_same_state_and_only_another_texture(domain, start, places):
    world = world_of(domain, 7)
    other = replace(world, noise_seed=world.seed + 1)
    np.testing.assert_array_equal(_state(world, start, places), _state(other, start, places))
    rain, same = _rain(world, start, places), _rain(other, start, places)
    both = (rain > RAIN_DBZ) & (same > RAIN_DBZ)
    assert 2.0 < (rain - same)[both].std() / np.sqrt(2) < 10.0
    smooth = [gaussian_filter(field, 5).ravel() for field in (rain, same)]
    assert np.corrcoef(*smooth)[0, 1] > 0.75
    assert np.corrcoef(rain.ravel(), same.ravel())[0, 1] < 0.95


def _about_a_line(world, seconds, places):
    """The strongest line and distances ahead of it, of points near its middle."""
    line = max(lines(world, seconds), key=lambda one: line_vigour(one, seconds))
    ahead, along = line_coordinates(world, line, seconds, *places)
    return line, np.where(np.abs(along) < 0.6 * line.half_length_m, ahead, np.nan)


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_cold_air_and_high_pressure_follow_a_line_and_warm_air_lies_ahead(domain, noon, seed):
    world = world_of(domain, seed)
    passing = next(line.passing_s for line in lines(world, seconds_of(noon)))
    places = np.meshgrid(np.arange(-8e4, 8e4, 2e3), np.arange(-8e4, 8e4, 2e3))
    line, ahead = _about_a_line(world, passing, places)
    state = _state(world, passing, places)
    behind, before = (ahead < -6e3) & (ahead > -35e3), (ahead > 6e3) & (ahead < 35e3)
    normal = np.cos(line.normal), np.sin(line.normal)
    gust = state[4] * normal[0] + state[8] * normal[1]
    assert state[16][behind].mean() < state[16][before].mean() - 3.0  # 2 m
    assert state[0][behind].mean() < state[0][before].mean() - 2.0  # 975 hPa
    assert abs(state[3][behind].mean() - state[3][before].mean()) < 2.5  # 800 hPa: a cold pool is shallow
    assert state[18][behind].mean() > state[18][before].mean() + 50.0
    assert gust[behind].mean() > gust[before].mean() + 3.0
    assert state[14][np.abs(ahead) < 3e3].mean() > 85.0
    spread = np.gradient(state[4], 2e3, axis=1) + np.gradient(state[8], 2e3, axis=0)
    assert spread[np.abs(ahead - 1e3) < 4e3].mean() < -2e-4


def test_updraughts_of_strong_cells_are_saturated_and_fed(domain, start):
    world = world_of(domain, 7)
    alive = cells(world, start)
    age = (start - alive.birth) / alive.life
    strong = (alive.strong > 0.4) & (age > 0.2) & (age < 0.6)
    assert strong.sum() >= 5
    at = centres(world, alive, start)
    state = _state(world, start, (at[0][strong], at[1][strong]))
    mean = _state(world, start, np.random.default_rng(3).uniform(-9e4, 9e4, (2, 2000)))
    assert state[15].mean() > mean[15].mean() + 10 and state[15].mean() > 85
    # wind towards the cell on both sides, relative to the wind between
    step = 6e3
    east, west = (_state(world, start, (at[0][strong] + sign * step, at[1][strong])) for sign in (1, -1))
    assert (east[4] - west[4]).mean() < -1.0


def test_free_cells_cool_the_air_below_when_they_are_old_and_after_their_death(domain):
    """What the cells of a world add to the state of one that has none: little below young ones."""
    added = {"young": [], "old": [], "dead": []}
    for seed in range(3):
        world = world_of(domain, seed)
        known = cells_of(world, "showers", 1000)
        for name, minutes, least, most in (("young", 25.0, 0.0, 0.35), ("old", 50.0, 0.75, 1.0), ("dead", 80.0, 1.05, 2.0)):
            now = 1000 * SHOWER_EPOCH_S + 60.0 * minutes
            age, at = (now - known.birth) / known.life, np.stack(centres(world, known, now))
            chosen = (age > least) & (age < most)
            with_them, without = (_state(world, now, at[:, chosen], Physics(missed_share=share)) for share in (0.0, 1.0))
            added[name].append(with_them - without)
    young, old, dead = (np.concatenate(added[name], axis=1) for name in ("young", "old", "dead"))
    assert min(part.shape[1] for part in (young, old, dead)) >= 5
    assert -6.0 < np.median(old[16]) < -1.5 and np.median(dead[16]) < -0.7 and np.median(young[16]) > np.median(old[16]) + 0.7
    assert np.median(old[18]) > 15.0 and np.median(dead[18]) > 8.0


def test_winds_of_a_divergence_are_those_of_the_closed_form():
    """A Gaussian divergence D exp(-r2 / 2 s2) blows D s2 / r (1 - exp(-r2 / 2 s2)) outwards."""
    axis = np.arange(-100, 100) * SPACING_M
    x, y = np.meshgrid(axis, axis)
    size, amount, radius = 6e3, 1e-3, np.hypot(x, y)
    u, v = irrotational(amount * np.exp(-(radius**2) / (2 * size**2)))
    near = (radius > 2e3) & (radius < 20e3)
    expected = amount * size**2 / radius[near] * (1 - np.exp(-(radius[near] ** 2) / (2 * size**2)))
    np.testing.assert_allclose((u * x + v * y)[near] / radius[near], expected, atol=0.05 * expected.max())
    np.testing.assert_allclose((v * x - u * y)[near] / radius[near], 0.0, atol=1e-4)


def test_storms_have_no_influence_beyond_the_raster(domain, start):
    world = world_of(domain, 7)
    end = raster_axis(world)[-1]
    found = influence(world, start, np.array([end, 5 * end, 0.0]), np.array([0.0, 5 * end, -2 * end]))
    for field in fields(found):
        np.testing.assert_allclose(getattr(found, field.name), 0.0, atol=1e-2)


def test_other_physics_errs_where_it_differs(domain, start, places):
    world = world_of(domain, 7)
    true, rain = _state(world, start, places), _rain(world, start, places)
    wet = rain > 30
    dry, warm, still = (_state(world, start, places, Physics(**{name: 0.5})) for name in ("moistening", "cold_pool", "inflow"))
    assert (dry[14] - true[14])[wet].mean() < -3.0 and (dry[14] <= true[14] + 1e-3).all()
    assert (warm[16] - true[16])[wet].mean() > 0.7 and (warm[18] - true[18])[wet].mean() < -15.0
    assert _convergence(still)[wet].mean() < 0.8 * _convergence(true)[wet].mean()
    np.testing.assert_array_equal(_state(world, start, places, Physics(shear=0.85))[:4], true[:4])
    # far from storms and eddies the wind of each level differs from the next by 15 % less
    far = np.array([1e6, -1e6]), np.array([1e6, 5e5])
    for lowest in (4, 8):
        steps = [np.diff(_state(world, start, far, physics)[lowest : lowest + 4], axis=0) for physics in (NATURE, Physics(shear=0.85))]
        np.testing.assert_allclose(steps[1], 0.85 * steps[0], atol=1e-4)
        assert np.abs(steps[0]).max() > 0.3


def test_a_model_that_misses_cells_misses_the_same_ones_again(domain, start, places):
    world = world_of(domain, 7)
    all_cells, none = cells(world, start), cells(world, start, missed_share=1.0)
    some, others = cells(world, start, missed_share=0.3, missed_seed=1), cells(world, start, missed_share=0.3, missed_seed=2)
    assert len(none.birth) == 0 and set(some.birth) < set(all_cells.birth) and set(some.birth) != set(others.birth)
    assert 0.5 < len(some.birth) / len(all_cells.birth) < 0.9
    assert set(cells(world, start + 600, missed_share=0.3, missed_seed=1).birth) & set(all_cells.birth) <= set(some.birth)
    known, missed = _state(world, start, places), _state(world, start, places, Physics(missed_share=1.0))
    assert (missed[15] <= known[15] + 1e-3).all() and (missed[15] < known[15] - 5).any()


def test_the_state_does_not_jump(domain, start, places):
    world = world_of(domain, 7)
    for quarter in range(4):
        moment = start + quarter * 900.0
        before = _state(world, moment - 2.5, places)
        after = _state(world, moment + 2.5, carried(world, *places, 5.0))
        assert np.abs(after - before)[:12].max() < 0.15
        assert np.abs(after - before)[12:18].max() < 1.0 and np.abs(after - before)[18].max() < 5.0


def test_free_cells_are_born_where_the_air_is_moist_or_lifted(domain):
    at_births, anywhere = [], []
    for seed in range(3):
        world = world_of(domain, seed)
        for epoch in range(0, 24, 3):
            born = cells_of(world, "showers", epoch)
            at_births.append(masses(world, epoch * SHOWER_EPOCH_S, born.x, born.y))
            anywhere.append(masses(world, epoch * SHOWER_EPOCH_S, *np.random.default_rng(epoch).uniform(-world.reach_m, world.reach_m, (2, 200))))
    for name in ("moisture", "front"):
        births, means = (np.concatenate([getattr(found, name) for found in group]).mean() for group in (at_births, anywhere))
        assert births > means + 0.05
