"""The statistics that limits are set on: one row a variable of a dataset, small enough for any table tool."""

from typing import Any

import numpy as np
import xarray as xr

from stormcycle.states import NO_ECHO_DBZ, Provenance
from stormcycle.times import Time

LEAST_VALUES = 100
"""Below so many values a field is a few pixels: their quantiles, that they are all alike, or lack a moment, say nothing."""
QUANTILES = {"p01": 0.01, "p50": 0.5, "p99": 0.99}
STRONG_DBZ, EXTREME_DBZ = 30.0, 60.0
GREATEST_NUMBER = float(np.finfo("float32").max)
DUAL_POLARISATION = ("zdr", "kdp")


def summaries(fields: xr.Dataset, subject: str, cycle_time: Time | None = None) -> list[dict[str, Any]]:
    """A row of statistics for each field over (..., y, x) of numbers; NaN where a statistic has no meaning.

    `subject` names the dataset in the rows. Frames of which nothing was received (no actual time) do not count, nor does what a
    dataset with a flag `present` lacks: a whole field, a level.
    Statistics of reflectivity (dBZ) are over echoes, its shares over observed pixels; `age_minutes` is that of the newest
    actual time at the cycle time.
    """
    received = fields
    if "actual_time" in fields and fields["actual_time"].dims:
        received = fields.sel({fields["actual_time"].dims[0]: ~np.isnat(fields["actual_time"].values)})
    names = [str(name) for name, field in fields.data_vars.items() if field.dtype.kind == "f" and field.dims[-2:] == ("y", "x")]
    if "present" in fields and not fields["present"].values.all():
        received = received.map(_there, keep_attrs=True) if "level" in received.dims else received
        names = [name for name in names if received[name].notnull().any()]
    age = _age_minutes(fields, cycle_time)
    return [{"subject": subject, "variable": name, **_statistics(received, name), "age_minutes": age} for name in names]


def _there(field: xr.DataArray) -> xr.DataArray:
    """A field without the levels at which it holds nothing."""
    if "level" not in field.dims or field.dtype.kind != "f":
        return field
    return field.isel(level=np.flatnonzero(field.notnull().any(("y", "x")).values)).rename(level=f"level of {field.name}").reset_coords(drop=True)


def _statistics(fields: xr.Dataset, name: str) -> dict[str, float]:
    """The statistics of one variable. An infinite value counts as the greatest number, so that limits catch it and JSON can hold it."""
    values = np.nan_to_num(fields[name].values.astype("float64"), nan=np.nan, posinf=GREATEST_NUMBER, neginf=-GREATEST_NUMBER)
    observed = values[~np.isnan(values)]
    counted = observed[observed > NO_ECHO_DBZ] if name == "reflectivity" else observed
    row = {"observed_share": _share(~np.isnan(values)), **_distribution(counted)}
    shares = dict.fromkeys(("echo_share", "strong_share", "extreme_share", "rejected_share", "known_share"), np.nan)
    if name == "reflectivity":
        shares["echo_share"] = _share(observed > NO_ECHO_DBZ)
        shares["strong_share"], shares["extreme_share"] = _share(observed >= STRONG_DBZ), _share(observed >= EXTREME_DBZ)
        shares["rejected_share"] = _rejected_share(fields, ~np.isnan(values))
    if name in DUAL_POLARISATION:
        known = ~np.isnan(values[fields["reflectivity"].values > NO_ECHO_DBZ])
        shares["known_share"] = _share(known) if len(known) >= LEAST_VALUES else np.nan
    return row | shares


def _distribution(values: np.ndarray) -> dict[str, float]:
    """Extremes; quantiles and the spread between the outer ones where there are values enough to speak of them."""
    row = dict.fromkeys(("least", *QUANTILES, "greatest", "spread"), np.nan)
    if len(values):
        row |= {"least": float(values.min()), "greatest": float(values.max())}
    if len(values) >= LEAST_VALUES:
        row |= zip(QUANTILES, map(float, np.quantile(values, list(QUANTILES.values()))), strict=True)
    return row | {"spread": row["p99"] - row["p01"]}


def _rejected_share(fields: xr.Dataset, observed: np.ndarray) -> float:
    """The share of the pixels that a beam met of which quality control rejected a gate; NaN where the dataset does not tell."""
    if "rejected" in fields:
        rejected = fields["rejected"].values > 0
    elif "provenance" in fields:
        rejected = (fields["provenance"].values & Provenance.REJECTED_BY_QUALITY_CONTROL) > 0
    else:
        return np.nan
    return _share(rejected[rejected | observed])


def _age_minutes(fields: xr.Dataset, cycle_time: Time | None) -> float:
    if cycle_time is None or "actual_time" not in fields or np.isnat(fields["actual_time"].values).all():
        return np.nan
    times = fields["actual_time"].values
    return float((cycle_time - times[~np.isnat(times)].max()) / np.timedelta64(60, "s"))


def _share(where: np.ndarray) -> float:
    return float(where.mean()) if where.size else np.nan
