"""Evaluation of exceedance probabilities on a packed sequence: Brier scores and reliability, every method judged on the same pixels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.datasets.sequence import FRAMES_IN, FRAMES_OUT
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, extrapolation, motion
from stormcycle.nowcast.lagrangian import seen_disc
from stormcycle.nowcast.probability import exceedance, neighbourhood
from stormcycle.nowcast.variables import Fields
from stormcycle.states import dry_filled
from stormcycle.verification.evaluation import Progress, by_lead, by_threshold, windows_of
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import THRESHOLDS_DBZ, merge, of_method, probability_sums

ChanceMethod = Callable[[Fields, int, Sequence[float]], np.ndarray]
"""Probabilities: frames (time, y, x) of each variable, a count of leads and thresholds (dBZ) in, (threshold, lead, y, x) out, NaN where nothing is known."""
MEMBERS, SEED, STEP_MINUTES = 12, 20150712, 6.0
"""Of the ensemble: as many members as a domain has where it says nothing else."""


def extrapolation_chances(frames: Fields, leads: int, thresholds: Sequence[float]) -> np.ndarray:
    """The extrapolation, sure of itself: 0 or 1."""
    made = extrapolation(frames["zh"], range(1, leads + 1))
    return np.stack([np.where(np.isnan(made), np.nan, made >= threshold) for threshold in thresholds])


def lagrangian_chances(frames: Fields, leads: int, thresholds: Sequence[float]) -> np.ndarray:
    """The share of the extrapolation's neighbourhood that reaches the threshold, where a radar sees; for pixels of 1 km and a frame every 6 min."""
    seen = seen_disc(frames["zh"]) & ~np.isnan(frames["zh"][-1])
    newest = np.where(seen, dry_filled(frames["zh"][-1]), np.nan)
    return neighbourhood(newest, motion(frames["zh"][-MOTION_FRAMES:]), leads, thresholds, STEP_MINUTES)


def steps_chances(frames: Fields, leads: int, thresholds: Sequence[float]) -> np.ndarray:
    """The share of a STEPS ensemble that reaches the threshold, as in the product `probability` of a domain without a model that tells it."""
    return exceedance(frames["zh"], motion(frames["zh"][-MOTION_FRAMES:]), leads, thresholds, MEMBERS, SEED, 1.0, STEP_MINUTES).astype("float64")


CHANCE_REFERENCES: dict[str, ChanceMethod] = {"extrapolation": extrapolation_chances, "lagrangian": lagrangian_chances}

ENSEMBLE_CHANCES: dict[str, ChanceMethod] = {"steps": steps_chances}
"""Of many seconds a window: for studies."""


def chance_sums(
    sequence: xr.Dataset, methods: Mapping[str, ChanceMethod], progress: Progress | None = None, thresholds: Sequence[float] = THRESHOLDS_DBZ
) -> list[xr.Dataset]:
    """The sums of `probability_sums` of every method over every window, in time order, with a dimension `method`.

    Only pixels count where every method knows something, so that none gains by what it leaves out. Parameters and errors as in
    `stormcycle.verification.evaluation.window_sums`.
    """
    windows = []
    for window, leads, done, count in windows_of(sequence, methods):
        past = {word: values[:FRAMES_IN] for word, values in window.items()}
        truth = window["zh"][FRAMES_IN:]
        told = {name: method({word: values.copy() for word, values in past.items()}, FRAMES_OUT, thresholds) for name, method in methods.items()}
        known = ~np.isnan(truth) & ~np.isnan(np.stack(list(told.values()))).any(axis=(0, 1))
        sums = [of_method(probability_sums(chances, truth, known, thresholds, leads=leads), name) for name, chances in told.items()]
        windows.append(xr.concat(sums, "method"))
        if progress:
            progress(done, count)
    return windows


def chances_result(windows: Sequence[xr.Dataset]) -> dict[str, Any]:
    """The scores of `chance_sums` as plain JSON, counts pooled over windows, None for 0/0.

    {"windows": n, "methods": {name: {"brier": {"20": [by lead], ..}, "skill": likewise, one minus its ratio to the Brier score of the observed share,
    "reliability": {"20": {"bin": [..], "forecast": [..], "observed": [..], "count": [..]}, ..}, of all leads}}}
    """
    sums = merge(list(windows))
    scores = scores_of(sums)
    share = sums["sum_o"].sum("bin") / sums["n"]
    uncertainty = share * (1.0 - share)
    skill = 1.0 - scores["brier"] / uncertainty.where(uncertainty > 0)
    pooled = scores_of(sums.sum("lead"))
    return {
        "windows": len(windows),
        "methods": {
            str(name): {
                "brier": by_threshold(scores["brier"].sel({"method": name})),
                "skill": by_threshold(skill.sel({"method": name})),
                "reliability": {f"{float(one):g}": _reliability(pooled.sel({"method": name, "threshold": one})) for one in sums["threshold"]},
            }
            for name in sums["method"].values
        },
    }


def _reliability(scores: xr.Dataset) -> dict[str, list]:
    return {
        "bin": scores["bin"].values.tolist(),
        "forecast": by_lead(scores["mean_probability"]),
        "observed": by_lead(scores["reliability"]),
        "count": scores["count"].values.astype(int).tolist(),
    }
