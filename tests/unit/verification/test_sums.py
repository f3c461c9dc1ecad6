"""Sums against plain loops, pySTEPS and `scores`; merging; what must not count."""

import numpy as np
import pysteps.verification as reference
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pysteps.verification.spatialscores import fss_accum, fss_init
from scores.spatial import fss_2d_single_field

from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import THRESHOLDS_DBZ, WINDOWS_PX, grey_sums, merge, of_method, pair_sums, probability_sums

MOMENTS = ("n", "sum_f", "sum_o", "sum_ff", "sum_oo", "sum_fo", "sum_abs")
COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")


def fields(seed: int, shape: tuple[int, ...] = (2, 12, 14)) -> np.ndarray:
    """Reflectivity with every kind of pixel: echo, no echo, not observed."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-5, 55, shape)
    values[rng.random(shape) < 0.3] = NO_ECHO_DBZ
    values[rng.random(shape) < 0.1] = np.nan
    return values


def observed_mask(seed: int, shape: tuple[int, ...] = (2, 12, 14)) -> np.ndarray:
    return np.random.default_rng(seed + 1000).random(shape) < 0.8


def by_loop(forecast, truth, observed, threshold, window):
    """One lead, pixel by pixel, as the docstring says it."""
    rows, columns = forecast.shape
    half = window // 2

    def value(field, row, column):
        raw = field[row, column]
        return 0.0 if np.isnan(raw) or raw <= NO_ECHO_DBZ else raw

    counts = dict.fromkeys(COUNTS, 0)
    moments = dict.fromkeys(MOMENTS, 0.0)
    numerator = denominator = 0.0
    for row in range(rows):
        for column in range(columns):
            if not observed[row, column] or np.isnan(truth[row, column]):
                continue
            f, o = value(forecast, row, column), value(truth, row, column)
            name = {(True, True): "hits", (False, True): "misses", (True, False): "false_alarms", (False, False): "correct_negatives"}
            counts[name[f >= threshold, o >= threshold]] += 1
            for key, term in zip(MOMENTS, (1, f, o, f * f, o * o, f * o, abs(f - o)), strict=True):
                moments[key] += term
            seen = above_f = above_o = 0
            for near_row in range(row - half, row + half + 1):
                for near_column in range(column - half, column + half + 1):
                    if not (0 <= near_row < rows and 0 <= near_column < columns):
                        seen += 1  # zero padding: seen and dry
                    elif observed[near_row, near_column] and not np.isnan(truth[near_row, near_column]):
                        seen += 1
                        above_f += value(forecast, near_row, near_column) >= threshold
                        above_o += value(truth, near_row, near_column) >= threshold
            numerator += (above_f / seen - above_o / seen) ** 2
            denominator += (above_f / seen) ** 2 + (above_o / seen) ** 2
    return counts, moments, numerator, denominator


@pytest.mark.parametrize("window", [1, 3, 5])
def test_sums_equal_a_plain_loop(window):
    forecast, truth, observed = fields(1), fields(2), observed_mask(3)
    sums = pair_sums(forecast, truth, observed, (20.0, 35.0), (window,), leads=(6, 12))
    for lead in range(2):
        for index, threshold in enumerate((20.0, 35.0)):
            counts, moments, numerator, denominator = by_loop(forecast[lead], truth[lead], observed[lead], threshold, window)
            here = sums.isel(lead=lead, threshold=index, window=0)
            assert {name: int(here[name]) for name in COUNTS} == counts
            assert [float(here[name]) for name in MOMENTS] == pytest.approx([moments[name] for name in MOMENTS])
            assert float(here.fss_numerator) == pytest.approx(numerator)
            assert float(here.fss_denominator) == pytest.approx(denominator)


def test_contingency_equals_pysteps():
    forecast, truth = np.nan_to_num(fields(4, (1, 40, 40))), np.nan_to_num(fields(5, (1, 40, 40)))
    scores = scores_of(pair_sums(forecast, truth, np.ones(truth.shape, bool), (30.0,), (1,), leads=(6,)))
    # pySTEPS takes an event as strictly above: no value equals the threshold here.
    expected = reference.det_cat_fct(forecast[0], truth[0], 30.0, scores=["CSI", "POD", "FAR", "ETS", "HSS", "BIAS"])
    assert {name: float(scores[name.lower()].squeeze()) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("window", [1, 5, 11, 21])
def test_fss_equals_pysteps_when_everything_is_observed(window):
    forecast, truth = fields(6, (1, 30, 34)), np.nan_to_num(fields(7, (1, 30, 34)))
    fss = scores_of(pair_sums(forecast, truth, np.ones(truth.shape, bool), (30.0,), (window,), leads=(6,))).fss
    assert float(fss.squeeze()) == pytest.approx(reference.fss(forecast[0], truth[0], 30.0, window))


@pytest.mark.parametrize("window", [5, 11])
def test_fss_equals_scores_where_their_boundary_rules_meet(window):
    # `scores` 2.7 pads with zeros too, but also counts the windows centred one row and one column beyond the grid;
    # with a dry margin those hold nothing and both rules are one.
    forecast, truth = np.zeros((1, 50, 50)), np.zeros((1, 50, 50))
    inner = (slice(None), slice(12, 38), slice(12, 38))
    forecast[inner], truth[inner] = np.nan_to_num(fields(8, (1, 26, 26))), np.nan_to_num(fields(9, (1, 26, 26)))
    fss = scores_of(pair_sums(forecast, truth, np.ones(truth.shape, bool), (30.0,), (window,), leads=(6,))).fss
    expected = fss_2d_single_field(
        forecast[0], truth[0], event_threshold=30.0, window_size=(window, window), zero_padding=True, threshold_operator=np.greater_equal
    )
    assert float(fss.squeeze()) == pytest.approx(float(expected))


def test_pooled_fss_equals_pysteps_accumulation():
    forecast, truth = np.nan_to_num(fields(10, (3, 20, 20))), np.nan_to_num(fields(11, (3, 20, 20)))
    parts = [pair_sums(forecast[i : i + 1], truth[i : i + 1], np.ones((1, 20, 20), bool), (30.0,), (5,), leads=(6,)) for i in range(3)]
    accumulated = fss_init(30.0, 5)
    for f, o in zip(forecast, truth, strict=True):
        fss_accum(accumulated, f, o)
    assert float(scores_of(merge(parts)).fss.squeeze()) == pytest.approx(reference.spatialscores.fss_compute(accumulated))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_unobserved_pixels_never_change_a_sum(seed):
    forecast, truth, observed = fields(seed), fields(seed + 1), observed_mask(seed)
    other_forecast, other_truth = np.where(observed, forecast, fields(seed + 2)), np.where(observed, truth, fields(seed + 3))
    first = pair_sums(forecast, truth, observed, (30.0,), (1, 5), leads=(6, 12))
    xr.testing.assert_identical(first, pair_sums(other_forecast, other_truth, observed, (30.0,), (1, 5), leads=(6, 12)))
    probability = np.random.default_rng(seed).random((1, *truth.shape))
    other = np.where(observed, probability, 1 - probability)
    xr.testing.assert_identical(
        probability_sums(probability, truth, observed, (30.0,), leads=(6, 12)), probability_sums(other, other_truth, observed, (30.0,), leads=(6, 12))
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_halves_merge_to_the_whole(seed, cut):
    """Six forecasts of one lead: the merge of the merges of two halves is the sum over all six."""
    forecast, truth, observed = fields(seed, (6, 8, 9)), fields(seed + 1, (6, 8, 9)), observed_mask(seed, (6, 8, 9))
    whole = pair_sums(forecast, truth, observed, (20.0, 40.0), (1, 3), leads=range(6)).sum("lead")
    single = [pair_sums(forecast[[i]], truth[[i]], observed[[i]], (20.0, 40.0), (1, 3), leads=(6,)) for i in range(6)]
    total = merge([merge(single[:cut]), merge(single[cut:])]).isel(lead=0, drop=True)
    for name in COUNTS:
        xr.testing.assert_equal(total[name], whole[name])
        assert total[name].dtype == "int64"
    xr.testing.assert_allclose(total, whole)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_counts_of_two_parts_of_the_area_add_up(seed):
    forecast, truth, observed = fields(seed), fields(seed + 1), observed_mask(seed)
    part = np.zeros(observed.shape, bool)
    part[:, :5] = True
    whole = pair_sums(forecast, truth, observed, (30.0,), (1,), leads=(6, 12))
    halves = [pair_sums(forecast, truth, observed & side, (30.0,), (1,), leads=(6, 12)) for side in (part, ~part)]
    xr.testing.assert_allclose(merge(halves), whole)


def test_merge_fills_what_a_part_lacks_with_zero():
    forecast, truth, observed = fields(1), fields(2), observed_mask(3)
    long = of_method(pair_sums(forecast, truth, observed, leads=(6, 12)), "nowcast")
    short = of_method(pair_sums(forecast[:1], truth[:1], observed[:1], leads=(6,)), "persistence")
    total = merge([long, short, long])
    assert total.method.values.tolist() == ["nowcast", "persistence"]
    assert total.n.sel({"method": "persistence"}).values.tolist() == [int(short.n.item()), 0]
    xr.testing.assert_equal(total.hits.sel({"method": "nowcast"}, drop=True), 2 * long.hits.isel(method=0, drop=True))
    assert total.hits.dtype == total.n.dtype == "int64"
    assert np.isnan(scores_of(total).csi.sel({"method": "persistence"}).sel(lead=12)).all()


def test_merge_refuses_what_cannot_be_added():
    sums = pair_sums(fields(1), fields(2), observed_mask(3), leads=(6, 12))
    probability = np.full((1, 2, 12, 14), 0.5)
    ten, five = (probability_sums(probability, fields(2), observed_mask(3), (30.0,), bins, leads=(6, 12)) for bins in (10, 5))
    for parts, words in (([], "no sums"), ([sums, of_method(sums, "a")], "one kind"), ([sums, ten], "one kind"), ([ten, five], "bins")):
        with pytest.raises(ValueError, match=words):
            merge(parts)


@pytest.mark.parametrize("value", [NO_ECHO_DBZ, 0.0])
def test_all_dry(value):
    dry = np.full((1, 9, 9), value)
    sums = pair_sums(dry, dry, np.ones(dry.shape, bool), leads=(6,))
    assert (sums.correct_negatives == 81).all()
    assert not sums.fss_denominator.any()
    assert not sums.sum_abs.any()


def test_a_forecast_that_reaches_nothing_misses_everything():
    truth = np.full((1, 9, 9), 45.0)
    sums = pair_sums(np.full((1, 9, 9), np.nan), truth, np.ones(truth.shape, bool), leads=(6,))
    assert (sums.misses == 81).all()
    assert sums.sum_f.item() == 0
    assert (scores_of(sums).fss == 0).all()


def test_truth_that_is_not_a_number_is_not_observed_whatever_the_mask_says():
    truth = np.full((1, 3, 3), 45.0)
    truth[0, 0, 0] = np.nan
    assert pair_sums(truth, truth, np.ones(truth.shape, bool), leads=(6,)).n.item() == 8


def test_single_pixel():
    pixel = np.full((1, 1, 1), 40.0)
    sums = pair_sums(pixel, pixel, np.ones(pixel.shape, bool), leads=(6,))
    assert (sums.hits == 1).all()  # a value at the threshold is an event
    assert (scores_of(sums).fss == 1).all()
    assert sums.sizes == {"threshold": len(THRESHOLDS_DBZ), "window": len(WINDOWS_PX), "lead": 1}
    assert sums.lead.values.tolist() == [6]
    assert sums.lead.dtype == "int64"


def test_arguments_are_checked_with_a_sentence():
    field, mask = np.zeros((1, 4, 4)), np.ones((1, 4, 4), bool)
    for changed, words in (
        ({"windows": (0,)}, "at least one pixel"),
        ({"thresholds": (0.0,)}, "above 0"),
        ({"leads": (6, 12)}, "whole minutes"),
        ({"leads": (2.5,)}, "whole minutes"),
    ):
        with pytest.raises(ValueError, match=words):
            pair_sums(field, field, mask, **({"leads": (6,)} | changed))
    with pytest.raises(ValueError, match="one shape"):
        pair_sums(field, field[:, :3], mask, leads=(6,))
    with pytest.raises(ValueError, match=r"0\.\.1"):
        probability_sums(field[None] + 50, field, mask, (30.0,), leads=(6,))
    with pytest.raises(ValueError, match="thresholds"):
        probability_sums(field[None], field, mask, (30.0, 40.0), leads=(6,))


def test_probability_sums_equal_a_plain_loop():
    rng = np.random.default_rng(0)
    truth, observed = fields(1), observed_mask(2)
    probability = rng.choice([0.0, 0.1, 0.25, 0.3, 0.6, 0.7, 1.0, np.nan], (2, *truth.shape))
    sums = probability_sums(probability, truth, observed, (20.0, 40.0), leads=(6, 12))
    for index, threshold in enumerate((20.0, 40.0)):
        for lead in range(2):
            n, brier, count, sum_p, sum_o = 0, 0.0, [0] * 10, [0.0] * 10, [0] * 10
            for p, value, seen in zip(probability[index, lead].flat, truth[lead].flat, observed[lead].flat, strict=True):
                if seen and not np.isnan(p) and not np.isnan(value):
                    which = min(round(p * 100) // 10, 9)  # every p is a multiple of 0.05: no rounding at an edge
                    n, brier = n + 1, brier + (p - (value >= threshold)) ** 2
                    count[which], sum_p[which], sum_o[which] = count[which] + 1, sum_p[which] + p, sum_o[which] + int(value >= threshold)
            here = sums.isel(threshold=index, lead=lead)
            assert int(here.n) == n
            assert float(here.brier_sum) == pytest.approx(brier)
            assert here["count"].values.tolist() == count
            assert here.sum_p.values.tolist() == pytest.approx(sum_p)
            assert here.sum_o.values.tolist() == sum_o


def test_grey_sums_equal_a_plain_loop():
    forecast, truth, observed = fields(1) / 8, fields(2) / 8, observed_mask(3)
    sums = grey_sums(forecast, truth, observed, -1.0, 5.0)

    def grey(raw: float) -> float:
        value = 0.0 if np.isnan(raw) or raw <= NO_ECHO_DBZ else raw
        return 255 * min(max((value + 1) / 6, 0), 1)

    for lead in range(2):
        errors = [grey(f) - grey(o) for f, o, seen in zip(forecast[lead].flat, truth[lead].flat, observed[lead].flat, strict=True) if seen and not np.isnan(o)]
        assert float(sums["grey_abs"][lead]) == pytest.approx(sum(map(abs, errors)))
        assert float(sums["grey_squares"][lead]) == pytest.approx(sum(error**2 for error in errors))


def test_the_threshold_carries_the_units_of_its_variable():
    field = np.zeros((1, 4, 4))
    assert pair_sums(field, field, np.ones(field.shape, bool), (0.2,), (1,), leads=(6,), units="degree km-1").threshold.attrs == {"units": "degree km-1"}
