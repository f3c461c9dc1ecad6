"""Scores from sums against `scores`, scipy and a published table; 0/0 is NaN."""

import numpy as np
import pytest
import scores.continuous
import xarray as xr
from scipy.stats import pearsonr
from scores.probability import brier_score

from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import merge, of_method, pair_sums, probability_sums

ALL = np.ones((1, 20, 20), bool)


def field(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 55, (1, 20, 20))


def test_continuous_scores_equal_the_libraries():
    forecast, truth = field(1), field(2)
    found = scores_of(pair_sums(forecast, truth, ALL, leads=(6,)))
    f, o = xr.DataArray(forecast[0]), xr.DataArray(truth[0])
    assert found.mae.item() == pytest.approx(float(scores.continuous.mae(f, o)))
    assert found.rmse.item() == pytest.approx(float(scores.continuous.rmse(f, o)))
    assert found.pcc.item() == pytest.approx(pearsonr(forecast.ravel(), truth.ravel()).statistic)


def test_brier_equals_scores_and_reliability_is_the_observed_frequency():
    probability, truth = np.random.default_rng(3).random((1, 1, 20, 20)), field(4)
    found = scores_of(probability_sums(probability, truth, ALL, (30.0,), leads=(6,)))
    event = truth[0] >= 30.0
    assert found.brier.item() == pytest.approx(float(brier_score(xr.DataArray(probability[0, 0]), xr.DataArray(event.astype(float)))))
    inside = (probability[0, 0] >= 0.3) & (probability[0, 0] < 0.4)
    assert found.reliability.squeeze().values[3] == pytest.approx(event[inside].mean())
    assert found.mean_probability.squeeze().values[3] == pytest.approx(probability[0, 0][inside].mean())


def test_ets_and_hss_by_their_formulae():
    # Finley's tornado forecasts (1884): 28 hits, 72 false alarms, 23 misses, 2680 correct negatives; ETS 0.216, HSS 0.355.
    sums = pair_sums(field(1), field(2), ALL, (30.0,), (1,), leads=(6,))
    for name, count in {"hits": 28, "false_alarms": 72, "misses": 23, "correct_negatives": 2680}.items():
        sums[name][:] = count
    found = scores_of(sums)
    assert {name: round(found[name].item(), 3) for name in ("csi", "pod", "far", "ets", "hss", "bias")} == {
        "csi": 0.228,
        "pod": 0.549,
        "far": 0.72,
        "ets": 0.216,
        "hss": 0.355,
        "bias": 1.961,
    }


def test_nothing_divided_by_nothing_is_nan():
    dry = np.full((1, 20, 20), NO_ECHO_DBZ)
    found = scores_of(pair_sums(dry, dry, ALL, leads=(6,)))
    for name in ("csi", "pod", "far", "ets", "hss", "bias", "fss", "pcc"):
        assert found[name].isnull().all(), name
    assert found.mae.item() == found.rmse.item() == 0


def test_nothing_observed_is_nan_everywhere():
    found = scores_of(pair_sums(field(1), field(2), ~ALL, leads=(6,)))
    for name in ("csi", "pod", "far", "ets", "hss", "bias", "fss", "mae", "rmse", "pcc"):
        assert found[name].isnull().all(), name
    found = scores_of(probability_sums(np.full((1, 1, 20, 20), np.nan), field(2), ALL, (30.0,), leads=(6,)))
    assert found.brier.isnull().all()
    assert found.reliability.isnull().all()


def test_false_alarms_without_an_event_have_no_bias_but_are_all_false():
    found = scores_of(pair_sums(np.full((1, 20, 20), 50.0), np.zeros((1, 20, 20)), ALL, leads=(6,)))
    assert found.bias.isnull().all()
    assert (found.far == 1).all()
    assert (found.csi == 0).all()


def test_a_constant_field_has_no_correlation():
    assert scores_of(pair_sums(np.full((1, 20, 20), 33.3), field(1), ALL, leads=(6,))).pcc.isnull().all()


def test_a_perfect_forecast_is_perfect():
    found = scores_of(pair_sums(field(1), field(1), ALL, leads=(6,)))
    for name in ("csi", "pod", "ets", "hss", "bias", "fss", "pcc"):
        assert found[name].values == pytest.approx(1.0), name
    assert found.rmse.item() == 0


def test_counts_too_large_for_int64_products():
    sums = pair_sums(field(1), field(2), ALL, (30.0,), (1,), leads=(6,))
    large = sums.copy()
    for name in ("hits", "misses", "false_alarms", "correct_negatives"):
        large[name] = sums[name] * 10**11
    for name in ("ets", "hss"):
        assert scores_of(large)[name].item() == pytest.approx(scores_of(sums)[name].item())


def test_scores_broadcast_over_methods():
    good, bad = pair_sums(field(1), field(1), ALL, leads=(6,)), pair_sums(field(2), field(1), ALL, leads=(6,))
    found = scores_of(merge([of_method(good, "good"), of_method(bad, "bad")]))
    for name, alone in scores_of(bad).data_vars.items():
        xr.testing.assert_allclose(found[name].sel({"method": "bad"}, drop=True), alone)
    assert (found.csi.sel({"method": "good"}) == 1).all()


def test_what_holds_no_sums_is_refused():
    with pytest.raises(ValueError, match="pair_sums or probability_sums"):
        scores_of(xr.Dataset({"reflectivity": ("x", [1.0])}))
