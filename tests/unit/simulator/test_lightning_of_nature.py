from dataclasses import fields, replace

import numpy as np
import pytest

from stormcycle.simulator.nature import columns, flashes, seconds_of, world_of
from stormcycle.simulator.nature.lightning import flash_rate
from stormcycle.simulator.nature.profiles import reflectivity_at


def test_flashes_are_the_same_whatever_the_span(domain, noon):
    world, start = world_of(domain, 7), seconds_of(noon)
    whole = flashes(world, start, start + 900.0)
    parts = [flashes(world, start + 20.0 * part, start + 20.0 * (part + 1)) for part in range(45)]
    assert len(whole.seconds) > 50
    for field in fields(whole):
        values = getattr(whole, field.name)
        assert values.dtype == np.float64 and np.isfinite(values).all()
        np.testing.assert_array_equal(values, np.concatenate([getattr(part, field.name) for part in parts]))
    assert (np.diff(whole.seconds) >= 0).all() and start <= whole.seconds[0] and whole.seconds[-1] < start + 900.0
    assert whole.extent_m.min() >= 2e3 and whole.extent_m.max() <= 150e3 and (whole.energy_j > 0).all() and np.median(whole.energy_j) < 1e-12


def test_a_span_without_time_has_no_flashes(domain, noon):
    assert len(flashes(world_of(domain, 7), seconds_of(noon), seconds_of(noon)).seconds) == 0


@pytest.mark.parametrize("seed", [7, 8])
def test_flashes_lie_in_strong_tall_rain(domain, noon, seed):
    world, now = world_of(domain, seed), seconds_of(noon) + 1800.0
    seen = flashes(world, now - 60.0, now + 60.0)
    assert len(seen.seconds) > 20
    around = np.array([(dx, dy) for dx in (-3e3, 0, 3e3) for dy in (-3e3, 0, 3e3)])
    column = columns(world, now, seen.x[:, None] + around[:, 0], seen.y[:, None] + around[:, 1])
    strongest = reflectivity_at(column, 3000.0, world.freezing_level_m)[0].max(axis=1)
    assert np.mean(strongest > 35) > 0.95
    assert np.median(column.convective_top.max(axis=1)) > 9e3


def test_flashes_follow_the_rain_that_another_noise_has_bent_elsewhere(domain, noon):
    world, start = world_of(domain, 7), seconds_of(noon)
    first, second = flashes(world, start, start + 120.0), flashes(replace(world, noise_seed=3), start, start + 120.0)
    np.testing.assert_array_equal(first.seconds, second.seconds)
    apart = np.hypot(first.x - second.x, first.y - second.y)
    assert 500.0 < apart.mean() < 12e3


def test_flash_rate_is_that_of_price_and_rind():
    """3.44e-5 H^4.9 flashes a minute: about one from 8.2 km, and 25 times as many from 16 km as from 8."""
    assert flash_rate(8.15e3) == pytest.approx(1.0, rel=0.02)
    assert flash_rate(16e3) / flash_rate(8e3) == pytest.approx(2**4.9)
