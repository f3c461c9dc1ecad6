"""Frames that no radar delivered: filled, extrapolated from what is there, or no nowcast."""

import numpy as np
from bad_input.spoiling import TIMES, codes, product, products, remove_frames
from house import FIRST, SMALL, House

from flows.cycle import cycle
from stormcycle.states import Provenance

HOUR = np.datetime64("2026-07-01T13:00:00", "ns")


def test_three_absent_frames_are_filled_by_advection_and_say_so(house: House) -> None:
    gone = (TIMES[2], TIMES[3], TIMES[9])
    remove_frames(house, gone)
    made = cycle.fn("small", FIRST)
    assert (made.state, codes(made)) == ("degraded", ["frames_filled"])
    assert products(made) == {"radar", "nowcast", "probability"}
    radar = product(made, "radar")
    absent = np.isin(TIMES, gone)
    flags, observed, values = (radar[name].values for name in ("provenance", "observed", "reflectivity"))
    assert not observed[absent].any()
    assert np.array_equal(np.isnat(radar["actual_time"].values), absent)
    filled = (flags & Provenance.FILLED_BY_ADVECTION) > 0
    assert not filled[~absent].any()
    assert np.array_equal(filled[absent], ~np.isnan(values[absent]))
    assert np.all(filled[absent].mean(axis=(1, 2)) > 0.8 * observed[~absent].mean())
    assert not ((flags & Provenance.OBSERVED) > 0)[absent].any()
    assert radar["hourly_count"].values.max() == 7
    assert product(made, "nowcast")["observed"].values.any()


def test_from_two_frames_is_extrapolated_without_probability_and_leads_count_from_the_cycle_time(house: House) -> None:
    remove_frames(house, tuple(time for time in TIMES if time not in ("122400", "123000")))
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert codes(made) == ["frames_missing", "extrapolated_from_old_frames", "no_probability"]
    assert products(made) == {"radar", "nowcast"}
    nowcast = product(made, "nowcast")
    assert nowcast["valid_time"].values[0] == HOUR + np.timedelta64(6, "m")
    assert nowcast["valid_time"].values[-1] == HOUR + np.timedelta64(60, "m")
    assert abs(nowcast["actual_time"].values - np.datetime64("2026-07-01T12:32:15", "ns")) <= np.timedelta64(60, "s")
    assert nowcast["observed"].values[0].any()
    radar = product(made, "radar")
    assert np.flatnonzero(radar["observed"].values.any(axis=(1, 2))).tolist() == [3, 4]
    assert not ((radar["provenance"].values & Provenance.FILLED_BY_ADVECTION) > 0).any()
    assert np.isnan(radar["hourly_sum"].values).all()


def test_from_two_frames_older_than_half_an_hour_there_is_radar_and_no_nowcast(house: House) -> None:
    remove_frames(house, tuple(time for time in TIMES if time not in ("121800", "122400")))
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert codes(made) == ["frames_missing", "no_nowcast"]
    assert products(made) == {"radar"}
    assert np.flatnonzero(product(made, "radar")["observed"].values.any(axis=(1, 2))).tolist() == [2, 3]


def test_with_four_absent_frames_there_is_extrapolation_with_probability(house: House) -> None:
    remove_frames(house, TIMES[3:7])
    made = cycle.fn("small", FIRST)
    assert codes(made) == ["frames_missing", "extrapolated_from_old_frames"]
    assert products(made) == {"radar", "nowcast", "probability"}
    shares = product(made, "probability")["exceedance"].values
    assert 0.0 <= np.nanmin(shares) < np.nanmax(shares) <= 1.0


def test_absent_frames_do_no_harm_where_the_motion_comes_from_two_frames(house: House) -> None:
    (house.domains / "small.yaml").write_text(SMALL.replace("{members: 4}", "{members: 4, motion_frames: 2}"))
    remove_frames(house, TIMES[3:7])
    made = cycle.fn("small", FIRST)
    assert products(made) == {"radar", "nowcast", "probability"}
