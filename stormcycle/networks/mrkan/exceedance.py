"""MRKAN in the moving frame with a head that says how likely reflectivity reaches each threshold."""

from collections.abc import Sequence
from math import expm1, log

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.forms import UNSHUFFLE, MovingMRKAN
from stormcycle.networks.mrkan.network import SIZES
from stormcycle.networks.mrkan.norms import single

FIRST_SPREAD_DB, SPREAD_DB_A_LEAD = 2.0, 0.3
"""How far from a threshold a nowcast says little, before the head has learned it."""


class ExceedingMRKAN(nn.Module):
    """The changes of `MovingMRKAN`, and for each threshold (dBZ, rising) and lead the probability that zh reaches it there: (n, threshold x lead, y, x).

    A probability is that of reaching the threshold below, times that of reaching this one then, so that none is above that of a lower threshold.
    Each factor is a logistic function of how far the nowcast lies from the threshold, in units of a spread that is learned, and of what a head adds; the head
    starts at zero. It reads the nowcast's features and does not steer them: `moving` is trained before.
    """

    frame = "moving"

    def __init__(self, size: str = "moving", frames: int = 10, leads: int = 10, thresholds: Sequence[float] = (20.0, 30.0, 35.0, 40.0)) -> None:
        super().__init__()
        full, kind = SIZES[size].full, SIZES[size].layer.norm
        self.newest, self.leads, self.thresholds = frames - 1, leads, tuple(thresholds)
        self.moving = MovingMRKAN(size, frames, leads)
        last = nn.Conv2d(full, len(thresholds) * leads * UNSHUFFLE**2, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # a convolution with a bias
        self.chances = nn.Sequential(single(full, full, kind), last)
        spreads = [log(expm1(FIRST_SPREAD_DB + SPREAD_DB_A_LEAD * lead)) for lead in range(leads)]  # softplus of it is the spread
        self.spread = nn.Parameter(torch.tensor(spreads).repeat(len(thresholds), 1)[:, None, :, None, None])

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The changes and the probabilities; see the class."""
        with torch.no_grad():
            features = self.moving.features(frames, mask)
            change = self.moving.change(features)
        nowcast = frames[:, self.newest : self.newest + 1] + change[:, : self.leads]
        added = self.moving.shuffle(self.chances(features)).split(self.leads, 1)
        reached: list[torch.Tensor] = []
        for threshold, spread, more in zip(self.thresholds, functional.softplus(self.spread), added, strict=True):
            factor = torch.sigmoid((nowcast - threshold) / spread + more)
            reached.append(reached[-1] * factor if reached else factor)
        return change, torch.cat(reached, 1)
