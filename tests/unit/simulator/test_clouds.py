from dataclasses import fields

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from stormcycle.simulator.nature import clouds, columns, seconds_of, world_of
from stormcycle.simulator.nature.air import air_of, temperature_at
from stormcycle.simulator.nature.clouds import UPPER_WIND, cloud_top_temperature
from stormcycle.simulator.nature.profiles import reflectivity_at
from stormcycle.simulator.nature.storms import cells, centres
from stormcycle.simulator.nature.world import carried


@pytest.fixture(scope="module")
def places():
    along = np.arange(-90e3, 90e3, 2e3)
    return np.meshgrid(along, along)


def _clouds(world, seconds, places):
    return clouds(world, seconds, places[0] + world.centre_m[0], places[1] + world.centre_m[1])


def _rain(world, seconds, places):
    column = columns(world, seconds, places[0] + world.centre_m[0], places[1] + world.centre_m[1])
    return reflectivity_at(column, 1500.0, world.freezing_level_m)[0]


def test_clouds_are_sane_here_and_far_away(domain, noon):
    world = world_of(domain, 7)
    for reach in (1e5, 1.5e6):
        x, y = np.meshgrid(np.linspace(-reach, reach, 70), np.linspace(-reach, reach, 70))
        seen = clouds(world, seconds_of(noon), x, y)
        for field in fields(seen):
            values = getattr(seen, field.name)
            assert values.shape == x.shape and values.dtype == np.float32 and np.isfinite(values).all()
        assert seen.top_m.min() >= 0 and seen.top_m.max() < 16e3
        assert seen.top_temperature.min() > 185 and seen.surface_temperature.max() < 325 and seen.surface_temperature.min() > 270
        assert seen.emissivity.min() >= 0 and seen.emissivity.max() <= 1
        assert seen.upper_humidity.min() >= 3 and seen.upper_humidity.max() <= 100
        np.testing.assert_array_equal(seen.top_m == 0, seen.emissivity == 0)
        assert (seen.top_m == 0).any() and (seen.top_m > 5e3).any()


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_where_it_rains_there_is_cloud_and_cold_cloud_is_wider_than_strong_rain(domain, noon, places, seed):
    world, now = world_of(domain, seed), seconds_of(noon)
    seen, rain = _clouds(world, now, places), _rain(world, now, places)
    assert (seen.emissivity[rain > 12] > 0.5).all()
    cold = (seen.emissivity > 0.7) & (seen.top_temperature < 240)
    assert cold.mean() > 1.5 * (rain > 35).mean()
    assert cold[rain > 40].mean() > 0.8
    assert (cold & (rain < 5)).any()


def test_the_coldest_tops_are_over_the_strongest_cells(domain, noon, places):
    world = world_of(domain, 7)
    differences = []
    for hours in range(4):
        now = seconds_of(noon) + hours * 3600.0
        seen, rain = _clouds(world, now, places), _rain(world, now, places)
        anvil = (seen.emissivity > 0.8) & (seen.top_m > 9e3)
        nearest = maximum_filter(rain, 5)
        differences.append(seen.top_temperature[anvil & (nearest > 50)].mean() - seen.top_temperature[anvil & (nearest < 30)].mean())
    assert np.mean(differences) < -3.0


def test_anvils_drift_downwind_and_outlive_their_cells(domain, noon):
    world, share = world_of(domain, 8), []
    for hours in range(4):
        now = seconds_of(noon) + hours * 3600.0
        known = cells(world, now, 1500.0)
        gone = (now > known.birth + known.life) & (known.top > 11e3)
        x, y = centres(world, known, now)
        drift = UPPER_WIND * (now - known.birth - 0.3 * known.life)
        seen = _clouds(world, now, ((x + drift * world.velocity[0])[gone], (y + drift * world.velocity[1])[gone]))
        share.append((seen.top_m > 7e3) & (seen.emissivity > 0.5))
    assert len(np.concatenate(share)) >= 15 and np.concatenate(share).mean() > 0.9


def test_tops_have_the_temperature_of_their_height_and_overshoots_go_on_cooling(domain, noon, places):
    world = world_of(domain, 7)
    seen = _clouds(world, seconds_of(noon), places)
    tropopause = air_of(world).tropopause_m
    below = (seen.top_m > 0) & (seen.top_m < tropopause)
    np.testing.assert_allclose(seen.top_temperature[below], temperature_at(world, seen.top_m[below]), atol=1e-3)
    assert cloud_top_temperature(world, np.array([tropopause + 1000.0]))[0] == pytest.approx(float(temperature_at(world, tropopause)) - 7.5, abs=0.01)


def test_a_cloud_alone_is_the_same_as_in_a_field_and_none_jumps(domain, noon, places):
    world, now = world_of(domain, 8), seconds_of(noon)
    field = _clouds(world, now, places)
    alone = _clouds(world, now, (places[0][40:41, 30], places[1][40:41, 30]))
    for part in fields(field):
        assert getattr(alone, part.name)[0] == pytest.approx(getattr(field, part.name)[40, 30], rel=1e-5)
    before, after = _clouds(world, now - 2.5, places), _clouds(world, now + 2.5, carried(world, *places, 5.0))
    seen = [sky.emissivity * sky.top_temperature + (1 - sky.emissivity) * sky.surface_temperature for sky in (before, after)]
    assert np.abs(seen[1] - seen[0]).mean() < 0.4 and np.quantile(np.abs(seen[1] - seen[0]), 0.999) < 8.0
