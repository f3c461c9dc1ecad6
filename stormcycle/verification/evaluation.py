"""Evaluation of nowcasts on a packed sequence: sliding windows of ten frames in and ten out, counts pooled over the windows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.datasets.sequence import FRAMES_IN, FRAMES_OUT, SEQUENCE_FRAMES
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.verification.references import Method
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import THRESHOLDS_DBZ, WINDOWS_PX, grey_sums, merge, of_method, pair_sums

Progress = Callable[[int, int], None]
"""Told how many windows are done, and how many there are."""

WindowSums = dict[str, xr.Dataset]
"""The sums of one window by variable: the dataset of `pair_sums` and `grey_sums` with a dimension `method`."""


@dataclass(frozen=True)
class Judged:
    """How a variable is judged: its events (values at or above), windows of the FSS (px), and what grey levels 0 and 255 are."""

    units: str
    thresholds: tuple[float, ...]
    windows: tuple[int, ...]
    lowest: float
    highest: float


# Events and grey levels are those of the MRKAN paper, doi 10.3390/rs18020372, its scaling as other users of NJU-CPOL publish it.
JUDGED = {
    "zh": Judged("dBZ", THRESHOLDS_DBZ, WINDOWS_PX, 0.0, 65.0),
    "zdr": Judged("dB", (0.5,), (1,), -1.0, 5.0),
    "kdp": Judged("degree km-1", (0.2,), (1,), -1.0, 6.0),
}


def window_sums(sequence: xr.Dataset, methods: Mapping[str, Method], progress: Progress | None = None) -> list[WindowSums]:
    """The sums of every method over every window, in time order, of each variable that the sequence holds and a method forecasts.

    sequence: (time, y, x) fields as `read_sequence` gives them, NaN not observed, with the attribute step_minutes; methods: by
    name, called with ten frames of each variable. The coordinate `lead` is in minutes, to the nearest whole one. Raises ValueError
    when there is no method, the sequence has no reflectivity, is shorter than a window or says no step, or a method returns another shape or variable.
    """
    windows = []
    for window, leads, done, count in windows_of(sequence, methods):
        windows.append(_of_window(window, methods, leads))
        if progress:
            progress(done, count)
    return windows


def windows_of(sequence: xr.Dataset, methods: Mapping[str, Any]) -> Iterator[tuple[Fields, list[int], int, int]]:
    """The windows of a sequence in time order: frames of each variable (FRAMES_IN, then FRAMES_OUT), leads in minutes, which one it is and of how many.

    Raises as `window_sums` does, which says what `sequence` is; `methods` must not be empty.
    """
    if not methods:
        raise ValueError("There is no method to evaluate; give at least one.")
    frames = {word: np.asarray(sequence[name].values, "float64") for word, name in VARIABLES.items() if name in sequence}
    if "zh" not in frames:
        raise ValueError(f"The sequence holds {', '.join(map(str, sequence.data_vars)) or 'nothing'} and no reflectivity; read it with read_sequence.")
    count = sequence.sizes["time"] - SEQUENCE_FRAMES + 1
    if count < 1:
        raise ValueError(f"The sequence has {sequence.sizes['time']} frames; a window takes {SEQUENCE_FRAMES}: {FRAMES_IN} in and {FRAMES_OUT} out.")
    if "step_minutes" not in sequence.attrs:
        raise ValueError("The sequence has no attribute step_minutes, so its leads have no length; read it with read_sequence.")
    leads = [round(sequence.attrs["step_minutes"] * step) for step in range(1, FRAMES_OUT + 1)]
    for start in range(count):
        yield {word: values[start : start + SEQUENCE_FRAMES] for word, values in frames.items()}, leads, start + 1, count


def _of_window(window: Fields, methods: Mapping[str, Method], leads: Sequence[int]) -> WindowSums:
    truth = {word: values[FRAMES_IN:] for word, values in window.items()}
    parts: dict[str, list[xr.Dataset]] = {}
    for name, method in methods.items():
        forecasts = method({word: values[:FRAMES_IN].copy() for word, values in window.items()}, FRAMES_OUT)
        if "zh" not in forecasts or not set(forecasts) <= set(truth):
            raise ValueError(f"The method {name!r} returned {', '.join(forecasts) or 'nothing'} where zh, and at most {', '.join(truth)}, was asked for.")
        for word, forecast in forecasts.items():
            if forecast.shape != truth[word].shape:
                raise ValueError(f"The method {name!r} returned shape {forecast.shape} where {truth[word].shape} (lead, y, x) was asked for.")
            parts.setdefault(word, []).append(of_method(_sums(forecast, truth[word], JUDGED[word], leads), name))
    return {word: xr.concat(parts[word], "method") for word in truth if word in parts}


def _sums(forecast: np.ndarray, truth: np.ndarray, judged: Judged, leads: Sequence[int]) -> xr.Dataset:
    observed = ~np.isnan(truth)
    sums = pair_sums(forecast, truth, observed, judged.thresholds, judged.windows, leads=leads, units=judged.units)
    return sums.assign(grey_sums(forecast, truth, observed, judged.lowest, judged.highest))


def pooled(windows: Sequence[WindowSums]) -> WindowSums:
    """The sums of several windows added, methods in their order."""
    return {word: merge([window[word] for window in windows]) for word in windows[0]}


def evaluate_sequence(sequence: xr.Dataset, methods: Mapping[str, Method], progress: Progress | None = None) -> dict[str, Any]:
    """The evaluation of methods on a sequence, as `result_of` gives it. Parameters and errors as in `window_sums`."""
    return result_of(window_sums(sequence, methods, progress))


def result_of(windows: Sequence[WindowSums]) -> dict[str, Any]:
    """The table that `stormcycle evaluate` prints, as plain JSON: lists by lead, None for 0/0, counts pooled over windows.

    {"windows": n, "observed": {"20": [..], ..}, "methods": {name: {"zh": {"csi": {"20": [..], ..}, "pod", "far",
    "ets", "hss", "bias", "fss_1", "fss_5", "fss_11", "fss_21": likewise, "mae": [..], "rmse": [..], "pcc": [..], "mae_grey",
    "rmse_grey": likewise}, "zdr": .., "kdp": .. (without fss, where the sequence has them and the method forecasts them)}}};
    `observed` counts observed pixels of zh at or above the threshold, `observed_zdr` and `observed_kdp` those of the others.
    """
    scores = {word: scores_of(sums) for word, sums in pooled(windows).items()}
    observed = {"observed" if word == "zh" else f"observed_{word}": by_threshold(table["observed"].isel(method=0)) for word, table in scores.items()}
    methods = {
        str(name): {word: _table(table.sel({"method": name})) for word, table in scores.items() if name in table["method"].values}
        for name in scores["zh"]["method"].values
    }
    return {"windows": len(windows), **observed, "methods": methods}


def by_threshold(score: xr.DataArray) -> dict[str, list]:
    """A score (threshold, lead) as {"20": [by lead], ..}."""
    return {f"{float(threshold):g}": by_lead(score.sel(threshold=threshold)) for threshold in score["threshold"]}


def by_lead(score: xr.DataArray) -> list:
    """A score (lead) as a list, None for NaN."""
    return [None if value != value else value for value in score.values.tolist()]


def _table(scores: xr.Dataset) -> dict[str, Any]:
    categorical = {name: by_threshold(scores[name]) for name in ("csi", "pod", "far", "ets", "hss", "bias")}
    # One pixel alone is no neighbourhood: where no wider window was asked for, there is no FSS to tell.
    wide: list[int] = scores["window"].values.tolist() if scores.sizes["window"] > 1 else []
    fractions = {f"fss_{window}": by_threshold(scores["fss"].sel(window=window)) for window in wide}
    return categorical | fractions | {name: by_lead(scores[name]) for name in ("mae", "rmse", "pcc", "mae_grey", "rmse_grey")}
