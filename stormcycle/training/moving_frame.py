"""Learning residuals in the frame that moves with the echoes: batches, loss and score of the networks that stand in it.

The loss weighs strong echo, which is rare, and adds a smooth CSI; whole fields are turned and mirrored for the network
alone, so that motion stays what it was. A gain in dB on inputs and truth alike is no physics (reflectivity is
calibrated): it stands for other climates, of which there are few at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from stormcycle.datasets.moving_windows import Windows
from stormcycle.networks.advection import forecast

THRESHOLDS = ((20.0, 1.0), (30.0, 1.5), (35.0, 1.0), (40.0, 0.5))
"""dBZ and weight in the smooth CSI."""
PIXEL_WEIGHTS = ((20.0, 1.0), (30.0, 2.0), (35.0, 4.0), (40.0, 8.0))
"""dBZ of the truth and what it adds to a pixel's weight of 1."""
SCORE_WEIGHTS = ((20.0, 0.5), (30.0, 1.0), (35.0, 0.5))
SOFTNESS_DB, SMOOTH_PIXELS, CSI_WEIGHT, LEAK = 2.0, 20.0, 2.0, 0.1
GAIN_DB, GAIN_ABOVE_DBZ = (-3.0, 5.0), 5.0


@dataclass(frozen=True)
class Batch:
    """Windows as tensors, and for each how it is turned for the network (0 to 7)."""

    frames: torch.Tensor
    truth: torch.Tensor
    displacement: torch.Tensor
    mask: torch.Tensor
    turns: tuple[int, ...]


def draw_batch(events: Sequence[Windows], size: int, device: torch.device, rng: np.random.Generator) -> Batch:
    """A batch drawn at random: an event by its weight, one of its windows, a turn, a gain."""
    weights = np.array([windows.event.weight for windows in events])
    chosen = [events[index] for index in rng.choice(len(events), size, p=weights / weights.sum())]
    places = [(windows, int(rng.integers(len(windows)))) for windows in chosen]
    batch = _batch(places, tuple(int(turn) for turn in rng.integers(0, 8, size)), device)
    gain = torch.as_tensor(rng.uniform(*GAIN_DB, size), dtype=torch.float32, device=device)[:, None, None, None]
    return Batch(_gained(batch.frames, gain), _gained(batch.truth, gain), batch.displacement, batch.mask, batch.turns)


def _batch(places: Sequence[tuple[Windows, int]], turns: tuple[int, ...], device: torch.device) -> Batch:
    def stacked(part: str) -> torch.Tensor:
        return torch.as_tensor(np.stack([getattr(windows, part)[index].astype("float32") for windows, index in places]), device=device)

    return Batch(stacked("frames"), stacked("truth"), stacked("displacement"), stacked("mask"), turns)


def _gained(values: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return torch.where(values > GAIN_ABOVE_DBZ, values + gain, values)


def turned(field: torch.Tensor, turn: int) -> torch.Tensor:
    """A field (..., y, x) mirrored (turns 4 to 7) and rotated by quarter turns."""
    return torch.rot90(field.flip(-1) if turn >= 4 else field, turn % 4, (-2, -1))


def turned_back(field: torch.Tensor, turn: int) -> torch.Tensor:
    """What `turned` undoes."""
    back = torch.rot90(field, -(turn % 4), (-2, -1))
    return back.flip(-1) if turn >= 4 else back


def forecast_of(network: nn.Module, batch: Batch) -> torch.Tensor:
    """The forecast of a network standing in the moving frame: (n, lead, y, x) dBZ, below 0 where it says less than nothing."""
    mask = batch.mask[:, None]
    seen = [torch.stack([turned(field, turn) for field, turn in zip(fields, batch.turns, strict=True)]) for fields in (batch.frames, mask)]
    residual = network(*seen)
    residual = torch.stack([turned_back(field, turn) for field, turn in zip(residual, batch.turns, strict=True)]).float()
    return forecast(batch.frames[:, -1], residual, batch.displacement, batch.mask)


def loss_of(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean absolute error, weighted by the truth, in units of 10 dB, plus twice one minus a smooth CSI."""
    made, truth = forecast_of(network, batch), batch.truth
    made = torch.where(made < 0, LEAK * made, made)
    weight = 1.0 + sum(added * (truth >= threshold) for threshold, added in PIXEL_WEIGHTS)
    error = (weight * (made - truth).abs()).mean() / 10.0
    missed: torch.Tensor | float = 0.0
    for threshold, share in THRESHOLDS:
        chance, seen = torch.sigmoid((made - threshold) / SOFTNESS_DB), (truth >= threshold).float()
        hits = (chance * seen).sum((0, 2, 3))
        union = chance.sum((0, 2, 3)) + seen.sum((0, 2, 3)) - hits
        missed = missed + share * (1.0 - (hits + SMOOTH_PIXELS) / (union + SMOOTH_PIXELS)).mean()
    return error + CSI_WEIGHT * missed / sum(share for _, share in THRESHOLDS)


@torch.no_grad()
def score(network: nn.Module, events: Sequence[Windows], device: torch.device) -> float:
    """Weighted CSI, mean over leads, counts pooled over the windows of an event, mean over events by weight: what chooses a checkpoint."""
    of_events = []
    for windows in events:
        counts = np.zeros((len(SCORE_WEIGHTS), 2, windows.truth.shape[1]))
        for index in range(len(windows)):
            batch = _batch([(windows, index)], (0,), device)
            made = forecast_of(network, batch)[0]
            for row, (threshold, _) in enumerate(SCORE_WEIGHTS):
                said, seen = made >= threshold, batch.truth[0] >= threshold
                counts[row] += torch.stack([(said & seen).sum((1, 2)), (said | seen).sum((1, 2))]).cpu().numpy()
        csi = (counts[:, 0] / np.maximum(counts[:, 1], 1)).mean(axis=1)
        of_events.append(sum(weight * value for (_, weight), value in zip(SCORE_WEIGHTS, csi, strict=True)) / sum(weight for _, weight in SCORE_WEIGHTS))
    return float(np.average(of_events, weights=[windows.event.weight for windows in events]))
