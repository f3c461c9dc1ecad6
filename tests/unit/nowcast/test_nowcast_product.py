"""The products `nowcast` and `probability`: what is known, and that provenance and fields agree."""

import numpy as np
import pytest
from scipy.ndimage import shift

from stormcycle.domain import ZR
from stormcycle.nowcast.product import known_pixels, lead_coordinates, nowcast_fields, probability_fields
from stormcycle.states import NO_ECHO_DBZ, Provenance

NOON = np.datetime64("2026-07-01T12:00:00", "s")


def coordinates(leads: int = 10) -> dict[str, object]:
    return lead_coordinates(NOON, leads, 6, NOON - np.timedelta64(90, "s"))


def test_leads_count_from_the_cycle_time():
    found = coordinates(3)
    assert [int(lead / np.timedelta64(1, "m")) for lead in found["lead_time"]] == [6, 12, 18]
    np.testing.assert_array_equal(found["valid_time"][1], NOON + np.array([6, 12, 18], "timedelta64[m]"))
    assert found["actual_time"][1] == np.datetime64("2026-07-01T11:58:30")


def test_what_is_known_is_the_newest_mask_carried_along(uniform):
    newest = np.full((40, 40), NO_ECHO_DBZ)
    newest[:, :8] = np.nan
    newest[15:20, 20:25] = 30.0
    known = known_pixels(newest, uniform(1, 2, 40), 3)
    for lead in (1, 2, 3):
        wanted = shift((~np.isnan(newest)).astype(float), (lead, 2 * lead), order=0, cval=0.0, prefilter=False) > 0.5
        assert (known[lead - 1] == wanted)[1:-1, 1:-1].all()


def test_dry_pixels_are_known(uniform):
    assert known_pixels(np.full((40, 40), NO_ECHO_DBZ), uniform(0, 0, 40), 2).all()
    assert not known_pixels(np.full((40, 40), np.nan), uniform(0, 0, 40), 2).any()


@pytest.fixture
def forecast() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    values = random.uniform(-5, 60, (12, 8, 8))
    values[:, :, 0] = np.nan
    return values, random.random((12, 8, 8)) < 0.8


def test_provenance_says_what_the_fields_say(forecast):
    values, known = forecast
    fields = nowcast_fields({"zh": values}, known, coordinates(12), 6, ZR(), 0.0)
    flags, found = fields["provenance"].values, fields["reflectivity"].values
    wanted = known & ~np.isnan(values)
    assert np.array_equal(fields["observed"].values, wanted)
    assert np.array_equal(~np.isnan(found), wanted)
    assert np.array_equal((flags & Provenance.MADE_BY_A_MODEL) > 0, wanted)
    assert np.array_equal((flags & Provenance.OUTSIDE_COVERAGE) > 0, ~wanted)
    assert np.array_equal((flags & Provenance.UNDETECT) > 0, found == NO_ECHO_DBZ)
    assert not (flags & Provenance.OBSERVED).any()  # a forecast is never an observation
    np.testing.assert_allclose(found[wanted & (values > 0)], values[wanted & (values > 0)], rtol=1e-6)
    assert (found[wanted & (values <= 0)] == NO_ECHO_DBZ).all()


def test_the_other_moments_are_there_where_an_echo_is_expected_and_known(forecast):
    values, known = forecast
    zdr, kdp = np.full(values.shape, 1.5), np.full(values.shape, 0.2)
    zdr[:, 3] = np.nan
    fields = nowcast_fields({"zh": values, "zdr": zdr, "kdp": kdp}, known, coordinates(12), 6, ZR(), 3.0)
    echo = fields["reflectivity"].values > NO_ECHO_DBZ
    assert 0.3 < echo.mean() < 0.8
    assert np.array_equal(~np.isnan(fields["kdp"].values), echo)
    assert np.array_equal(~np.isnan(fields["zdr"].values), echo & ~np.isnan(zdr))
    assert fields["zdr"].dtype == fields["kdp"].dtype == "float32"


def test_rain_is_of_the_first_hour_alone(forecast):
    values = np.full((12, 4, 4), 39.01)
    values[10:] = 60.0  # beyond the hour
    fields = nowcast_fields({"zh": values}, np.ones_like(values, bool), coordinates(12), 6, ZR(), 0.0)
    np.testing.assert_allclose(fields["rain_sum"].values, 10.0, rtol=2e-3)
    assert (fields.attrs["zr"], fields.attrs["accumulation_minutes"]) == ("Z = 200 R^1.6, reflectivity at most 53 dBZ", 60)
    short = nowcast_fields({"zh": values[:5]}, np.ones((5, 4, 4), bool), coordinates(5), 6, ZR(), 0.0)
    assert short.attrs["accumulation_minutes"] == 30
    np.testing.assert_allclose(short["rain_sum"].values, 5.0, rtol=2e-3)


def test_a_probability_is_known_where_every_threshold_is():
    shares, known = np.full((2, 3, 4, 4), 0.5), np.ones((3, 4, 4), bool)
    shares[1, 0, 0, 0], known[1] = np.nan, False
    fields = probability_fields(shares, known, (20.0, 30.0), coordinates(3))
    wanted = known.copy()
    wanted[0, 0, 0] = False
    assert np.array_equal(fields["observed"].values, wanted)
    assert np.array_equal(~np.isnan(fields["exceedance"].values), np.stack([wanted, wanted]))
    assert np.array_equal(fields["provenance"].values == Provenance.OUTSIDE_COVERAGE, ~wanted)
    assert fields["threshold"].values.tolist() == [20.0, 30.0]
