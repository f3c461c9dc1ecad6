"""The product `background`: 19 channels become fields by name and level, none of them lost or swapped."""

import numpy as np
import xarray as xr

from stormcycle.background import background_fields
from stormcycle.background.planning import CHANNELS
from stormcycle.states import Provenance


def analysis() -> xr.Dataset:
    """Channels of 2x3 points that hold their own number, u925 interpolated, mslp absent."""
    state = np.broadcast_to(np.arange(19.0, dtype="float32")[:, None, None], (19, 2, 3)).copy()
    state[18] = np.nan
    return xr.Dataset(
        {
            "state": (("channel", "y", "x"), state),
            "present": ("channel", np.arange(19) != 18),
            "interpolated": ("channel", np.array([name == "u925" for name in CHANNELS])),
        },
        coords={"channel": list(CHANNELS)},
        attrs={"valid_time": "2026-07-01T13:00:00Z", "base_time": "2026-07-01T06:00:00Z", "lead_hours": 7, "model": "a model"},
    )


def test_every_channel_becomes_a_field_of_its_level() -> None:
    made = background_fields(analysis())
    assert made["level"].values.tolist() == [975.0, 925.0, 850.0, 800.0]
    wanted = {"air_temperature": [0, 1, 2, 3], "x_wind": [4, 5, 6, 7], "y_wind": [8, 9, 10, 11], "relative_humidity": [12, 13, 14, 15]}
    assert {name: made[name].values[:, 1, 2].tolist() for name in wanted} == wanted
    assert [float(made[name][1, 2]) for name in ("air_temperature_2m", "relative_humidity_2m")] == [16.0, 17.0]
    assert np.isnan(made["mean_sea_level_pressure"].values).all()


def test_what_the_model_gave_and_what_was_interpolated_is_told_channel_by_channel() -> None:
    made = background_fields(analysis())
    names = made["channel"].attrs["flag_meanings"].split()
    assert tuple(names) == CHANNELS
    assert made["channel"].attrs["flag_values"] == made["channel"].values.tolist() == list(range(19))
    assert [name for name, there in zip(names, made["present"].values, strict=True) if not there] == ["mslp"]
    assert [name for name, flag in zip(names, made["interpolated"].values, strict=True) if flag] == ["u925"]


def test_a_point_is_observed_where_the_channels_have_a_value() -> None:
    whole = analysis()
    whole["state"].values[18], whole["present"].values[18] = 18.0, True
    whole["state"].values[:, 0, 0] = np.nan
    made = background_fields(whole)
    assert made["observed"].values.tolist() == [[False, True, True], [True, True, True]]
    assert made["provenance"].values[0, 0] == Provenance.OUTSIDE_COVERAGE
    assert (made["provenance"].values[made["observed"].values] == Provenance.MADE_BY_A_MODEL).all()


def test_the_run_the_time_and_the_model_are_named() -> None:
    made = background_fields(analysis())
    assert str(made["valid_time"].values)[:16] == "2026-07-01T13:00"
    assert str(made["forecast_reference_time"].values)[:16] == "2026-07-01T06:00"
    assert made.attrs == {"source_model": "a model", "lead_hours": 7.0}


def test_a_channel_that_the_model_lacks_takes_no_point_out_of_the_others() -> None:
    lacking = analysis().copy(deep=True)
    lacking["state"].values[-1] = np.nan
    lacking["present"].values[-1] = False
    assert background_fields(lacking)["observed"].values.any()
    assert np.array_equal(background_fields(lacking)["observed"], background_fields(analysis())["observed"])
