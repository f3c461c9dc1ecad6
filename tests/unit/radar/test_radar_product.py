"""The product `radar`: what its provenance says agrees with its fields, pixel by pixel."""

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stormcycle.radar.hourly import hourly_sum
from stormcycle.radar.product import hourly_provenance, provenance, radar_fields
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
    cube, marks = ("slot", "y", "x"), np.zeros(frames.shape, "uint16")
    hour = xr.Dataset(
        {"reflectivity": (cube, frames), "marks": (cube, marks)}, coords={"slot": SLOTS, "nominal_time": ("slot", SLOTS), "actual_time": ("slot", SLOTS)}
    )
    return radar_fields(hour, {"reflectivity": filled, "zdr": np.zeros_like(filled)}), frames, filled


def has(flags: np.ndarray, flag: Provenance) -> np.ndarray:
    return (flags & np.uint16(flag)) > 0


def test_each_bit_says_what_the_fields_say():
    fields, frames, filled = product()
    flags, values = fields["provenance"].values, fields["reflectivity"].values
    assert np.array_equal(has(flags, Provenance.OBSERVED), ~np.isnan(frames))
    assert np.array_equal(fields["observed"].values, ~np.isnan(frames))
    assert np.array_equal(has(flags, Provenance.FILLED_BY_ADVECTION), np.isnan(frames) & ~np.isnan(filled))
    assert np.array_equal(has(flags, Provenance.OUTSIDE_COVERAGE), np.broadcast_to(np.isnan(values).all(axis=0), values.shape))
    assert np.array_equal(has(flags, Provenance.UNDETECT), values == NO_ECHO_DBZ)
    assert has(flags, Provenance.FILLED_BY_ADVECTION)[4].any()
    assert not has(flags, Provenance.FILLED_BY_ADVECTION)[:4].any()
    assert flags.dtype == np.uint16


def test_a_pixel_is_observed_filled_outside_or_absent_and_never_two_of_them():
    flags = product()[0]["provenance"].values
    kinds = sum(has(flags, flag).astype(int) for flag in (Provenance.OBSERVED, Provenance.FILLED_BY_ADVECTION, Provenance.OUTSIDE_COVERAGE))
    absent = np.zeros(flags.shape, bool)
    absent[7:, 0, 0] = True  # other frames know the pixel
    assert np.array_equal(kinds, np.where(absent, 0, 1))
    assert (flags[absent] == 0).all()


CLUTTER = Provenance.REJECTED_BY_QUALITY_CONTROL | Provenance.STATIC_CLUTTER
FRAMES = hnp.arrays(np.float32, (3, 2, 2), elements=st.sampled_from([np.nan, NO_ECHO_DBZ, 20.0]))
MARKS = hnp.arrays(np.uint16, (3, 2, 2), elements=st.sampled_from([0, 0, int(CLUTTER), int(Provenance.LATE)]))


@given(FRAMES, FRAMES, MARKS)
def test_the_provenance_of_each_pixel_is_that_of_a_plain_loop(frames: np.ndarray, fill: np.ndarray, marks: np.ndarray):
    values = np.where(np.isnan(frames), fill, frames)
    flags = provenance(values, ~np.isnan(frames), marks)
    for slot, y, x in np.ndindex(3, 2, 2):
        wanted = int(marks[slot, y, x])
        if not np.isnan(frames[slot, y, x]):
            wanted |= Provenance.OBSERVED
        elif not np.isnan(values[slot, y, x]):
            wanted |= Provenance.FILLED_BY_ADVECTION
        elif np.isnan(values[:, y, x]).all() and not marks[:, y, x].any() and not np.isnan(values[slot]).all():
            wanted |= Provenance.OUTSIDE_COVERAGE
        if values[slot, y, x] == NO_ECHO_DBZ:
            wanted |= Provenance.UNDETECT
        assert flags[slot, y, x] == wanted


def test_a_frame_of_which_nothing_came_says_nothing_and_others_say_outside_coverage():
    frames = np.full((2, 1, 2), np.nan, "float32")
    frames[0, 0, 0] = 20.0
    flags = provenance(frames, ~np.isnan(frames), np.zeros(frames.shape, "uint16"))
    assert flags.tolist() == [[[Provenance.OBSERVED, Provenance.OUTSIDE_COVERAGE]], [[0, 0]]]


def test_a_rejected_pixel_keeps_its_reason_in_the_hourly_provenance_and_is_never_outside_coverage():
    total = np.array([[30.0, 0.0, np.nan, np.nan]], "float32")
    marks = np.zeros((2, 1, 4), "uint16")
    marks[0, 0, [0, 2]], marks[1, 0, 2] = CLUTTER, Provenance.LATE
    (found,) = hourly_provenance(total, marks).tolist()
    assert found == [Provenance.OBSERVED | CLUTTER, Provenance.OBSERVED | Provenance.UNDETECT, CLUTTER | Provenance.LATE, Provenance.OUTSIDE_COVERAGE]


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
        "provenance": "uint16",
        "hourly_sum": "float32",
        "hourly_count": "int16",
        "hourly_provenance": "uint16",
    }
    assert fields["reflectivity"].dims == ("valid_time", "y", "x")
