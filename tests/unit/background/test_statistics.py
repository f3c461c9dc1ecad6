"""Background errors recovered from pairs whose covariance is known; few pairs refused; seasons."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stormcycle.background.statistics import StatisticsError, error_statistics
from stormcycle.times import HOUR, parse_time

START = parse_time("2026-07-01T00:00Z")
SPREAD = np.linspace(0.5, 5.0, 19)


def pairs(count: int, rows: int = 60, width_px: float = 3.0):
    random = np.random.default_rng(4)
    for number in range(count):
        fields = gaussian_filter(random.normal(size=(19, rows, rows)), (0, width_px, width_px), mode="wrap")
        fields[1] = 0.8 * fields[0] + 0.6 * fields[1]
        fields = fields * (2.0 * np.sqrt(np.pi) * width_px)  # variance one
        yield START + 6 * number * HOUR, SPREAD[:, None, None] * fields + 0.3


def test_deviation_bias_correlation_and_length_are_recovered():
    found = error_statistics(pairs(80), 4.4, "made up")
    np.testing.assert_allclose(found["sigma_b"].mean(("y", "x")), SPREAD, rtol=0.06)
    np.testing.assert_allclose(found["bias"], 0.3, atol=0.25)
    assert float(found["corr"][0, 1]) == pytest.approx(0.8, abs=0.05)
    assert float(np.abs(found["corr"].values[2, 3:]).max()) < 0.1
    np.testing.assert_allclose(found["length_km"], np.sqrt(2.0) * 3.0 * 4.4, rtol=0.08)
    assert found.attrs["n_pairs"] == 80
    assert found.attrs["season"] == "JJA"


def test_a_gross_value_is_left_out():
    held = list(pairs(40))
    held[3][1][5, 10, 10] = 1e4
    found = error_statistics(held, 4.4, "made up")
    assert float(found["sigma_b"][5].max()) < 2.0 * SPREAD[5]


def test_few_pairs_are_refused_with_their_number():
    with pytest.raises(StatisticsError, match=r"7 pairs .* at least 20"):
        error_statistics(pairs(7, rows=10), 4.4, "made up")
