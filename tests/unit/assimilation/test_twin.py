"""The twin experiment's book-keeping: what is withheld, what is summed, how changes and intervals come of it."""

import numpy as np
import pytest
import xarray as xr

from stormcycle.assimilation.analysis import Outcome
from stormcycle.assimilation.cost import Cost
from stormcycle.assimilation.minimiser import Minimum
from stormcycle.assimilation.twin import VARIABLES, cycles, twin_result, withheld_blocks

SHAPE = (49, 49)


def hour(number: int) -> xr.Dataset:
    random = np.random.default_rng(number)
    observed = np.where(random.random(SHAPE) < 0.1, np.nan, random.choice([0.0, 30.0], SHAPE))
    truth = random.normal(size=(19, *SHAPE))
    fields = {"state": (("channel", "y", "x"), truth + 2.0), "truth": (("channel", "y", "x"), truth), "hourly_sum": (("y", "x"), observed)}
    return xr.Dataset(fields, attrs={"time": f"2026-07-01T{number:02d}:00:00Z", "lead_hours": 6.0})


def halved(hour: xr.Dataset, observed: np.ndarray, withheld: np.ndarray) -> Outcome:
    """An analysis that is half as wrong as the background, and says what was observed but for 1 dB."""
    seen = np.maximum(np.nan_to_num(observed), 13.5)
    minimum = Minimum(None, Cost(0.0, 0.0, None), [1.0], [1.0], 1, "gradient")  # type: ignore[arg-type]
    return Outcome(hour["truth"].values + 1.0, 0, seen + 2.0, seen + 1.0, ~np.isnan(observed) & ~withheld, 4.0, 13.5, minimum)


def test_a_fifth_is_withheld_in_squares_that_differ_from_hour_to_hour():
    shares = [withheld_blocks((97, 97), 7, number).mean() for number in range(60)]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.02)
    one, again, other = (withheld_blocks((97, 97), 7, number) for number in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    inside = one[12:85, 12:85]
    flips = (inside[:, 1:] != inside[:, :-1]).any(axis=0)
    assert set(np.diff(np.flatnonzero(flips)) % 12) <= {0}


def test_changes_are_those_of_the_errors():
    found = [one.sums for one in cycles([hour(number) for number in range(4)], halved, 1)]
    result = twin_result(found)
    for name in VARIABLES:
        assert result["truth"][name]["background"] == pytest.approx(2.0)
        assert result["truth"][name]["analysis"] == pytest.approx(1.0)
        assert result["truth"][name]["change"] == pytest.approx(-50.0)
        assert result["truth"][name]["bootstrap"] == pytest.approx([-50.0, -50.0])
    assert result["used"]["change"] == pytest.approx(-50.0)
    assert result["withheld"]["background"] == pytest.approx(2.0)
    assert result["cycles"] == 4


def test_used_and_withheld_share_no_pixel_and_together_hold_what_was_observed():
    (one, *_) = cycles([hour(0), hour(1)], halved, 3)
    observed = int((~np.isnan(hour(0)["hourly_sum"].values)).sum())
    assert one.sums["used"][2] + one.sums["withheld"][2] == observed


def test_shuffled_hours_are_given_the_radar_of_another_but_judged_by_their_own_truth():
    seen = []

    def watched(one: xr.Dataset, observed: np.ndarray, withheld: np.ndarray) -> Outcome:
        seen.append(observed)
        return halved(one, observed, withheld)

    hours = [hour(number) for number in range(4)]
    found = list(cycles(hours, watched, 1, shuffled=True))
    for number, given in enumerate(seen):
        np.testing.assert_array_equal(given, hours[(number + 2) % 4]["hourly_sum"].values)
    assert [one.hour.attrs["time"] for one in found] == [one.attrs["time"] for one in hours]


def test_an_interval_holds_the_change_and_is_wider_where_hours_differ():
    names = ("used", "withheld", *VARIABLES, *(f"disc {name}" for name in VARIABLES))
    shares = np.linspace(0.2, 1.2, 20)
    sums = [dict.fromkeys(names, (4.0 * number, 4.0 * number * share, number)) for number, share in zip(range(10, 30), shares, strict=True)]
    low, high = twin_result(sums)["used"]["bootstrap"]
    assert low < twin_result(sums)["used"]["change"] < high
