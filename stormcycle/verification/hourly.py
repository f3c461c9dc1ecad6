"""Scores of hours' reflectivity: by threshold, hour by hour and pooled, each under the rule that rain must cover enough (the operator's specification)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import pair_sums

HOURLY_THRESHOLDS_DBZ = (13.5, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
HOURLY_WINDOWS_PX = (1, 3, 5, 10, 15, 21)
LEAST_SHARE = 0.01
"""An hour counts at a threshold where what was observed, or what was said, covers at least this share of the observed pixels."""
COVERAGES_DBZ = np.arange(0.0, 55.5, 0.5)
BY_HOUR = ("pod", "csi", "far")


def hour_sums(said: np.ndarray, observed: np.ndarray) -> xr.Dataset:
    """The sums (`pair_sums`) of one hour said (y, x; dBZ) against what was observed (0.0 dry, NaN not observed); below 0 dBZ is dry."""
    known = ~np.isnan(observed)
    return pair_sums(np.maximum(said, 0.0)[None], observed[None], known[None], HOURLY_THRESHOLDS_DBZ, HOURLY_WINDOWS_PX, leads=[0]).isel(lead=0, drop=True)


def hourly_scores(sums: Sequence[xr.Dataset]) -> xr.Dataset:
    """The scores of hours from their sums: `rmse` and `mean_error` (dB) over all observed pixels; by threshold of pooled counts pod, csi, far, bias,
    fss (window), the means of the hours' own scores (pod_mean, csi_mean, far_mean) and `hours`, how many counted.
    """
    each = xr.concat(sums, "hour")
    seen, said = each.hits + each.misses, each.hits + each.false_alarms
    counted = np.maximum(seen, said) >= LEAST_SHARE * each.n.clip(min=1)
    pooled = each.where(counted, 0).sum("hour")
    whole = {name: each[name].sum("hour") for name in each.data_vars if "threshold" not in each[name].dims}
    found = scores_of(pooled.assign(whole).expand_dims(lead=[0])).isel(lead=0, drop=True)
    own = scores_of(each.stack(lead=("hour",)).reset_index("lead", drop=True).assign_coords(lead=np.arange(len(sums)))).rename(lead="hour")
    means = {f"{name}_mean": own[name].where(counted.drop_vars("hour", errors="ignore")).mean("hour") for name in BY_HOUR}
    return found[["rmse", "pod", "csi", "far", "bias", "fss"]].assign(
        {"mean_error": (whole["sum_f"] - whole["sum_o"]) / whole["n"], "hours": counted.sum("hour"), **means}
    )


def floored_rmse(said: np.ndarray, observed: np.ndarray, floor_dbz: float) -> float:
    """The root mean square error (dB) over observed pixels of fields lifted to a floor below which a radar tells nothing: the error an analysis counts with."""
    known = ~np.isnan(observed)
    return float(np.sqrt(((np.maximum(said, floor_dbz) - np.maximum(observed, floor_dbz))[known] ** 2).mean()))


def hourly_rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    """A table of hours' scores: a row a threshold; None where a score has no meaning."""
    rows = []
    for threshold in scores["threshold"].values:
        one = scores.sel(threshold=threshold)
        named: dict[str, Any] = {"dBZ": float(threshold), "hours": int(one.hours)}
        named |= {f"{name}, hours' mean": _number(one[f"{name}_mean"]) for name in BY_HOUR}
        named |= {f"{name}, pooled": _number(one[name]) for name in (*BY_HOUR, "bias")}
        rows.append(named | {f"fss {int(window)}": _number(one.fss.sel(window=window)) for window in scores["window"].values})
    return rows


def _number(score: xr.DataArray) -> float | None:
    return float(score) if np.isfinite(score) else None


def coverage(fields: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The share of known pixels (any shape) at or above each of COVERAGES_DBZ."""
    values = np.sort(fields[known])
    return np.asarray(1.0 - np.searchsorted(values, COVERAGES_DBZ, side="left") / max(len(values), 1))
