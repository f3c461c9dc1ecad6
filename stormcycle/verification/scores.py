"""Scores from sums: the one division at the end. 0/0, and any score whose reference is empty, is NaN, never 0."""

import numpy as np
import xarray as xr
from scores.categorical import BasicContingencyManager

RELATIVE_NOISE = 1e-12
"""A variance smaller than this share of the mean square is rounding: the field is constant and has no correlation."""


def scores_of(sums: xr.Dataset) -> xr.Dataset:
    """The scores of sums from `pair_sums` or `probability_sums`, merged or not; further dims (method) stay.

    Of `pair_sums`: csi, pod, far, ets, hss, bias (threshold, lead), fss (threshold, window, lead), mae, rmse in the variable's
    units, pcc (lead), where `grey_sums` stand beside them mae_grey, rmse_grey (lead) in grey levels, and the sample: n (lead),
    observed, forecast (threshold, lead), pixels at or above the threshold.
    Of `probability_sums`: brier (threshold, lead), reliability, mean_probability, count (threshold, lead, bin), n.
    Raises ValueError when the dataset holds neither.
    """
    if "hits" in sums:
        return xr.Dataset({**_categorical(sums), "fss": 1 - _ratio(sums.fss_numerator, sums.fss_denominator), **_continuous(sums)})
    if "brier_sum" in sums:
        return _probabilistic(sums)
    raise ValueError(f"The dataset holds {', '.join(map(str, sums.data_vars)) or 'nothing'}; give the sums of pair_sums or probability_sums.")


def _ratio(numerator: xr.DataArray, denominator: xr.DataArray) -> xr.DataArray:
    return numerator / denominator.where(denominator != 0)


def _categorical(sums: xr.Dataset) -> dict[str, xr.DataArray]:
    """Scores of the 2x2 table by the library `scores`: Wilks 2019, Statistical Methods in the Atmospheric Sciences, section 9.2.

    With hits a, false alarms b, misses c, correct negatives d, n pixels and chance hits r = (a + b)(a + c) / n:
    ETS = (a - r) / (a + b + c - r); HSS = 2 (ad - bc) / ((a + c)(c + d) + (a + b)(b + d)) (Heidke 1926). Hogan et
    al. 2010, doi 10.1175/2009WAF2222350.1.
    """
    # float64, because products of two int64 counts overflow after a year of large grids.
    counts = {
        "tp_count": sums.hits.astype("float64"),
        "fp_count": sums.false_alarms.astype("float64"),
        "fn_count": sums.misses.astype("float64"),
        "tn_count": sums.correct_negatives.astype("float64"),
    }
    table = BasicContingencyManager(counts | {"total_count": sum(counts.values(), start=xr.zeros_like(counts["tp_count"]))})
    found = {
        "csi": table.critical_success_index(),
        "pod": table.probability_of_detection(),
        "far": table.false_alarm_ratio(),
        "ets": table.equitable_threat_score(),
        "hss": table.heidke_skill_score(),
        "bias": table.frequency_bias(),
    }
    # A bias against no event at all is infinite: no number that a mean or a JSON document can hold.
    finite = {name: score.where(np.isfinite(score)) for name, score in found.items()}
    return finite | {"observed": sums.hits + sums.misses, "forecast": sums.hits + sums.false_alarms}


def _continuous(sums: xr.Dataset) -> dict[str, xr.DataArray]:
    """MAE, RMSE and Pearson's correlation over the observed pixels, dry ones at 0."""
    n = sums.n.where(sums.n > 0)
    variance_f, variance_o = _variance(sums.sum_f / n, sums.sum_ff / n), _variance(sums.sum_o / n, sums.sum_oo / n)
    covariance = sums.sum_fo / n - sums.sum_f / n * sums.sum_o / n
    grey = {"mae_grey": sums.grey_abs / n, "rmse_grey": np.sqrt(sums.grey_squares / n)} if "grey_abs" in sums else {}
    return grey | {
        "mae": sums.sum_abs / n,
        "rmse": np.sqrt(((sums.sum_ff - 2 * sums.sum_fo + sums.sum_oo) / n).clip(min=0)),
        "pcc": (covariance / np.sqrt(variance_f * variance_o)).clip(-1, 1),
        "n": sums.n,
    }


def _variance(mean: xr.DataArray, mean_square: xr.DataArray) -> xr.DataArray:
    variance = mean_square - mean**2
    return variance.where(variance > RELATIVE_NOISE * mean_square)


def _probabilistic(sums: xr.Dataset) -> xr.Dataset:
    """Brier score and reliability: the observed frequency of each bin beside its mean forecast probability."""
    return xr.Dataset(
        {
            "brier": _ratio(sums.brier_sum, sums.n),
            "reliability": _ratio(sums.sum_o, sums["count"]),
            "mean_probability": _ratio(sums.sum_p, sums["count"]),
            "count": sums["count"],
            "n": sums.n,
        }
    )
