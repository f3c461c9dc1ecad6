"""The released product `background`: the model's analysis channels as CF fields on the analysis grid."""

import numpy as np
import xarray as xr

from stormcycle.states import Provenance
from stormcycle.times import parse_time

LEVELS_HPA = (975, 925, 850, 800)
ON_LEVELS = {"t": "air_temperature", "u": "x_wind", "v": "y_wind", "r": "relative_humidity"}
AT_SURFACE = {"t2m": "air_temperature_2m", "r2m": "relative_humidity_2m", "mslp": "mean_sea_level_pressure"}


def background_fields(analysis: xr.Dataset) -> xr.Dataset:
    """The fields of `background` from the 19 channels `state` (channel, y, x) of stormcycle.background.analysis_fields.

    `observed` is where every field that is present holds a value; `interpolated` and `present` tell level by level what the model gave.
    """
    state = analysis["state"]
    fields: dict[str, object] = {}
    for letter, name in ON_LEVELS.items():
        fields[name] = (("level", "y", "x"), state.sel(channel=[f"{letter}{level}" for level in LEVELS_HPA]).values.astype("float32"))
    for channel, name in AT_SURFACE.items():
        fields[name] = (("y", "x"), state.sel(channel=channel).values.astype("float32"))
    names = [str(name) for name in state["channel"].values]
    known = ~np.isnan(state.values[analysis["present"].values]).any(axis=0)
    return xr.Dataset(
        {
            **fields,
            "present": ("channel", analysis["present"].values.astype(bool)),
            "interpolated": ("channel", analysis["interpolated"].values.astype(bool)),
            "observed": (("y", "x"), known),
            "provenance": (("y", "x"), np.where(known, Provenance.MADE_BY_A_MODEL, Provenance.OUTSIDE_COVERAGE).astype("uint16")),
        },
        coords={
            "level": np.asarray(LEVELS_HPA, "float32"),
            "channel": ("channel", np.arange(len(names), dtype="int16"), {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}),
            "valid_time": parse_time(analysis.attrs["valid_time"]).astype("datetime64[ns]"),
            "forecast_reference_time": parse_time(analysis.attrs["base_time"]).astype("datetime64[ns]"),
        },
        attrs={"source_model": analysis.attrs["model"], "lead_hours": float(analysis.attrs["lead_hours"])},
    )


def state_of(fields: xr.Dataset) -> np.ndarray:
    """The state (19, y, x; float32) in the order of stormcycle.background.analysis_fields, from the fields of `background`."""
    levels = [fields[name].sel(level=list(LEVELS_HPA)).values for name in ON_LEVELS.values()]
    return np.concatenate([*levels, *(fields[name].values[None] for name in AT_SURFACE.values())]).astype("float32")
