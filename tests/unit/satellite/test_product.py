"""The product `satellite`: what is absent is NaN and says so; times and satellites are each channel's own."""

import numpy as np
import pytest
import xarray as xr

from stormcycle.satellite import satellite_fields
from stormcycle.states import Provenance
from stormcycle.times import parse_time

TIME = parse_time("2026-07-01T13:00Z")


def image(kelvin: float, minute: int, satellite: str = "G19") -> xr.Dataset:
    """A channel of 3x4 pixels, one of them without a value."""
    values = np.full((3, 4), kelvin, "float32")
    values[0, 0] = np.nan
    times = {name: f"2026-07-01T12:{minute}:{second}Z" for name, second in (("scan_start", "20"), ("middle", "24"), ("scan_end", "28"))}
    return xr.Dataset({"brightness_temperature": (("y", "x"), values)}, attrs={"satellite": satellite, "parallax": "not corrected", **times})


def density() -> xr.Dataset:
    counts = {name: (("y", "x"), np.arange(12.0).reshape(3, 4)) for name in ("flash_extent_density", "group_extent_density")}
    return xr.Dataset(counts, attrs={"start": "2026-07-01T12:45:00Z", "end": "2026-07-01T13:00:00Z"})


def test_channels_stand_in_the_domains_order_under_their_numbers_with_their_own_times() -> None:
    made = satellite_fields({"C13": image(290.0, 55), "C09": image(240.0, 50)}, ("C09", "C13"), density(), (3, 4), TIME)
    assert made["channel"].values.tolist() == [9, 13]
    assert made["channel"].attrs == {"flag_values": [9, 13], "flag_meanings": "C09 C13"}
    assert np.nanmean(made["brightness_temperature"].values, axis=(1, 2)).tolist() == [240.0, 290.0]
    assert [str(time)[11:19] for time in made["actual_time"].values] == ["12:50:24", "12:55:24"]
    assert [str(time)[11:19] for time in made["scan_end"].values] == ["12:50:28", "12:55:28"]
    assert str(made["valid_time"].values)[11:19] == "13:00:00"
    assert made["present"].values.all() and bool(made["lightning_present"])
    assert made["flash_extent_density"].values.sum() == 66.0
    assert (str(made["lightning_start"].values)[11:16], str(made["lightning_end"].values)[11:16]) == ("12:45", "13:00")


def test_what_is_absent_is_nan_has_no_time_and_is_not_observed() -> None:
    made = satellite_fields({"C13": image(290.0, 55)}, ("C09", "C13"), None, (3, 4), TIME)
    assert made["present"].values.tolist() == [False, True]
    assert np.isnan(made["brightness_temperature"].values[0]).all()
    assert np.isnat(made["actual_time"].values).tolist() == [True, False]
    assert made["observed"].values.sum(axis=(1, 2)).tolist() == [0, 11]
    assert not bool(made["lightning_present"])
    assert np.isnan(made["flash_extent_density"].values).all() and np.isnan(made["group_extent_density"].values).all()
    assert np.isnat(made["lightning_start"].values) and np.isnat(made["lightning_end"].values)
    flags = made["provenance"].values
    assert ((flags & Provenance.OBSERVED) > 0).sum() == 11
    assert np.array_equal((flags & Provenance.OUTSIDE_COVERAGE) > 0, ~made["observed"].values)


def test_pixels_of_a_late_channel_say_so_where_there_is_a_value() -> None:
    images = {"C09": image(240.0, 50), "C13": image(290.0, 55)}
    late = (satellite_fields(images, ("C09", "C13"), None, (3, 4), TIME, ("C09",))["provenance"].values & Provenance.LATE) > 0
    assert late.sum(axis=(1, 2)).tolist() == [11, 0]
    assert not late[0, 0, 0]


def test_an_image_that_lost_its_values_counts_as_absent() -> None:
    made = satellite_fields({"C13": xr.Dataset(attrs=image(1.0, 55).attrs), "C09": image(240.0, 55)}, ("C09", "C13"), None, (3, 4), TIME)
    assert made["present"].values.tolist() == [True, False]


@pytest.mark.parametrize(("channels", "numbers"), [(("IR_108", "WV_062"), [108, 62]), (("C07", "C09", "C13"), [7, 9, 13])])
def test_a_channels_number_is_that_of_its_name(channels: tuple[str, ...], numbers: list[int]) -> None:
    assert satellite_fields({}, channels, None, (3, 4), TIME)["channel"].values.tolist() == numbers


def test_two_satellites_are_both_named() -> None:
    made = satellite_fields({"C09": image(240.0, 50, "G16"), "C13": image(290.0, 55)}, ("C09", "C13"), None, (3, 4), TIME)
    assert (made.attrs["satellite"], made.attrs["parallax"]) == ("G16, G19", "not corrected")
