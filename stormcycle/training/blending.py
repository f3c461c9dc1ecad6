"""How much S-PROG in the shipped nowcast of reflectivity: a share by lead, fitted on the events that choose.

A network of few events gains at weak echo and blurs; S-PROG, matched to the last observed distribution, holds strong echo. Their
mean is often better than either; how much of each is fitted where the checkpoint was chosen.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from stormcycle.datasets.windows import Windows
from stormcycle.nowcast.lagrangian import moving_frames, moving_sprog
from stormcycle.training.nowcasts import SCORE_WEIGHTS, forecast_of, one_window

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SMOOTHED_OVER = 3
"""Leads that are looked at together: a choice for each lead alone would follow noise."""


@torch.no_grad()
def sprog_share(network: nn.Module, events: Sequence[Windows], variables: tuple[str, ...], device: torch.device) -> list[float]:
    """By lead the share of SHARES with the best weighted CSI of zh, counts pooled over an event's windows, mean over events by weight.

    The first of equal shares is taken, so a network that S-PROG adds nothing to stands alone.
    """
    scores: list[np.ndarray] = []
    for windows in events:
        counts = np.zeros((len(SHARES), len(SCORE_WEIGHTS), 2, windows.truth.shape[2]))
        for index in range(len(windows)):
            batch = one_window(windows, index, device)
            made = forecast_of(network, batch, variables)[0, 0].clamp(min=0.0).cpu().numpy()
            counts += _counts(made, _sprog(windows, index), windows.truth[index, 0].astype("float32"))
        csi = counts[:, :, 0] / np.maximum(counts[:, :, 1], 1)
        scores.append(np.einsum("r,srl->sl", [weight for _, weight in SCORE_WEIGHTS], csi))
    mean: np.ndarray = np.average(scores, axis=0, weights=[windows.event.weight for windows in events])
    half = SMOOTHED_OVER // 2
    padded = np.pad(mean, ((0, 0), (half, half)), mode="edge")
    smooth = np.stack([padded[:, lead : lead + SMOOTHED_OVER].mean(axis=1) for lead in range(mean.shape[1])], axis=1)
    return [SHARES[best] for best in smooth.argmax(axis=0)]


def _sprog(windows: Windows, index: int) -> np.ndarray:
    paths = windows.displacement[index].astype("float64")
    moving = moving_frames(windows.frames[index, 0].astype("float64"), paths)
    return np.maximum(np.nan_to_num(moving_sprog(moving, paths, windows.mask[index])), 0.0)


def _counts(made: np.ndarray, sprog: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Hits, and hits, misses and false alarms together: (share, threshold, 2, lead)."""
    found = []
    for share in SHARES:
        blend = share * sprog + (1.0 - share) * made
        pairs = [((blend >= threshold) & ~np.isnan(truth), truth >= threshold) for threshold, _ in SCORE_WEIGHTS]
        found.append([[(said & seen).sum((1, 2)), (said | seen).sum((1, 2))] for said, seen in pairs])
    return np.array(found, "float64")
