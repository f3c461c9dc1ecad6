"""The head of a network that says how likely reflectivity reaches each threshold: learned after the nowcast, which it reads and does not change."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from stormcycle.datasets.windows import Windows
from stormcycle.networks.advection import carried_along
from stormcycle.training.nowcasts import Batch, alone, answers, one_window

CERTAIN = 1e-4
"""No probability counts as nearer to 0 or 1: one mistake of a network that is certain would outweigh all else."""
INSIDE = 0.5
"""A pixel whose air comes from beyond the mask is not judged: nothing is said there."""


def exceedance_of(network: nn.Module, batch: Batch, variables: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities of a network's second answer at each lead (n, threshold, lead, y, x), and where they count (n, lead, y, x; bool)."""
    leads = batch.displacement.shape[1]
    chances = answers(network, batch, variables)[1].unflatten(1, (-1, leads)).transpose(1, 2).flatten(0, 1)
    paths = batch.displacement.flatten(0, 1)
    carried = carried_along(chances, paths, edge=True).unflatten(0, (-1, leads)).transpose(1, 2)
    inside = carried_along(batch.mask[:, None].repeat_interleave(leads, 0), paths).reshape(batch.truth[:, 0].shape) > INSIDE
    return carried, inside & (batch.mask[:, None] > 0) & ~torch.isnan(batch.truth[:, 0])


def ignorance(network: nn.Module, batch: Batch, variables: tuple[str, ...], thresholds: Sequence[float]) -> torch.Tensor:
    """The logarithmic score of exceedance (Good 1952, doi 10.1111/j.2517-6161.1952.tb00104.x; nats, lower is better).

    The sum over thresholds of the mean over pixels; each threshold weighs twice as much as the one below it, as what reaches it is rarer.
    The network sees the batch's reflectivity alone, as it is asked.
    """
    batch = alone(batch)
    chances, counted = exceedance_of(network, batch, variables)
    told = chances.clamp(CERTAIN, 1.0 - CERTAIN)
    with torch.autocast(told.device.type, enabled=False):  # a logarithm of half precision is refused
        scores = [
            2.0**place * functional.binary_cross_entropy(told[:, place][counted].float(), (batch.truth[:, 0] >= threshold)[counted].float())
            for place, threshold in enumerate(thresholds)
        ]
    return torch.stack(scores).sum()


@torch.no_grad()
def certainty(network: nn.Module, events: Sequence[Windows], variables: tuple[str, ...], thresholds: Sequence[float], device: torch.device) -> float:
    """What chooses the head's checkpoint: the negative `ignorance`, mean over an event's windows, mean over events by weight."""
    weights = torch.tensor([windows.event.weight for windows in events])
    means = []
    for windows in events:
        batches = (one_window(windows, index, device) for index in range(len(windows)))
        means.append(torch.stack([ignorance(network, batch, variables, thresholds) for batch in batches]).mean().cpu())
    return -float((torch.stack(means) * weights).sum() / weights.sum())
