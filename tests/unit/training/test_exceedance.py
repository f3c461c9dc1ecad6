"""The score by which the head of probabilities learns: against a plain loop, and what does not count in it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from unit.training.test_nowcasts import ALL, CPU, batch, windows

from stormcycle.training.exceedance import certainty, exceedance_of, ignorance
from stormcycle.training.finishing import Unseen, pooled

THRESHOLDS = (20.0, 35.0)


class Told(nn.Module):
    """Says of every threshold and lead the same probability where there is echo, and another elsewhere."""

    frame = "moving"

    def __init__(self, echo: float = 0.9, dry: float = 0.1) -> None:
        super().__init__()
        self.echo, self.dry = echo, dry

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chances = torch.where(frames[:, 9:10] > 0, self.echo, self.dry).expand(-1, len(THRESHOLDS) * 10, -1, -1)
        return torch.zeros_like(frames), chances


def test_probabilities_are_carried_along_however_they_are_turned() -> None:
    chances, counted = exceedance_of(Told(), batch(tuple(range(8)), ALL), ALL)
    assert chances.shape == (8, 2, 10, 64, 64)
    for one in chances:
        assert torch.allclose(one, chances[0])
    assert chances[0, 0, 4, 30, 35].item() == pytest.approx(0.9)  # carried by 10 pixels from 25
    assert chances[0, 1, 4, 30, 25].item() == pytest.approx(0.1)
    assert counted[0, 4, :, 12:].all()


def test_ignorance_is_the_mean_logarithm_of_what_was_said_of_what_happened() -> None:
    asked = batch((0,), ALL)
    chances, counted = (part.numpy() for part in exceedance_of(Told(), asked, ALL))
    truth = asked.truth[:, 0].numpy()
    total = 0.0
    for place, threshold in enumerate(THRESHOLDS):
        said = []
        for index in np.ndindex(truth.shape):
            if counted[index]:
                chance = chances[index[0], place, index[1], index[2], index[3]]
                said.append(-np.log(chance if truth[index] >= threshold else 1.0 - chance))
        total += 2.0**place * np.mean(said)
    assert ignorance(Told(), asked, ALL, THRESHOLDS).item() == pytest.approx(total, rel=1e-4)


def test_what_is_not_observed_and_what_comes_from_where_no_radar_sees_does_not_count() -> None:
    asked = batch((0,), ALL)
    mask = asked.mask.clone()
    mask[:, :, :10] = 0.0  # the air moves to the right
    truth = asked.truth.clone()
    truth[:, :, :, 50:] = torch.nan
    _, counted = exceedance_of(Told(), replace(asked, mask=mask, truth=truth), ALL)
    assert not counted[:, :, :, :10].any()
    assert not counted[:, :, 50:].any()
    for lead in range(10):
        assert counted[0, lead, 20, 10 + 2 * (lead + 1) :].all()
        assert not counted[0, lead, 20, : 10 + 2 * (lead + 1) - 1].any()
    finite = ignorance(Told(), replace(asked, mask=mask, truth=truth), ALL, THRESHOLDS)
    assert torch.isfinite(finite)


def test_the_surer_a_right_network_is_the_better_and_a_wrong_certainty_is_bounded() -> None:
    made = [windows(variables=ALL)]
    sure, right, dull, wrong = (certainty(told, made, ALL, THRESHOLDS, CPU) for told in (Told(0.99, 0.01), Told(0.9, 0.1), Told(0.5, 0.5), Told(0.0, 1.0)))
    assert sure > right > dull > wrong > -30.0


def test_a_right_network_is_pooled_with_nothing_and_a_dull_one_with_the_neighbourhood() -> None:
    right, dull = (pooled([Unseen(told, windows(variables=ALL))], ALL, THRESHOLDS[:1], 2.0) for told in (Told(0.999, 0.0001), Told(0.5, 0.5)))
    assert right.share == [0.0] * 10
    assert min(dull.share) >= 0.75
    assert right.reach_px == 2.0
