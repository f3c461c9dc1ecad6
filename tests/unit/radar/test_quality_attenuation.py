"""Attenuation along the path: Kraemer and Verworn's forward scheme gate by gate, limits, what clutter must not do."""

import numpy as np
import pytest
from wradlib.atten import constraint_dbz, constraint_pia, correct_attenuation_constrained

from stormcycle.domain import Attenuation
from stormcycle.radar.quality import path_attenuation
from stormcycle.states import NO_ECHO_DBZ

RAYS, GATES = 36, 60


def nothing(rays: int = RAYS) -> np.ndarray:
    return np.zeros((rays, GATES), bool)


def test_moderate_rain_attenuates_as_the_gate_by_gate_sum_says(polar, rng):
    values = rng.uniform(10, 35, (1, RAYS, GATES)).astype("float32")
    found = path_attenuation(polar(values, gate_m=500.0), Attenuation(), nothing())
    for ray in range(0, RAYS, 5):
        path = 0.0
        for gate in range(GATES):
            assert found[ray, gate] == pytest.approx(path, abs=1e-4)
            path += 2 * 1.67e-4 * (10 ** ((float(values[0, ray, gate]) + path) / 10)) ** 0.7 * 0.5  # two ways, k = a Z^b, 0.5 km
    assert found.max() > 0.3


def test_it_is_what_wradlib_gives_and_stays_within_its_limits_and_never_falls_along_the_ray(polar, rng):
    values = rng.uniform(20, 55, (1, RAYS, GATES)).astype("float32")
    settings = Attenuation(highest_dbz=58.0, highest_pia_db=10.0)
    found = path_attenuation(polar(values), settings, nothing())
    theirs = correct_attenuation_constrained(
        values[0].astype("float64"), n_a=4, n_b=6, gate_length=1.0, constraints=[constraint_dbz, constraint_pia], constraint_args=[[58.0], [10.0]]
    )
    np.testing.assert_allclose(found, np.clip(theirs, 0, 10.0), atol=1e-4)
    assert (np.diff(found, axis=1) >= 0).all()
    assert found.max() <= 10.0
    assert found.max() > 2.0


@pytest.mark.parametrize("value", [NO_ECHO_DBZ, np.nan])
def test_without_rain_there_is_none(polar, value: float):
    assert path_attenuation(polar(np.full((1, RAYS, GATES), value)), Attenuation(), nothing()).max() < 1e-3


def test_clutter_that_was_rejected_attenuates_nothing(polar):
    values = np.full((1, RAYS, GATES), 20.0)
    rain = path_attenuation(polar(values), Attenuation(), nothing())
    values[0, 7, 3] = 65.0
    clutter = nothing()
    clutter[7, 3] = True
    found = path_attenuation(polar(values), Attenuation(), clutter)
    assert np.abs(found - rain).max() < 0.01
    assert path_attenuation(polar(values), Attenuation(), nothing())[7, -1] > rain[7, -1] + 0.1


def test_each_sweep_has_its_own_gates_and_order_of_rays_makes_no_difference(polar, rng):
    values = rng.uniform(10, 40, (2, RAYS, GATES))
    volume = polar(values, elevations=(0.5, 2.0))
    volume["gate_m"][1], volume["gates"][1] = 500.0, 40
    found = path_attenuation(volume, Attenuation(), nothing(2 * RAYS))
    assert not found[RAYS:, 40:].any()
    alone = path_attenuation(polar(values[1:, :, :40], gate_m=500.0), Attenuation(), nothing()[:, :40])
    np.testing.assert_array_equal(found[RAYS:, :40], alone)
    order = rng.permutation(2 * RAYS)
    np.testing.assert_array_equal(path_attenuation(volume.isel(ray=order), Attenuation(), nothing(2 * RAYS)), found[order])
