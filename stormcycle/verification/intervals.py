"""Intervals of scores by moving blocks: windows of one event overlap and hang together, so whole stretches are drawn, not windows.

Kuensch 1989, doi 10.1214/aos/1176347265. The score is the headline of evaluations: counts pooled over windows at each lead, then the
mean over leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.datasets.sequence import SEQUENCE_FRAMES
from stormcycle.verification.evaluation import WindowSums
from stormcycle.verification.scores import scores_of

BLOCK_WINDOWS = 20
"""Windows in a block, one a frame: a window spans 20 frames, so that what lies a block apart shares none."""
RESAMPLES, SEED = 1000, 20150712
LEVEL = 0.95


class TooFewWindowsError(ValueError):
    """A sequence is too short for an interval."""


@dataclass(frozen=True)
class Intervals:
    """Intervals of the scores of one variable, or of probabilities, and the sample that they rest on.

    scores: csi, pod, far, ets, bias, brier (bound, method, threshold), mae, rmse, pcc (bound, method), `bound` low and high;
    gains: likewise, of `against` over each method (its score minus the method's). blocks: how many fit side by side.
    """

    windows: int
    block: int
    blocks: int
    scores: xr.Dataset
    gains: xr.Dataset


def block_intervals(
    windows: Sequence[xr.Dataset],
    against: str,
    block: int = BLOCK_WINDOWS,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    names: Sequence[str] = ("csi", "pod", "far", "ets", "bias", "mae", "rmse", "pcc"),
) -> Intervals:
    """Percentile intervals (95 %) of the mean over leads of every method's scores, and of what `against` gains over each.

    windows: the sums of `window_sums` of one variable or of `chance_sums`, in time order, none left out; names: which scores of `scores_of`.
    Each of `resamples` puts blocks of `block` windows together, drawn with their beginnings anywhere, to as many windows as there are; all
    methods on the same ones. Raises TooFewWindowsError where fewer than two blocks fit side by side, KeyError for a method that is not there.
    """
    count = len(windows)
    if count < 2 * block:
        least = 2 * block + SEQUENCE_FRAMES - 1
        raise TooFewWindowsError(f"{count} windows hold fewer than two blocks of {block}, so no interval can be had; it takes {least} frames or more.")
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, count - block + 1, (resamples, -(-count // block)))
    drawn = (starts[..., None] + np.arange(block)).reshape(resamples, -1)[:, :count]
    times = np.stack([np.bincount(row, minlength=count) for row in drawn]).astype("float64")
    weights = xr.DataArray(times, dims=("resample", "start"))
    together = xr.concat(windows, "start")
    scores = scores_of(together.map(lambda sums: xr.dot(weights, sums.astype("float64"), dim="start")))
    means = scores[list(names)].mean("lead")
    return Intervals(count, block, count // block, _bounds(means), _bounds(means.sel({"method": against}, drop=True) - means))


def _bounds(scores: xr.Dataset) -> xr.Dataset:
    """The percentiles over resamples, those without a score left out."""
    ends = scores.quantile([(1 - LEVEL) / 2, (1 + LEVEL) / 2], "resample").rename(quantile="bound")
    return ends.assign_coords(bound=["low", "high"])


def csi_intervals(windows: Sequence[WindowSums], against: str) -> dict[str, Any]:
    """The intervals of CSI of every variable that `against` forecasts as plain JSON; where there are too few windows, why there are none.

    {"windows", "blocks", "block", "level", "against", "csi": {word: {method: {threshold: [low, high]}}}, "gain": likewise,
    of `against` over the method} or {"windows", "why_none"}.
    """
    try:
        found = {word: block_intervals([window[word] for window in windows], against) for word, sums in windows[0].items() if against in sums["method"].values}
    except TooFewWindowsError as error:
        return {"windows": len(windows), "why_none": str(error)}
    return {
        "windows": len(windows),
        "blocks": found["zh"].blocks,
        "block": BLOCK_WINDOWS,
        "level": LEVEL,
        "against": against,
        "csi": {word: _ends(one.scores["csi"]) for word, one in found.items()},
        "gain": {word: _ends(one.gains["csi"]) for word, one in found.items()},
    }


def brier_intervals(windows: Sequence[xr.Dataset], against: str) -> dict[str, Any]:
    """The intervals of the Brier score of the sums of `chance_sums` as plain JSON, as in `csi_intervals`: its keys with `brier` for `csi`, and no words."""
    try:
        found = block_intervals(windows, against, names=("brier",))
    except TooFewWindowsError as error:
        return {"windows": len(windows), "why_none": str(error)}
    told = {"windows": len(windows), "blocks": found.blocks, "block": BLOCK_WINDOWS, "level": LEVEL, "against": against}
    return {**told, "brier": _ends(found.scores["brier"]), "gain": _ends(found.gains["brier"])}


def _ends(bounds: xr.DataArray) -> dict[str, dict[str, list]]:
    return {
        str(name): {f"{float(threshold):g}": _known(bounds.sel({"method": name, "threshold": threshold})) for threshold in bounds["threshold"]}
        for name in bounds["method"].values
    }


def _known(ends: xr.DataArray) -> list:
    return [None if end != end else float(end) for end in ends.values]
