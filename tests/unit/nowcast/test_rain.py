"""Rain by Z = a R^b against its closed form and its inverse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.nowcast.rain import LEAST_RAIN_DBZ, rain_rate, rain_sum
from stormcycle.states import NO_ECHO_DBZ


@given(st.floats(0.15, 300.0), st.sampled_from([(200.0, 1.6), (300.0, 1.4), (250.0, 1.2)]))
def test_the_rate_of_the_reflectivity_of_a_rate_is_that_rate(rate: float, relation: tuple[float, float]):
    a, b = relation
    dbz = 10.0 * math.log10(a * rate**b)
    if dbz >= LEAST_RAIN_DBZ:
        assert float(rain_rate(np.array([dbz]), a, b, 99.0)[0]) == pytest.approx(rate, rel=1e-4)


def test_marshall_and_palmers_values():
    # 1 mm/h is 23.0 dBZ, 10 mm/h 39.0, 100 mm/h 55.0 (Marshall and Palmer 1948)
    np.testing.assert_allclose(rain_rate(np.array([23.01, 39.01, 55.01]), 200.0, 1.6, 99.0), [1.0, 10.0, 100.0], rtol=2e-3)


def test_dry_is_zero_and_unknown_stays_unknown():
    found = rain_rate(np.array([NO_ECHO_DBZ, 0.0, 6.9, np.nan]), 200.0, 1.6, 99.0)
    assert found[:3].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(found[3])
    assert rain_rate(np.array([7.0]), 200.0, 1.6, 99.0)[0] > 0


def test_the_sum_is_rate_times_time_and_unknown_where_a_rate_is():
    rates = np.full((10, 1, 2), 6.0, "float32")
    rates[3, 0, 1] = np.nan
    found = rain_sum(rates, 6)
    assert found[0, 0] == pytest.approx(6.0)
    assert np.isnan(found[0, 1])
    assert rain_sum(rates[:5], 6)[0, 0] == pytest.approx(3.0)


def test_hail_is_not_taken_for_rain():
    found = rain_rate(np.array([53.0, 60.0, 71.5]), 200.0, 1.6, 53.0)
    np.testing.assert_allclose(found, 75.0, atol=0.5)
