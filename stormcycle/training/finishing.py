"""What is done to a network's answer, by lead: to reflectivity S-PROG's share and an offset; to probabilities the share of the extrapolation's
neighbourhood.

A network of few events gains at weak echo and blurs; S-PROG, matched to the last observed distribution, holds strong echo. Their
mean is often better than either, and says strong echo too rarely still. How much of each, and what is added, is fitted on events that
the network has not learned from: those that choose its checkpoint, and one by one some that it does learn from, each beside a
network that did without (Recipe.crossed).
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from stormcycle.datasets.windows import Windows
from stormcycle.nowcast.lagrangian import moving_frames, moving_sprog
from stormcycle.nowcast.neural import Finish, Pool, with_offset
from stormcycle.nowcast.probability import neighbourhood
from stormcycle.training.exceedance import exceedance_of
from stormcycle.training.nowcasts import SCORE_WEIGHTS, forecast_of, one_window

CPU = torch.device("cpu")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
OFFSETS_DB = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, -1.0)
SMOOTHED_OVER = 3
"""Leads that are looked at together: a choice for each lead alone would follow noise."""


class Unseen(NamedTuple):
    """A network, and the windows of an event that it has not learned from."""

    network: nn.Module
    windows: Windows


@torch.no_grad()
def fitted(unseen: Sequence[Unseen], variables: tuple[str, ...]) -> Finish:
    """By lead the share of SHARES and with it the offset of OFFSETS_DB that have the best weighted CSI of zh together, as `best_by_lead` chooses.

    The first of equals is taken: a network that S-PROG adds nothing to stands alone, and nothing is added where that does not help.
    """
    pairs = list(product(SHARES, OFFSETS_DB))

    def candidates(event: int, index: int) -> np.ndarray:
        network, windows = unseen[event]
        made = forecast_of(network, one_window(windows, index, CPU), variables)[0, 0].clamp(min=0.0).numpy()
        sprog = _sprog(windows, index)
        return np.stack([with_offset(share * sprog + (1.0 - share) * made, [offset] * len(made)) for share, offset in pairs])

    best = [pairs[found] for found in best_by_lead([windows for _, windows in unseen], candidates)]
    return Finish([share for share, _ in best], [offset for _, offset in best])


def best_by_lead(events: Sequence[Windows], candidates: Callable[[int, int], np.ndarray]) -> list[int]:
    """By lead which of several forecasts of zh has the best weighted CSI, counts pooled over an event's windows, mean over events by weight.

    candidates: gives those of an event's window, by their indices, (candidate, lead, y, x). The first of equals is taken; SMOOTHED_OVER leads are
    looked at together.
    """
    scores = []
    for event, windows in enumerate(events):
        counts = np.sum([_counts(candidates(event, index), windows.truth[index, 0].astype("float32")) for index in range(len(windows))], axis=0)
        csi = counts[:, :, 0] / np.maximum(counts[:, :, 1], 1)
        scores.append(np.einsum("r,srl->sl", [weight for _, weight in SCORE_WEIGHTS], csi))
    return _smoothly_best(scores, events)


@torch.no_grad()
def pooled(unseen: Sequence[Unseen], variables: tuple[str, ...], thresholds: Sequence[float], reach_px: float) -> Pool:
    """By lead the share of SHARES of the extrapolation's neighbourhood with the best Brier score of exceedance, pooled over an event's windows.

    Each threshold weighs twice as much as the one below it, as in what the head learns by; the rest as in `best_by_lead`.
    """
    weights = 2.0 ** np.arange(len(thresholds))
    scores = []
    for network, windows in unseen:
        errors: np.ndarray = np.sum([_brier(network, windows, index, variables, thresholds, reach_px) for index in range(len(windows))], axis=0)
        scores.append(-np.einsum("t,stl->sl", weights, errors))
    return Pool([SHARES[best] for best in _smoothly_best(scores, [windows for _, windows in unseen])], reach_px)


def _brier(network: nn.Module, windows: Windows, index: int, variables: tuple[str, ...], thresholds: Sequence[float], reach_px: float) -> np.ndarray:
    """The mean squared errors of one window where the network is judged: (share, threshold, lead)."""
    batch = one_window(windows, index, CPU)
    told, counted = (part[0].numpy() for part in exceedance_of(network, batch, variables))
    newest = np.where(windows.mask[index], windows.frames[index, 0, -1].astype("float64"), np.nan)
    velocity = -windows.displacement[index, 0].astype("float64")
    near = neighbourhood(newest, velocity, told.shape[1], thresholds, reach_px)
    near = np.where(np.isnan(near), told, near)
    happened = batch.truth[0, 0].numpy() >= np.asarray(thresholds)[:, None, None, None]
    number = np.maximum(counted.sum((1, 2)), 1)
    return np.stack([((share * near + (1.0 - share) * told - happened) ** 2 * counted).sum((2, 3)) / number for share in SHARES])


def _smoothly_best(scores: list[np.ndarray], events: Sequence[Windows]) -> list[int]:
    """By lead which candidate has the best score (candidate, lead), mean over events by weight, SMOOTHED_OVER leads together."""
    mean: np.ndarray = np.average(scores, axis=0, weights=[windows.event.weight for windows in events])
    half = SMOOTHED_OVER // 2
    padded = np.pad(mean, ((0, 0), (half, half)), mode="edge")
    smooth = np.stack([padded[:, lead : lead + SMOOTHED_OVER].mean(axis=1) for lead in range(mean.shape[1])], axis=1)
    return [int(best) for best in smooth.argmax(axis=0)]


def _sprog(windows: Windows, index: int) -> np.ndarray:
    paths = windows.displacement[index].astype("float64")
    moving = moving_frames(windows.frames[index, 0].astype("float64"), paths)
    return np.maximum(np.nan_to_num(moving_sprog(moving, paths, windows.mask[index])), 0.0)


def _counts(candidates: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Hits, and hits, misses and false alarms together: (candidate, threshold, 2, lead)."""
    found = []
    for one in candidates:
        pairs = [((one >= threshold) & ~np.isnan(truth), truth >= threshold) for threshold, _ in SCORE_WEIGHTS]
        found.append([[(said & seen).sum((1, 2)), (said | seen).sum((1, 2))] for said, seen in pairs])
    return np.array(found, "float64")
