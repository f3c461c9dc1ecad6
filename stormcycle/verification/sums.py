"""Mergeable sums: what one forecast adds to every score, small enough to keep and exact enough to add up over any period.

A score of a month is not the mean of its hours' scores. So an hour stores counts and sums, periods add them, and
scores.py divides once. The verification libraries return finished scores; the sums are ours and tested against them.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from stormcycle.states import dry_filled

THRESHOLDS_DBZ = (20.0, 30.0, 35.0, 40.0)
WINDOWS_PX = (1, 5, 11, 21)
PROBABILITY_BINS = 10


def pair_sums(
    forecast: np.ndarray,
    truth: np.ndarray,
    observed: np.ndarray,
    thresholds: Sequence[float] = THRESHOLDS_DBZ,
    windows: Sequence[int] = WINDOWS_PX,
    *,
    leads: Sequence[int],
    units: str = "dBZ",
) -> xr.Dataset:
    """The sums of one forecast of one variable against the observed truth.

    forecast, truth: (lead, y, x) in `units` (dBZ, dB, degree km-1); the forecast's NaN (not reached) and no echo count as 0. observed:
    (lead, y, x) bool; a pixel counts only where it is true and the truth is not NaN. thresholds: in `units`, above 0; an
    event is a value at or above. windows: widths in pixels; an even one reaches a pixel further back than on (pySTEPS too).
    leads: whole minutes, the coordinate `lead`.
    Returns hits, misses, false_alarms, correct_negatives (threshold, lead) int64; fss_numerator, fss_denominator
    (threshold, window, lead) float64; n int64, sum_f, sum_o, sum_ff, sum_oo, sum_fo, sum_abs (lead) float64 in
    `units` or their square. Raises ValueError when shapes disagree, a threshold is not above 0 or a window is below 1.

    Fractions (Roberts and Lean 2008, eq. 2-7, doi 10.1175/2007MWR2123.1) are taken over the observed pixels of a
    window (normalised convolution) and summed over observed centres. Beyond the grid's edge lies zero padding, as in
    pySTEPS: a window there counts as seen in full and dry outside, so its fraction is still of the whole window.
    """
    forecast, truth, observed = np.asarray(forecast), np.asarray(truth), np.asarray(observed, bool)
    _check(forecast, truth, observed, thresholds, leads)
    if any(window < 1 for window in windows):
        raise ValueError(f"The windows {list(windows)} must be widths of at least one pixel.")
    counted = observed & ~np.isnan(truth)
    f, o = dry_filled(forecast).astype("float64"), dry_filled(truth).astype("float64")
    seen = [_window_counts(counted, window, beyond=True) for window in windows]

    tables: dict[str, list] = {name: [] for name in ("hits", "misses", "false_alarms", "correct_negatives")}
    numerators, denominators = [], []
    for threshold in thresholds:
        forecast_event, event = (f >= threshold) & counted, (o >= threshold) & counted
        hits = _count(forecast_event & event)
        misses, false_alarms = _count(event) - hits, _count(forecast_event) - hits
        tables["hits"].append(hits)
        tables["misses"].append(misses)
        tables["false_alarms"].append(false_alarms)
        tables["correct_negatives"].append(_count(counted) - hits - misses - false_alarms)
        fractions = [_fraction_sums(forecast_event, event, counted, n, window) for n, window in zip(seen, windows, strict=True)]
        numerators.append([numerator for numerator, _ in fractions])
        denominators.append([denominator for _, denominator in fractions])

    f, o = np.where(counted, f, 0.0), np.where(counted, o, 0.0)
    moments = {"sum_f": f, "sum_o": o, "sum_ff": f * f, "sum_oo": o * o, "sum_fo": f * o, "sum_abs": np.abs(f - o)}
    return xr.Dataset(
        {name: (("threshold", "lead"), np.array(table, "int64")) for name, table in tables.items()}
        | {
            "fss_numerator": (("threshold", "window", "lead"), np.array(numerators, "float64")),
            "fss_denominator": (("threshold", "window", "lead"), np.array(denominators, "float64")),
            "n": (("lead",), _count(counted)),
        }
        | {name: (("lead",), field.sum((1, 2))) for name, field in moments.items()},
        _coordinates(thresholds, leads, units) | {"window": ("window", np.asarray(windows, "int64"))},
    )


def grey_sums(forecast: np.ndarray, truth: np.ndarray, observed: np.ndarray, lowest: float, highest: float) -> dict[str, xr.DataArray]:
    """The sums of one forecast's errors in grey levels: grey_abs, grey_squares (lead) float64, to stand beside `pair_sums`.

    Level 0 is `lowest`, level 255 is `highest`, what lies beyond is clipped; forecast, truth, observed as in `pair_sums`.
    """
    counted = np.asarray(observed, bool) & ~np.isnan(truth)
    f, o = (255.0 * np.clip((dry_filled(np.asarray(field, "float64")) - lowest) / (highest - lowest), 0.0, 1.0) for field in (forecast, truth))
    error = np.where(counted, f - o, 0.0)
    return {"grey_abs": xr.DataArray(np.abs(error).sum((1, 2)), dims="lead"), "grey_squares": xr.DataArray((error**2).sum((1, 2)), dims="lead")}


def probability_sums(
    probability: np.ndarray,
    truth: np.ndarray,
    observed: np.ndarray,
    thresholds: Sequence[float],
    bins: int = PROBABILITY_BINS,
    *,
    leads: Sequence[int],
) -> xr.Dataset:
    """The sums of one exceedance forecast against the observed truth.

    probability: (threshold, lead, y, x) in 0..1, NaN = unknown, left out; truth, observed, thresholds, leads as in
    `pair_sums`. Returns n int64, brier_sum float64 (threshold, lead), and by bin of the forecast probability count,
    sum_o int64 and sum_p float64 (threshold, lead, bin). Bin k holds k/bins <= p < (k+1)/bins, the last also p = 1;
    the coordinate `bin` is the bin's lower edge. Raises ValueError when shapes disagree, a probability lies outside
    0..1 or there is no bin. Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    probability, truth, observed = np.asarray(probability, "float64"), np.asarray(truth), np.asarray(observed, bool)
    if probability.ndim != 4 or len(probability) != len(thresholds):
        raise ValueError(f"The probabilities have shape {probability.shape}; expected (threshold, lead, y, x) with {len(thresholds)} thresholds.")
    for of_threshold in probability:
        _check(of_threshold, truth, observed, thresholds, leads)
    known = ~np.isnan(probability)
    if bins < 1:
        raise ValueError(f"There are {bins} probability bins; reliability needs at least one.")
    if not ((probability[known] >= 0) & (probability[known] <= 1)).all():
        raise ValueError("A probability lies outside 0..1; give shares, not percent.")
    lower = np.arange(bins) / bins
    known &= (observed & ~np.isnan(truth))[None]
    event = dry_filled(truth)[None] >= np.asarray(thresholds, "float64")[:, None, None, None]
    shape = probability.shape[:2]
    count, sum_o, sum_p, brier = np.zeros((*shape, bins), "int64"), np.zeros((*shape, bins), "int64"), np.zeros((*shape, bins)), np.zeros(shape)
    for index in np.ndindex(shape):
        p, happened = probability[index][known[index]], event[index][known[index]]
        which = np.searchsorted(lower, p, side="right") - 1
        count[index] = np.bincount(which, minlength=bins)
        sum_o[index] = np.bincount(which[happened], minlength=bins)
        sum_p[index] = np.bincount(which, weights=p, minlength=bins)
        brier[index] = ((p - happened) ** 2).sum()
    by_bin = ("threshold", "lead", "bin")
    return xr.Dataset(
        {
            "n": (by_bin[:2], count.sum(-1)),
            "brier_sum": (by_bin[:2], brier),
            "count": (by_bin, count),
            "sum_p": (by_bin, sum_p),
            "sum_o": (by_bin, sum_o),
        },
        _coordinates(thresholds, leads) | {"bin": ("bin", lower)},
    )


def of_method(sums: xr.Dataset, method: str) -> xr.Dataset:
    """The sums with a leading dimension `method` of one, so that `merge` puts several methods side by side."""
    return sums.expand_dims(method=[method])


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """The sums of several parts added: a period, several methods, or both.

    Parts may hold different methods, leads, thresholds or windows: what a part does not hold adds nothing to it.
    Raises ValueError when there is no part, or parts hold different kinds of sums, or different probability bins.
    """
    if not parts:
        raise ValueError("There are no sums to merge.")
    first = parts[0]
    for part in parts[1:]:
        if set(part.data_vars) != set(first.data_vars) or set(part.dims) != set(first.dims):
            raise ValueError(f"Sums over {_kind(part)} cannot be added to sums over {_kind(first)}; merge one kind at a time.")
        if "bin" in first.dims and not part.indexes["bin"].equals(first.indexes["bin"]):
            raise ValueError("Sums with different probability bins cannot be added; verify all forecasts with the same number of bins.")
    aligned = xr.align(*parts, join="outer", fill_value=0, copy=False)
    total = aligned[0].copy(deep=True)
    for part in aligned[1:]:
        total = total + part
    return total.transpose(*(dim for dim in ("method", "threshold", "window", "lead", "bin") if dim in total.dims))


def _kind(sums: xr.Dataset) -> str:
    return f"{', '.join(sorted(map(str, sums.dims)))} ({', '.join(sorted(map(str, sums.data_vars)))})"


def _check(forecast: np.ndarray, truth: np.ndarray, observed: np.ndarray, thresholds: Sequence[float], leads: Sequence[int]) -> None:
    if forecast.ndim != 3 or not forecast.shape == truth.shape == observed.shape:
        raise ValueError(f"Forecast {forecast.shape}, truth {truth.shape} and observed mask {observed.shape} must have one shape (lead, y, x).")
    if len(leads) != len(forecast) or any(int(lead) != lead for lead in leads):
        raise ValueError(f"The leads {list(leads)} must be whole minutes, one for each of the forecast's {len(forecast)} fields.")
    if any(threshold <= 0 for threshold in thresholds):
        raise ValueError(f"The thresholds {list(thresholds)} must be above 0, because a dry pixel counts as 0.")


def _coordinates(thresholds: Sequence[float], leads: Sequence[int], units: str = "dBZ") -> dict[str, tuple]:
    return {
        "threshold": ("threshold", np.asarray(thresholds, "float64"), {"units": units}),
        "lead": ("lead", np.asarray(leads, "int64"), {"units": "minutes"}),
    }


def _count(mask: np.ndarray) -> np.ndarray:
    return mask.sum((1, 2), dtype="int64")


def _window_counts(mask: np.ndarray, window: int, beyond: bool = False) -> np.ndarray:
    """How many pixels of the window around each pixel are true, (lead, y, x); pixels beyond the edge count as `beyond`.

    A summed-area table of integers: exact, and as quick for a wide window as for a narrow one.
    """
    if window == 1:
        return mask.astype("int64")
    before, after = window // 2, (window - 1) // 2
    table = np.pad(mask.astype("int64"), ((0, 0), (before + 1, after), (before + 1, after)), constant_values=int(beyond))
    table.cumsum(1, out=table).cumsum(2, out=table)
    return table[:, window:, window:] - table[:, :-window, window:] - table[:, window:, :-window] + table[:, :-window, :-window]


def _fraction_sums(forecast_event: np.ndarray, event: np.ndarray, counted: np.ndarray, seen: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums over observed centres of (Pf - Po)^2 and of Pf^2 + Po^2, each (lead,)."""
    pf, po = (np.divide(_window_counts(mask, window), seen, out=np.zeros(seen.shape), where=counted) for mask in (forecast_event, event))
    return ((pf - po) ** 2).sum((1, 2)), (pf**2 + po**2).sum((1, 2))
