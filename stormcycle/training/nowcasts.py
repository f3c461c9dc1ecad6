"""Learning to nowcast: batches, forecasts, loss and score of every network, in the frame that moves with the echoes or in the fixed one.

The loss weighs strong echo, which is rare, and adds a smooth CSI; whole fields are turned and mirrored for the network
alone, so that motion stays what it was. A batch shows either all moments of a dual-polarisation event, as they are
(they are calibrated and depend on each other), or reflectivity alone, the others masked; then a gain in dB on inputs and truth alike, no physics
either, stands for other climates, of which there are few at hand. Reflectivity is learned where nothing else is shown, as it is asked for
(stormcycle.nowcast.neural), zdr and kdp where all is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from stormcycle.datasets.windows import Windows
from stormcycle.networks.advection import forecast, moving_frames

THRESHOLDS = ((20.0, 1.0), (30.0, 1.5), (35.0, 1.0), (40.0, 0.5))
"""dBZ and weight in the smooth CSI."""
PIXEL_WEIGHTS = ((20.0, 1.0), (30.0, 2.0), (35.0, 4.0), (40.0, 8.0))
"""dBZ of the truth and what it adds to a pixel's weight of 1."""
SCORE_WEIGHTS = ((20.0, 0.5), (30.0, 1.0), (35.0, 0.5))
SOFTNESS_DB, SMOOTH_PIXELS, CSI_WEIGHT, LEAK = 2.0, 20.0, 2.0, 0.1
MOMENTS = {"zdr": (1.0, 0.5), "kdp": (0.5, 0.2)}
"""The unit of the error, and the threshold of the smooth CSI: dB, degree km-1."""
MOMENT_SOFTNESS, MOMENT_WEIGHT, DRY_WEIGHT = 0.2, 0.25, 0.2
GAIN_DB, GAIN_ABOVE_DBZ = (-3.0, 5.0), 5.0
ALONE = 0.5
"""Share of the batches that show reflectivity alone of events that have more."""


@dataclass(frozen=True)
class Batch:
    """Windows as tensors: frames (n, variable, 10, y, x) and truth, displacement (n, lead, 2, y, x), mask (n, y, x), and for each how it is turned (0 to 7)."""

    frames: torch.Tensor
    truth: torch.Tensor
    displacement: torch.Tensor
    mask: torch.Tensor
    variables: tuple[str, ...]
    turns: tuple[int, ...]


def draw_batch(events: Sequence[Windows], size: int, device: torch.device, rng: np.random.Generator) -> Batch:
    """A batch drawn at random: an event by its weight, others that show the same variables, windows of them, turns, a gain."""
    weights = np.array([windows.event.weight for windows in events])
    variables = events[rng.choice(len(events), p=weights / weights.sum())].variables
    if rng.random() < ALONE:
        variables = variables[:1]
    able = np.array([set(variables) <= set(windows.variables) for windows in events])
    chosen = [events[index] for index in rng.choice(len(events), size, p=able * weights / (able * weights).sum())]
    places = [(windows, int(rng.integers(len(windows)))) for windows in chosen]
    batch = _batch(places, variables, tuple(int(turn) for turn in rng.integers(0, 8, size)), device)
    if len(variables) > 1:
        return batch
    gain = torch.as_tensor(rng.uniform(*GAIN_DB, size), dtype=torch.float32, device=device)[:, None, None, None, None]
    return Batch(_gained(batch.frames, gain), _gained(batch.truth, gain), batch.displacement, batch.mask, batch.variables, batch.turns)


def _batch(places: Sequence[tuple[Windows, int]], variables: tuple[str, ...], turns: tuple[int, ...], device: torch.device) -> Batch:
    count = len(variables)  # zh stands first in every event

    def stacked(part: str) -> torch.Tensor:
        arrays = [getattr(windows, part)[index] for windows, index in places]
        cut = [array[:count] if part in ("frames", "truth") else array for array in arrays]
        return torch.as_tensor(np.stack([array.astype("float32") for array in cut]), device=device)

    return Batch(stacked("frames"), stacked("truth"), stacked("displacement"), stacked("mask"), variables, turns)


def one_window(windows: Windows, index: int, device: torch.device) -> Batch:
    """One window's reflectivity as it is."""
    return _batch([(windows, index)], windows.variables[:1], (0,), device)


def alone(batch: Batch) -> Batch:
    """A batch's reflectivity, all else left out."""
    return replace(batch, frames=batch.frames[:, :1], truth=batch.truth[:, :1], variables=batch.variables[:1])


def _gained(values: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return torch.where(values > GAIN_ABOVE_DBZ, values + gain, values)


def turned(field: torch.Tensor, turn: int) -> torch.Tensor:
    """A field (..., y, x) mirrored (turns 4 to 7) and rotated by quarter turns."""
    return torch.rot90(field.flip(-1) if turn >= 4 else field, turn % 4, (-2, -1))


def turned_back(field: torch.Tensor, turn: int) -> torch.Tensor:
    """What `turned` undoes."""
    back = torch.rot90(field, -(turn % 4), (-2, -1))
    return back.flip(-1) if turn >= 4 else back


def forecast_of(network: nn.Module, batch: Batch, variables: tuple[str, ...]) -> torch.Tensor:
    """The forecast of a network that takes some variables, those of the batch that it knows: (n, variable, lead, y, x), physical units.

    zh may lie below 0 where the network says less than nothing. Variables that the batch lacks are masked.
    """
    known = len([word for word in variables if word in batch.variables])
    answer = answers(network, batch, variables)[0].unflatten(1, (len(variables), -1))[:, :known]
    if network.frame == "moving":
        return forecast(batch.frames[:, :known, -1], answer, batch.displacement, batch.mask)
    return answer * batch.mask[:, None, None]


def answers(network: nn.Module, batch: Batch, variables: tuple[str, ...]) -> list[torch.Tensor]:
    """What a network that takes some variables answers to a batch, each of its tensors (n, channel, y, x), turned back.

    Variables that the batch lacks are masked.
    """
    known = len([word for word in variables if word in batch.variables])
    frames = batch.frames[:, :known]
    with torch.no_grad():
        shown = moving_frames(frames, batch.displacement) if network.frame == "moving" else frames
        dark = shown.new_zeros((len(shown), len(variables) - known, *shown.shape[2:]))
        mask = torch.cat([batch.mask[:, None].expand(-1, known, -1, -1), dark[:, :, 0]], 1)
        seen = [_each(turned, fields, batch.turns) for fields in (torch.cat([shown, dark], 1).flatten(1, 2), mask)]
    told = network(*seen)
    return [_each(turned_back, one, batch.turns).float() for one in (told if isinstance(told, tuple) else (told,))]


def _each(turn: Callable[[torch.Tensor, int], torch.Tensor], fields: torch.Tensor, turns: Sequence[int]) -> torch.Tensor:
    return torch.stack([turn(field, one) for field, one in zip(fields, turns, strict=True)])


def loss_of(network: nn.Module, batch: Batch, variables: tuple[str, ...]) -> torch.Tensor:
    """Where a network sees zh alone its mean absolute error, weighted by the truth, in units of 10 dB, plus twice one minus a smooth CSI; where it sees
    zdr and kdp too, the same of these, at a lower weight.
    """
    made = forecast_of(network, batch, variables)
    unknown = torch.isnan(batch.truth[:, :1])  # no error there, and no event
    made, truth = made.masked_fill(unknown, 0.0), batch.truth.masked_fill(unknown, 0.0)
    moments = batch.variables[1 : made.shape[1]]
    if not moments:
        return _reflectivity_loss(made[:, 0], truth[:, 0])
    wet = truth[:, 0] > 0
    losses = [_moment_loss(made[:, index], truth[:, index], wet, *MOMENTS[word]) for index, word in enumerate(moments, start=1)]
    return MOMENT_WEIGHT * torch.stack(losses).sum()


def _reflectivity_loss(made: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    made = torch.where(made < 0, LEAK * made, made)
    weight = 1.0 + sum(added * (truth >= threshold) for threshold, added in PIXEL_WEIGHTS)
    error = (weight * (made - truth).abs()).mean() / 10.0
    missed: torch.Tensor | float = 0.0
    for threshold, share in THRESHOLDS:
        missed = missed + share * _smooth_miss(made, truth, threshold, SOFTNESS_DB)
    return error + CSI_WEIGHT * missed / sum(share for _, share in THRESHOLDS)


def _moment_loss(made: torch.Tensor, truth: torch.Tensor, wet: torch.Tensor, unit: float, threshold: float) -> torch.Tensor:
    weight = torch.where(wet, 1.0 + 2.0 * (truth >= threshold), DRY_WEIGHT)
    error = (weight * (made - truth).abs()).mean() / unit
    return error + CSI_WEIGHT * _smooth_miss(made, truth, threshold, MOMENT_SOFTNESS * unit)


def _smooth_miss(made: torch.Tensor, truth: torch.Tensor, threshold: float, softness: float) -> torch.Tensor:
    """One minus a CSI in which a value near the threshold counts by halves, mean over leads; fields (n, lead, y, x)."""
    chance, seen = torch.sigmoid((made - threshold) / softness), (truth >= threshold).float()
    hits = (chance * seen).sum((0, 2, 3))
    union = chance.sum((0, 2, 3)) + seen.sum((0, 2, 3)) - hits
    return (1.0 - (hits + SMOOTH_PIXELS) / (union + SMOOTH_PIXELS)).mean()


@torch.no_grad()
def score(network: nn.Module, events: Sequence[Windows], variables: tuple[str, ...], device: torch.device) -> float:
    """Weighted CSI of zh, mean over leads, counts pooled over the windows of an event, mean over events by weight: what chooses a checkpoint."""
    of_events = []
    for windows in events:
        counts = np.zeros((len(SCORE_WEIGHTS), 2, windows.truth.shape[2]))
        for index in range(len(windows)):
            batch = one_window(windows, index, device)
            made, truth = forecast_of(network, batch, variables)[0, 0], batch.truth[0, 0]
            for row, (threshold, _) in enumerate(SCORE_WEIGHTS):
                said, seen = (made >= threshold) & ~torch.isnan(truth), truth >= threshold
                counts[row] += torch.stack([(said & seen).sum((1, 2)), (said | seen).sum((1, 2))]).cpu().numpy()
        csi = (counts[:, 0] / np.maximum(counts[:, 1], 1)).mean(axis=1)
        of_events.append(sum(weight * value for (_, weight), value in zip(SCORE_WEIGHTS, csi, strict=True)) / sum(weight for _, weight in SCORE_WEIGHTS))
    return float(np.average(of_events, weights=[windows.event.weight for windows in events]))
