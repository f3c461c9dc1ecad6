"""Scores of hours against plain counts, pySTEPS and the coverage rule."""

import numpy as np
import pytest
from pysteps.verification.spatialscores import fss

from stormcycle.verification.hourly import (
    COVERAGES_DBZ,
    HOURLY_THRESHOLDS_DBZ,
    HOURLY_WINDOWS_PX,
    coverage,
    floored_rmse,
    hour_sums,
    hourly_rows,
    hourly_scores,
)


def hours(seed: int, count: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(seed)
    return [(random.uniform(-10.0, 55.0, (40, 40)), random.choice([0.0, 20.0, 45.0], (40, 40))) for _ in range(count)]


def test_errors_and_counts_are_those_of_plain_loops():
    found = hours(1)
    found[0][1][:10] = np.nan
    scores = hourly_scores([hour_sums(*hour) for hour in found])
    said, seen = (np.concatenate([hour[index].ravel() for hour in found]) for index in (0, 1))
    known = ~np.isnan(seen)
    error = np.maximum(said[known], 0.0) - seen[known]
    assert float(scores.rmse) == pytest.approx(np.sqrt((error**2).mean()))
    assert float(scores.mean_error) == pytest.approx(error.mean())
    yes, was = said[known] >= 30.0, seen[known] >= 30.0
    assert float(scores.csi.sel(threshold=30.0)) == pytest.approx((yes & was).sum() / (yes | was).sum())
    each = []
    for one, other in found:
        own = ~np.isnan(other)
        yes, was = one[own] >= 30.0, other[own] >= 30.0
        each.append((yes & was).sum() / was.sum())
    assert float(scores.pod_mean.sel(threshold=30.0)) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("window", HOURLY_WINDOWS_PX)
def test_fractions_are_pysteps_where_all_is_observed(window):
    ((said, seen),) = hours(2, 1)
    scores = hourly_scores([hour_sums(said, seen)])
    assert float(scores.fss.sel(threshold=30.0, window=window)) == pytest.approx(fss(said, seen, 30.0, window), abs=1e-9)


def test_an_hour_counts_where_rain_covers_a_hundredth():
    dry, drop = np.zeros((40, 40)), np.zeros((40, 40))
    drop[0, :15] = 35.0
    wet = np.zeros((40, 40))
    wet[0, :16] = 35.0
    scores = hourly_scores([hour_sums(dry, dry), hour_sums(drop, dry), hour_sums(dry, wet)])
    assert scores.hours.sel(threshold=30.0) == 1
    assert scores.hours.sel(threshold=50.0) == 0
    assert np.isnan(scores.csi.sel(threshold=50.0))
    assert len(hourly_rows(scores)) == len(HOURLY_THRESHOLDS_DBZ)


def test_the_coverage_curve_falls_from_all_and_counts_at_or_above():
    fields = np.array([[0.0, 10.0, 20.0, 40.0]])
    curve = coverage(fields, np.ones_like(fields, bool))
    assert curve[0] == 1.0
    assert curve[list(COVERAGES_DBZ).index(20.0)] == 0.5
    assert curve[list(COVERAGES_DBZ).index(20.5)] == 0.25
    assert (np.diff(curve) <= 0).all()


def test_errors_above_the_floor_do_not_ask_what_lies_below_it():
    observed = np.array([[0.0, 20.0, np.nan, 30.0]])
    assert floored_rmse(np.array([[-5.0, 24.0, 99.0, 0.0]]), observed, 13.5) == pytest.approx(np.sqrt((0.0 + 16.0 + 16.5**2) / 3.0))
