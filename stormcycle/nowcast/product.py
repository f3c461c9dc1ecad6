"""The released products `nowcast` and `probability`."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from stormcycle.domain import ZR
from stormcycle.nowcast.extrapolation import advect
from stormcycle.nowcast.rain import rain_rate, rain_sum
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.states import NO_ECHO_DBZ, Provenance


def lead_coordinates(cycle_time: np.datetime64, leads: int, step_minutes: int, actual_time: np.datetime64) -> dict[str, object]:
    """lead_time, valid_time (lead_time), forecast_reference_time and actual_time of a product with `leads` steps from a cycle time."""
    lead_time = np.arange(1, leads + 1) * np.timedelta64(step_minutes * 60, "s").astype("timedelta64[ns]")
    return {
        "lead_time": lead_time,
        "valid_time": ("lead_time", cycle_time.astype("datetime64[ns]") + lead_time),
        "forecast_reference_time": ((), cycle_time.astype("datetime64[ns]")),
        "actual_time": ((), actual_time.astype("datetime64[ns]")),
    }


def known_pixels(newest: np.ndarray, velocity: np.ndarray, leads: int) -> np.ndarray:
    """Where a nowcast comes from observed pixels (lead, y, x): the newest frame's mask carried along."""
    return np.nan_to_num(advect((~np.isnan(newest)).astype("float64"), velocity, range(1, leads + 1), order=0), nan=0.0) > 0.5


def provenance(known: np.ndarray, undetect: np.ndarray) -> np.ndarray:
    """The provenance of a modelled field: made by a model where known (undetect where dry), else outside coverage."""
    flags = np.where(known, Provenance.MADE_BY_A_MODEL, Provenance.OUTSIDE_COVERAGE) | np.where(known & undetect, Provenance.UNDETECT, 0)
    return flags.astype("uint16")


def released_reflectivity(zh: np.ndarray, faintest_dbz: float) -> np.ndarray:
    """Forecast reflectivity (dBZ, NaN where not known) as it is released, float32: no echo below `faintest_dbz`, and at 0 dBZ and below."""
    return np.where(np.isnan(zh) | ((zh > 0.0) & (zh >= faintest_dbz)), zh, NO_ECHO_DBZ).astype("float32")


def nowcast_fields(forecast: Fields, known: np.ndarray, coordinates: Mapping[str, object], step_minutes: int, relation: ZR, faintest_dbz: float) -> xr.Dataset:
    """The fields of `nowcast` from a forecast of each variable (lead, y, x) and where it is known.

    `faintest_dbz`: the radars' noise floor (`released_reflectivity`). Without an echo there are no values of the other variables.
    """
    zh = forecast["zh"]
    known = known & ~np.isnan(zh)
    reflectivity = np.where(known, released_reflectivity(zh, faintest_dbz), np.float32(np.nan))
    echo = reflectivity > NO_ECHO_DBZ
    attributes = {
        "zr": f"Z = {relation.a:g} R^{relation.b:g}, reflectivity at most {relation.highest_dbz:g} dBZ",
        "accumulation_minutes": min(60 // step_minutes, len(zh)) * step_minutes,
    }
    rates = rain_rate(reflectivity, relation.a, relation.b, relation.highest_dbz)
    within_hour = 60 // step_minutes
    dims = ("lead_time", "y", "x")
    return xr.Dataset(
        {
            "reflectivity": (dims, reflectivity),
            **{VARIABLES[word]: (dims, np.where(echo, values, np.nan).astype("float32")) for word, values in forecast.items() if word != "zh"},
            "rain_rate": (dims, rates),
            "rain_sum": (("y", "x"), rain_sum(rates[:within_hour], step_minutes)),
            "observed": (dims, known),
            "provenance": (dims, provenance(known, reflectivity <= NO_ECHO_DBZ)),
        },
        coords=dict(coordinates),
        attrs=attributes,
    )


def probability_fields(shares: np.ndarray, known: np.ndarray, thresholds: Sequence[float], coordinates: Mapping[str, object]) -> xr.Dataset:
    """The fields of `probability` from exceedance shares (threshold, lead, y, x) and where they are known."""
    known = known & ~np.isnan(shares).any(axis=0)
    dims = ("lead_time", "y", "x")
    return xr.Dataset(
        {
            "exceedance": (("threshold", *dims), np.where(known, shares, np.nan).astype("float32")),
            "observed": (dims, known),
            "provenance": (dims, provenance(known, np.zeros_like(known))),
        },
        coords={"threshold": np.asarray(thresholds, "float32"), **coordinates},
    )
