"""What is done to a network's nowcast of reflectivity, by lead: S-PROG's share in it, then an offset, fitted on the events that choose.

A network of few events gains at weak echo and blurs; S-PROG, matched to the last observed distribution, holds strong echo. Their
mean is often better than either, and says strong echo too rarely still; how much of each, and what is added, is fitted where the
checkpoint was chosen.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from stormcycle.datasets.windows import Windows
from stormcycle.nowcast.lagrangian import moving_frames, moving_sprog
from stormcycle.nowcast.neural import Finish, with_offset
from stormcycle.training.nowcasts import SCORE_WEIGHTS, forecast_of, one_window

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
OFFSETS_DB = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, -1.0)
SMOOTHED_OVER = 3
"""Leads that are looked at together: a choice for each lead alone would follow noise."""


@torch.no_grad()
def fitted(network: nn.Module, events: Sequence[Windows], variables: tuple[str, ...], device: torch.device) -> Finish:
    """By lead the share of SHARES, and then with it the offset of OFFSETS_DB, with the best weighted CSI of zh, as `best_by_lead` chooses.

    The first of equals is taken: a network that S-PROG adds nothing to stands alone, and nothing is added where that does not help.
    """

    def parts(windows: Windows, index: int) -> tuple[np.ndarray, np.ndarray]:
        made = forecast_of(network, one_window(windows, index, device), variables)[0, 0].clamp(min=0.0).cpu().numpy()
        return made, _sprog(windows, index)

    def shared(windows: Windows, index: int) -> np.ndarray:
        made, sprog = parts(windows, index)
        return np.stack([share * sprog + (1.0 - share) * made for share in SHARES])

    shares = [SHARES[best] for best in best_by_lead(events, shared)]

    def offset(windows: Windows, index: int) -> np.ndarray:
        made, sprog = parts(windows, index)
        share = np.asarray(shares)[:, None, None]
        blend = share * sprog + (1.0 - share) * made
        return np.stack([with_offset(blend, [value] * len(blend)) for value in OFFSETS_DB])

    return Finish(shares, [OFFSETS_DB[best] for best in best_by_lead(events, offset)])


def best_by_lead(events: Sequence[Windows], candidates: Callable[[Windows, int], np.ndarray]) -> list[int]:
    """By lead which of several forecasts of zh has the best weighted CSI, counts pooled over an event's windows, mean over events by weight.

    candidates: gives those of one window, (candidate, lead, y, x). The first of equals is taken; SMOOTHED_OVER leads are looked at together.
    """
    scores: list[np.ndarray] = []
    for windows in events:
        counts = np.sum([_counts(candidates(windows, index), windows.truth[index, 0].astype("float32")) for index in range(len(windows))], axis=0)
        csi = counts[:, :, 0] / np.maximum(counts[:, :, 1], 1)
        scores.append(np.einsum("r,srl->sl", [weight for _, weight in SCORE_WEIGHTS], csi))
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
