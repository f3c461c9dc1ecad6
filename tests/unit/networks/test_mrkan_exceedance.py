"""The head of probabilities: what it says before it learned, that none contradicts another, that it leaves the nowcast as it is."""

import numpy as np
import pytest
import torch
from safetensors.torch import save
from scipy.special import expit
from torch import nn

from stormcycle.export.shipping import LARGEST_BYTES
from stormcycle.networks import build

THRESHOLDS = (20.0, 30.0, 35.0, 40.0)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A network with its head as it is before it learned; the nowcast is no extrapolation."""
    torch.manual_seed(4)
    made = build("mrkan_exceedance").eval()
    nn.init.normal_(made.moving.head.weight, std=0.1)
    return made


def question(rows: int = 32, columns: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    frames = torch.rand(2, 3, 10, rows, columns, generator=random) * torch.tensor([50.0, 3.0, 2.0])[:, None, None, None]
    return frames.flatten(1, 2), torch.ones(2, 3, rows, columns)


def test_before_it_learned_a_probability_is_a_chain_of_logistic_functions_of_the_nowcast(network: nn.Module) -> None:
    frames, mask = question()
    with torch.no_grad():
        change, chances = network(frames, mask)
    nowcast = (frames[:, 9:10] + change[:, :10]).numpy().astype("float64")
    spread = (2.0 + 0.3 * np.arange(10))[None, :, None, None]
    reached = 1.0
    for place, threshold in enumerate(THRESHOLDS):
        reached = reached * expit((nowcast - threshold) / spread)
        np.testing.assert_allclose(chances[:, 10 * place : 10 * place + 10].numpy(), reached, atol=1e-5)


def test_the_nowcast_is_that_of_the_network_without_a_head(network: nn.Module) -> None:
    frames, mask = question()
    with torch.no_grad():
        assert torch.equal(network(frames, mask)[0], network.moving(frames, mask))


def test_no_threshold_is_likelier_than_a_lower_one_whatever_the_head_has_learned(network: nn.Module) -> None:
    learned = build("mrkan_exceedance").eval()
    learned.load_state_dict(network.state_dict())
    torch.manual_seed(1)
    nn.init.normal_(learned.chances[1].weight, std=1.0)
    nn.init.normal_(learned.spread)
    with torch.no_grad():
        chances = learned(*question())[1].unflatten(1, (4, 10))
    assert 0.0 <= chances.min() < chances.max() <= 1.0
    assert (chances.diff(dim=1) <= 0).all()
    assert (chances.diff(dim=1) < 0).any()


def test_the_head_learns_and_does_not_steer_the_nowcast(network: nn.Module) -> None:
    made = build("mrkan_exceedance")
    change, chances = made(*question())
    assert not change.requires_grad
    chances.sum().backward()
    assert all(parameter.grad is None for parameter in made.moving.parameters())
    assert {name for name, parameter in made.named_parameters() if parameter.grad is not None} >= {"spread", "chances.1.weight", "chances.1.bias"}


def test_it_is_small_enough_to_be_shipped(network: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) <= 2_060_000
    assert len(save(network.state_dict())) <= LARGEST_BYTES
