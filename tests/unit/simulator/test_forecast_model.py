import bz2
from dataclasses import fields

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stormcycle.background import analysis_fields
from stormcycle.grids import area, pixel_centres
from stormcycle.simulator.instruments import model
from stormcycle.simulator.instruments.model import CHANNELS, MODEL, Growth, forecast, model_run
from stormcycle.simulator.instruments.model_grid import lambert_grid, places, turned
from stormcycle.simulator.nature import NATURE, Atmosphere, atmosphere, seconds_of, world_of
from stormcycle.simulator.writers.grib import field_bytes, run_keys

HOUR = np.timedelta64(3600, "s")
SPACING_M = 8e3
SIDE = np.arange(-104e3, 105e3, SPACING_M)
X, Y = np.meshgrid(SIDE, SIDE)
WORLDS = 8
LEADS = (0, 6, 24)
QUANTITIES = tuple(field.name for field in fields(Atmosphere))


@pytest.fixture(scope="module")
def states(domain, noon) -> dict[int | str, dict[str, np.ndarray]]:
    """Nature (key "true") and what runs of each lead say of the same time, in many worlds: quantity -> (worlds, ..., y, x)."""
    found = {key: [] for key in ("true", *LEADS)}
    for number in range(WORLDS):
        world = world_of(domain, number)
        found["true"].append(atmosphere(world, seconds_of(noon), X, Y))
        for lead in LEADS:
            found[lead].append(forecast(world, noon - lead * HOUR, lead, X, Y, 1000 + number))
    return {key: {name: np.array([getattr(state, name) for state in of]) for name in QUANTITIES} for key, of in found.items()}


@pytest.fixture(scope="module")
def errors(states) -> dict[int, dict[str, np.ndarray]]:
    return {lead: {name: states[lead][name] - states["true"][name] for name in QUANTITIES} for lead in LEADS}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_errors_grow_with_the_lead(errors, quantity):
    sizes = [np.sqrt(np.mean(errors[lead][quantity] ** 2)) for lead in LEADS]
    assert np.all(np.diff(sizes) > 0), sizes
    assert sizes[0] < 0.6 * sizes[1] and sizes[2] < 2.0 * sizes[1]


@pytest.mark.parametrize(
    ("quantity", "least", "most"),
    [("temperature", 0.6, 1.0), ("u", 1.3, 2.2), ("v", 1.3, 2.2), ("humidity", 8.0, 15.0), ("t2m", 0.8, 1.6), ("r2m", 7.0, 15.0), ("mslp", 55.0, 100.0)],
)
def test_errors_at_6_hours_are_as_large_as_a_models(errors, quantity, least, most):
    """Standard deviations of forecast minus truth, or minus analysis, at 6 hours: those of a limited-area model in summer."""
    assert least < errors[6][quantity].std() < most


def test_biases_grow(errors):
    for quantity, sign in (("temperature", 1), ("t2m", 1), ("humidity", -1), ("r2m", -1)):
        means = [sign * errors[lead][quantity].mean() for lead in (0, 6, 24)]
        assert means[1] > 0 and means[2] > means[0]


def test_neighbouring_levels_err_alike(errors):
    for quantity, least, most in (("temperature", 0.3, 0.8), ("humidity", 0.7, 0.97), ("u", 0.4, 0.9)):
        error = errors[24][quantity] - errors[24][quantity].mean(axis=(0, 2, 3), keepdims=True)
        likeness = [np.corrcoef(error[:, 0].ravel(), error[:, level].ravel())[0, 1] for level in (1, 2, 3)]
        assert least < likeness[0] < most and likeness[0] > likeness[1] > likeness[2]


def test_errors_of_runs_for_one_time_are_independent(errors):
    centred = {lead: of["v"] - of["v"].mean(axis=(0, 2, 3), keepdims=True) for lead, of in errors.items()}
    for one, other in ((0, 6), (0, 24), (6, 24)):
        # not nothing: all of them lack what nature has where they put it elsewhere
        assert abs(np.corrcoef(centred[one].ravel(), centred[other].ravel())[0, 1]) < 0.4


def _found_shift(told: np.ndarray, true: np.ndarray, reach: int = 6) -> tuple[float, float]:
    """The distance (m) at which the middle of a forecast (y, x) and nature are most alike, and the gain in correlation over no shift.

    Of what is smaller than 100 km, so that cold pools and not masses of air decide.
    """
    told, true = (field - gaussian_filter(field, 5.0) for field in (told, true))
    middle, size = told[reach:-reach, reach:-reach], len(told) - 2 * reach
    alike = {
        (dy, dx): np.corrcoef(middle.ravel(), true[dy : dy + size, dx : dx + size].ravel())[0, 1] for dy in range(2 * reach + 1) for dx in range(2 * reach + 1)
    }
    best = max(alike, key=lambda shift: alike[shift])
    return SPACING_M * float(np.hypot(best[0] - reach, best[1] - reach)), alike[best] - alike[reach, reach]


def test_weather_is_displaced_and_more_so_later(states):
    """Where the air near the ground is most alike tells how far it was moved: hardly at lead 0, some tens of km at a day."""
    middle, gained = {}, {}
    for lead in LEADS:
        found = [_found_shift(told, true) for told, true in zip(states[lead]["temperature"][:, 0], states["true"]["temperature"][:, 0], strict=True)]
        middle[lead], gained[lead] = np.sqrt(np.mean([shift**2 for shift, _ in found])), np.mean([gain for _, gain in found])
    assert middle[0] < 6e3 and 10e3 < middle[6] < 22e3 < middle[24] < 35e3, middle
    assert gained[0] < 0.02 and gained[6] > 0.1, gained


def test_a_run_is_continuous_in_its_lead(domain, noon):
    """In half a minute the errors hardly change; cells that are forgotten at once may make a few points jump."""
    world = world_of(domain, 7)
    for lead in (0.0, 5.496, 11.0):
        before, after = (forecast(world, noon, lead + step, X, Y, 7) for step in (0.0, 30.0 / 3600.0))
        for name, most in (("temperature", 0.15), ("v", 0.15), ("humidity", 1.5), ("mslp", 15.0)):
            assert np.quantile(np.abs(getattr(after, name) - getattr(before, name)), 0.9) < most


def test_the_models_physics_differ_from_natures(states):
    assert all(getattr(MODEL, name) != getattr(NATURE, name) for name in ("moistening", "cold_pool", "inflow", "shear"))
    shears = [np.hypot((of["u"][:, 3] - of["u"][:, 0]).mean((1, 2)), (of["v"][:, 3] - of["v"][:, 0]).mean((1, 2))).mean() for of in (states[0], states["true"])]
    assert 0.7 < shears[0] / shears[1] < 0.95


def test_cells_are_missed_and_more_of_them_later(domain, noon, monkeypatch):
    """Beside a run that is the same but knows all cells, the ground is warmer: cold pools are absent, more of them later."""
    world, bases = world_of(domain, 7), [noon + hours * HOUR for hours in (0, 30)]
    some = {lead: [forecast(world, base, lead, X, Y, 7).t2m for base in bases] for lead in (0, 24)}
    monkeypatch.setattr(model, "MISSED", Growth(0.0, 0.0))
    none = {lead: [forecast(world, base, lead, X, Y, 7).t2m for base in bases] for lead in (0, 24)}
    warmer = {lead: np.mean(np.subtract(some[lead], none[lead])) for lead in (0, 24)}
    assert 0.0 < 3 * warmer[0] < warmer[24] < 2.0, warmer
    assert np.min(np.subtract(some[24], none[24])) > -0.1


def test_a_forecast_is_a_function_of_world_base_time_lead_and_seed(domain, noon):
    world, (x, y) = world_of(domain, 7), (X[::4, ::4], Y[::4, ::4])
    first = forecast(world, noon, 6, x, y, 7)
    others = (forecast(world, noon, 6, x, y, 8), forecast(world, noon - 6 * HOUR, 12, x, y, 7), forecast(world_of(domain, 8), noon, 6, x, y, 7))
    again = forecast(world, noon, 6, x, y, 7)
    for name in QUANTITIES:
        told = getattr(first, name)
        assert told.dtype == np.float32 and told.shape == ((4, *x.shape) if told.ndim == 3 else x.shape)
        np.testing.assert_array_equal(told, getattr(again, name))
        assert not any(np.array_equal(told, getattr(other, name)) for other in others)
    assert first.humidity.min() >= 0.0 and first.humidity.max() <= 100.0


def test_a_place_alone_gets_what_it_gets_among_others(domain, noon):
    world = world_of(domain, 7)
    whole = forecast(world, noon, 6, X, Y, 7)
    alone = forecast(world, noon, 6, X[3, 4:6], Y[3, 4:6], 7)
    np.testing.assert_allclose(alone.humidity, whole.humidity[:, 3, 4:6], atol=1e-3)
    np.testing.assert_allclose(alone.mslp, whole.mslp[3, 4:6], atol=0.05)


def test_a_run_holds_its_leads_on_its_own_grid_with_winds_along_it(domain, noon):
    world, projection = world_of(domain, 7), domain.grid.projection
    grid = lambert_grid(46.3, 17.0, (14, 12), 9000.0)
    run = model_run(world, projection, grid, noon, 7, leads=(0, 5))
    assert tuple(run.fields) == CHANNELS and (run.base_time, run.leads) == (noon, (0, 5))
    assert all(values.shape == (2, 14, 12) and values.dtype == np.float32 for values in run.fields.values())
    x, y = places(grid, projection)
    told = forecast(world, noon, 5, x, y, 7)
    for channel, values in (("t850", told.temperature[2]), ("r800", told.humidity[3]), ("t2m", told.t2m), ("r2m", told.r2m), ("mslp", told.mslp)):
        np.testing.assert_array_equal(run.fields[channel][1], values)
    u, v = turned(grid, projection, told.u[1], told.v[1])
    np.testing.assert_array_equal(run.fields["u925"][1], u)
    np.testing.assert_array_equal(run.fields["v925"][1], v)
    assert np.abs(u - told.u[1]).max() > 0.02


def test_same_seed_same_bytes_whatever_leads_are_made(domain, noon):
    world, projection, grid = world_of(domain, 7), domain.grid.projection, lambert_grid(46.07, 15.29, (9, 9), 9000.0)
    run, again = (model_run(world, projection, grid, noon, 7, leads=(0, 3)) for _ in range(2))
    assert field_bytes(run, "r850") == field_bytes(again, "r850")
    assert field_bytes(run, "r850") != field_bytes(model_run(world, projection, grid, noon, 8, leads=(0, 3)), "r850")
    alone = model_run(world, projection, grid, noon, 7, leads=(3,))
    assert bz2.decompress(field_bytes(run, "r850")).endswith(bz2.decompress(field_bytes(alone, "r850")))


def test_the_projects_reader_gives_the_forecast_back_on_another_grid(domain, noon, tmp_path):
    """Within packing and bilinear interpolation, winds turned twice: from the domain's axes to the model's and back by another's code."""
    world, projection = world_of(domain, 7), domain.grid.projection
    grid = lambert_grid(46.3, 17.0, (60, 60), 4400.0)
    run = model_run(world, projection, grid, noon, 7, leads=(0, 5))
    files = []
    for channel, key in run_keys(noon).items():
        path = tmp_path / channel
        path.write_bytes(field_bytes(run, channel))
        files.append((path, key.rpartition("/")[2]))
    wanted = area("analysis", projection, (25, 23), 4400.0, tuple(np.array(places(grid, projection))[:, 30, 30]))
    found = analysis_fields(files, noon + 5 * HOUR, wanted)
    assert found.attrs["analysis"] == "yes" and found.attrs["state"] == "ok" and found.attrs["lead_hours"] == 5
    assert bool(found.present.all()) and not bool(found.interpolated.any())
    told = forecast(world, noon, 5, *np.meshgrid(*pixel_centres(wanted)), 7)
    straight = dict(zip(CHANNELS, (*told.temperature, *told.u, *told.v, *told.humidity, told.t2m, told.r2m, told.mslp), strict=True))
    for channel, expected in straight.items():
        wrong = found.state.sel(channel=channel).values - expected
        # what is finer than the model's grid is smoothed; anything shifted, turned or mixed up leaves far more
        assert np.sqrt(np.mean(wrong**2)) < 0.1 * expected.std() + 0.01, channel
        assert abs(wrong.mean()) < 0.03 * expected.std() + 0.005, channel
