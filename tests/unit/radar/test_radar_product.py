"""The product `radar`: what its provenance says agrees with its fields, pixel by pixel."""

import numpy as np
import xarray as xr

from stormcycle.radar.hourly import hourly_sum
from stormcycle.radar.product import radar_fields
from stormcycle.states import NO_ECHO_DBZ, Provenance

SLOTS = np.array(["2026-07-01T11:06", "2026-07-01T11:12"], "datetime64[ns]").repeat(5) + np.arange(10) * np.timedelta64(6, "m")


def product(filled_slot: int = 4) -> tuple[xr.Dataset, np.ndarray, np.ndarray]:
    """A product of ten frames of 6 x 6, one of them filled; the observed frames; the filled ones."""
    random = np.random.default_rng(2)
    frames = np.where(random.random((10, 6, 6)) < 0.4, NO_ECHO_DBZ, random.uniform(0, 60, (10, 6, 6))).astype("float32")
    frames[:, :, 5] = np.nan
    filled = frames.copy()
    frames[filled_slot] = np.nan
    frames[7:, 0, 0] = filled[7:, 0, 0] = np.nan
    hour = xr.Dataset({"reflectivity": (("slot", "y", "x"), frames)}, coords={"slot": SLOTS, "nominal_time": ("slot", SLOTS), "actual_time": ("slot", SLOTS)})
    return radar_fields(hour, {"reflectivity": filled, "zdr": np.zeros_like(filled)}), frames, filled


def has(flags: np.ndarray, flag: Provenance) -> np.ndarray:
    return (flags & np.uint8(flag)) > 0


def test_each_bit_says_what_the_fields_say():
    fields, frames, filled = product()
    flags, values = fields["provenance"].values, fields["reflectivity"].values
    assert np.array_equal(has(flags, Provenance.OBSERVED), ~np.isnan(frames))
    assert np.array_equal(fields["observed"].values, ~np.isnan(frames))
    assert np.array_equal(has(flags, Provenance.FILLED_BY_ADVECTION), np.isnan(frames) & ~np.isnan(filled))
    assert np.array_equal(has(flags, Provenance.OUTSIDE_COVERAGE), np.isnan(values))
    assert np.array_equal(has(flags, Provenance.UNDETECT), values == NO_ECHO_DBZ)
    assert has(flags, Provenance.FILLED_BY_ADVECTION)[4].any()
    assert not has(flags, Provenance.FILLED_BY_ADVECTION)[:4].any()
    assert flags.dtype == np.uint8


def test_a_pixel_is_observed_filled_or_outside_and_never_two_of_them():
    flags = product()[0]["provenance"].values
    kinds = sum(has(flags, flag).astype(int) for flag in (Provenance.OBSERVED, Provenance.FILLED_BY_ADVECTION, Provenance.OUTSIDE_COVERAGE))
    assert (kinds == 1).all()


def test_the_hourly_sum_counts_what_was_observed_and_not_what_was_filled():
    fields, frames, _ = product()
    np.testing.assert_array_equal(fields["hourly_sum"].values, hourly_sum(frames)[0])
    assert fields["hourly_count"].values[3, 3] == 9
    flags, total = fields["hourly_provenance"].values, fields["hourly_sum"].values
    assert np.isnan(total[0, 0])  # 6 of 10
    assert np.array_equal(has(flags, Provenance.OUTSIDE_COVERAGE), np.isnan(total))
    assert np.array_equal(has(flags, Provenance.OBSERVED), ~np.isnan(total))
    assert np.array_equal(has(flags, Provenance.UNDETECT), total == 0.0)


def test_the_types_are_those_of_the_contract():
    fields, *_ = product()
    assert {name: str(fields[name].dtype) for name in fields.data_vars} == {
        "reflectivity": "float32",
        "zdr": "float32",
        "observed": "bool",
        "provenance": "uint8",
        "hourly_sum": "float32",
        "hourly_count": "int16",
        "hourly_provenance": "uint8",
    }
    assert fields["reflectivity"].dims == ("valid_time", "y", "x")
