"""Evaluation of nowcasts on a packed sequence: sliding windows of ten frames in and ten out, counts pooled over the windows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.datasets.sequence import FRAMES_IN, FRAMES_OUT, SEQUENCE_FRAMES
from stormcycle.verification.references import Method
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import merge, of_method, pair_sums


def sequence_sums(reflectivity: xr.DataArray, methods: Mapping[str, Method], progress: Callable[[int, int], None] | None = None) -> xr.Dataset:
    """The sums of every method over every window, pooled: the dataset of `pair_sums` with a dimension `method`.

    reflectivity: (time, y, x) dBZ, NaN not observed, with the attribute step_minutes; methods: name ->
    callable(frames (10, y, x), 10) -> (10, y, x) dBZ; progress: called with (windows done, windows in all).
    The coordinate `lead` is in minutes, to the nearest whole one. Raises ValueError when there is no method, the
    sequence is shorter than a window or says no step, or a method returns another shape.
    """
    if not methods:
        raise ValueError("There is no method to evaluate; give at least one.")
    frames = np.asarray(reflectivity.values, "float64")
    count = len(frames) - SEQUENCE_FRAMES + 1
    if count < 1:
        raise ValueError(f"The sequence has {len(frames)} frames; a window takes {SEQUENCE_FRAMES}: {FRAMES_IN} in and {FRAMES_OUT} out.")
    if "step_minutes" not in reflectivity.attrs:
        raise ValueError("The sequence has no attribute step_minutes, so its leads have no length; read it with read_sequence.")
    leads = [round(reflectivity.attrs["step_minutes"] * step) for step in range(1, FRAMES_OUT + 1)]
    pooled = []
    for start in range(count):
        seen, truth = frames[start : start + FRAMES_IN], frames[start + FRAMES_IN : start + SEQUENCE_FRAMES]
        parts = []
        for name, method in methods.items():
            forecast = method(seen.copy(), FRAMES_OUT)
            if forecast.shape != truth.shape:
                raise ValueError(f"The method {name!r} returned shape {forecast.shape} where {truth.shape} (lead, y, x) was asked for.")
            parts.append(of_method(pair_sums(forecast, truth, ~np.isnan(truth), leads=leads), name))
        pooled.append(merge(parts))
        if progress:
            progress(start + 1, count)
    return merge(pooled).sel({"method": list(methods)})


def evaluate_sequence(reflectivity: xr.DataArray, methods: Mapping[str, Method], progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """The table that `stormcycle evaluate` prints, as plain JSON: lists by lead, None for 0/0, counts pooled over windows.

    {"windows": n, "observed": {"20": [..], ..}, "methods": {name: {"zh": {"csi": {"20": [..], ..}, "pod", "far",
    "ets", "hss", "bias", "fss_1", "fss_5", "fss_11", "fss_21": likewise, "mae": [..], "rmse": [..], "pcc": [..]}}}};
    `observed` counts observed pixels at or above the threshold. Parameters and errors as in `sequence_sums`.
    """
    sums = sequence_sums(reflectivity, methods, progress)
    scores = scores_of(sums)
    return {
        "windows": reflectivity.sizes["time"] - SEQUENCE_FRAMES + 1,
        "observed": by_threshold(scores["observed"].isel(method=0)),
        "methods": {name: {"zh": _table(scores.sel({"method": name}))} for name in methods},
    }


def by_threshold(score: xr.DataArray) -> dict[str, list]:
    """A score (threshold, lead) as {"20": [by lead], ..}."""
    return {f"{float(threshold):g}": by_lead(score.sel(threshold=threshold)) for threshold in score["threshold"]}


def by_lead(score: xr.DataArray) -> list:
    """A score (lead) as a list, None for NaN."""
    return [None if value != value else value for value in score.values.tolist()]


def _table(scores: xr.Dataset) -> dict[str, Any]:
    categorical = {name: by_threshold(scores[name]) for name in ("csi", "pod", "far", "ets", "hss", "bias")}
    fractions = {f"fss_{int(window)}": by_threshold(scores["fss"].sel(window=window)) for window in scores["window"]}
    return categorical | fractions | {name: by_lead(scores[name]) for name in ("mae", "rmse", "pcc")}
