"""The statistics of fields, against plain loops and closed forms."""

import math

import numpy as np
import pytest
import xarray as xr

from stormcycle.gates import summaries
from stormcycle.states import NO_ECHO_DBZ, Provenance

CYCLE_TIME = np.datetime64("2026-07-01T13:00:00", "s")


def of(rows: list[dict], variable: str) -> dict:
    (row,) = (row for row in rows if row["variable"] == variable)
    return row


def field(values: np.ndarray) -> tuple[tuple[str, str], np.ndarray]:
    return (("y", "x"), values.astype("float32"))


def test_shares_and_extremes_of_reflectivity_are_those_of_a_loop_over_pixels(rng: np.random.Generator) -> None:
    values = rng.choice([np.nan, NO_ECHO_DBZ, 5.0, 29.5, 30.0, 47.0, 60.0, 71.5], (40, 50)).astype("float32")
    row = of(summaries(xr.Dataset({"reflectivity": field(values)}), "a"), "reflectivity")
    observed = echoes = strong = extreme = 0
    greatest = -math.inf
    for value in values.reshape(-1).tolist():
        if math.isnan(value):
            continue
        observed += 1
        strong += value >= 30.0
        extreme += value >= 60.0
        if value != NO_ECHO_DBZ:
            echoes += 1
            greatest = max(greatest, value)
    assert row["subject"] == "a"
    assert row["observed_share"] == pytest.approx(observed / values.size)
    assert (row["echo_share"], row["strong_share"], row["extreme_share"]) == pytest.approx((echoes / observed, strong / observed, extreme / observed))
    assert (row["least"], row["greatest"]) == (5.0, greatest)


def test_quantiles_of_a_ramp_of_echoes_are_where_the_ramp_says() -> None:
    values = np.full((20, 101), NO_ECHO_DBZ)
    values[0] = np.arange(101) / 2
    row = of(summaries(xr.Dataset({"reflectivity": field(values)}), "a"), "reflectivity")
    assert (row["p01"], row["p50"], row["p99"], row["spread"]) == pytest.approx((0.5, 25.0, 49.5, 49.0))


def test_a_few_echoes_have_extremes_but_no_quantiles() -> None:
    values = np.full((20, 20), NO_ECHO_DBZ)
    values[0, :5] = 20.0
    row = of(summaries(xr.Dataset({"reflectivity": field(values)}), "a"), "reflectivity")
    assert (row["least"], row["greatest"]) == (20.0, 20.0)
    assert np.isnan([row["p50"], row["spread"]]).all()


def test_a_dry_field_has_shares_and_no_distribution() -> None:
    row = of(summaries(xr.Dataset({"reflectivity": field(np.full((9, 9), NO_ECHO_DBZ))}), "a"), "reflectivity")
    assert (row["observed_share"], row["echo_share"], row["strong_share"]) == (1.0, 0.0, 0.0)
    assert np.isnan([row["least"], row["greatest"], row["p50"], row["spread"]]).all()


def test_a_constant_field_has_no_spread() -> None:
    row = of(summaries(xr.Dataset({"reflectivity": field(np.full((20, 20), 70.0))}), "a"), "reflectivity")
    assert (row["spread"], row["strong_share"]) == (0.0, 1.0)


def test_an_infinite_value_is_the_greatest_number() -> None:
    values = np.full((20, 20), 10.0)
    values[3, 3] = np.inf
    row = of(summaries(xr.Dataset({"reflectivity": field(values)}), "a"), "reflectivity")
    assert np.isfinite(row["greatest"])
    assert row["greatest"] > 1e38


def test_a_moment_is_known_in_the_share_of_the_echo_that_it_covers() -> None:
    reflectivity, zdr = np.full((30, 30), NO_ECHO_DBZ), np.full((30, 30), np.nan)
    reflectivity[:4] = 30.0
    zdr[0] = 1.0
    row = of(summaries(xr.Dataset({"reflectivity": field(reflectivity), "zdr": field(zdr)}), "a"), "zdr")
    assert (row["observed_share"], row["known_share"]) == pytest.approx((1 / 30, 0.25))
    assert np.isnan(row["echo_share"])
    reflectivity[1:4] = NO_ECHO_DBZ  # 30 echoes are too few to speak of a share
    assert np.isnan(of(summaries(xr.Dataset({"reflectivity": field(reflectivity), "zdr": field(zdr)}), "a"), "zdr")["known_share"])


@pytest.mark.parametrize("told_by", ["rejected", "provenance"])
def test_the_rejected_share_is_of_the_pixels_that_a_beam_met(told_by: str) -> None:
    reflectivity = np.full((10, 10), NO_ECHO_DBZ)
    reflectivity[5:] = np.nan
    where = np.zeros((10, 10), "uint16")
    where[0], where[5] = 1, 1  # a row that another beam saw, and a row of which nothing is left
    flags = where if told_by == "rejected" else where * np.uint16(Provenance.REJECTED_BY_QUALITY_CONTROL) + np.uint16(Provenance.OBSERVED)
    row = of(summaries(xr.Dataset({"reflectivity": field(reflectivity), told_by: (("y", "x"), flags)}), "a"), "reflectivity")
    assert row["rejected_share"] == pytest.approx(2 / 6)


def hour(actual: list[str], values: list[float]) -> xr.Dataset:
    frames = np.stack([np.full((12, 12), value, "float32") for value in values])
    return xr.Dataset({"reflectivity": (("valid_time", "y", "x"), frames)}, coords={"actual_time": ("valid_time", np.array(actual, "datetime64[ns]"))})


def test_frames_of_which_nothing_was_received_do_not_count() -> None:
    fields = hour(["2026-07-01T12:33:00", "NaT"], [NO_ECHO_DBZ, 70.0])
    row = of(summaries(fields, "radar", CYCLE_TIME), "reflectivity")
    assert (row["observed_share"], row["echo_share"], row["age_minutes"]) == (1.0, 0.0, 27.0)


def test_an_hour_that_received_nothing_has_no_statistics() -> None:
    row = of(summaries(hour(["NaT", "NaT"], [np.nan, np.nan]), "radar", CYCLE_TIME), "reflectivity")
    assert all(np.isnan(value) for name, value in row.items() if name not in ("subject", "variable"))


def test_flags_masks_and_fields_off_the_grid_have_no_row() -> None:
    fields = xr.Dataset({"observed": (("y", "x"), np.ones((3, 3), bool)), "count": (("y", "x"), np.ones((3, 3), "int16")), "level": ("z", np.zeros(3))})
    assert summaries(fields, "a") == []


def test_what_a_dataset_lacks_by_its_own_word_is_not_judged() -> None:
    whole = np.ones((2, 3, 3), "float32")
    lacking = whole.copy()
    lacking[1] = np.nan
    fields = xr.Dataset(
        {
            "air_temperature": (("level", "y", "x"), lacking),
            "air_temperature_2m": (("y", "x"), np.full((3, 3), np.nan, "float32")),
            "present": ("channel", np.array([True, False, False])),
        }
    )
    assert [(row["variable"], row["observed_share"]) for row in summaries(fields, "a")] == [("air_temperature", 1.0)]
    fields["present"] = ("channel", np.array([True, True, True]))
    assert [(row["variable"], row["observed_share"]) for row in summaries(fields, "a")] == [("air_temperature", 0.5), ("air_temperature_2m", 0.0)]
