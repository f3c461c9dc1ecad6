"""A network as a method of evaluations: in the moving frame, and as it stands."""

import numpy as np
import pytest
import torch
from torch import nn

from stormcycle.export.costs import costs_of
from stormcycle.export.in_process import by_torch, forecaster, frame_of, method_of
from stormcycle.export.weights import load_network
from stormcycle.nowcast.extrapolation import extrapolation
from stormcycle.serving import nowcast_names, read_card

WORDS = ("zh", "zdr", "kdp")


def disc_frames(side: int = 70) -> np.ndarray:
    """Echo within 30 pixels of the middle of a grid that is no multiple of 32."""
    rng = np.random.default_rng(0)
    inside = np.hypot(*np.indices((side, side)) - (side - 1) / 2) <= 30
    return np.where(inside, rng.uniform(5, 45, (10, side, side)), 0.0)


def test_a_network_of_the_fixed_frame_is_asked_as_it_stands_and_believed_where_a_radar_sees():
    asked = []

    def network(frames: np.ndarray, masks: np.ndarray) -> np.ndarray:
        asked.append((frames, masks))
        return frames - 10.0  # each variable's ten frames are its ten leads

    zh = disc_frames()
    zdr = zh / 20
    made = method_of(network, WORDS, frame="fixed")({"zh": zh, "zdr": zdr}, 4)
    frames, masks = asked[0]
    assert (frames.shape, masks.shape, frames.dtype) == ((1, 30, 96, 96), (1, 3, 96, 96), np.float32)
    np.testing.assert_allclose(frames[0, :10, :70, :70], zh, rtol=1e-6)
    assert not frames[0, 20:].any() and not masks[0, 2].any()  # kdp is not there
    assert masks[0, 1, 35, 35] == 1
    assert not asked[1][0][0, 10:].any() and not asked[1][1][0, 1:].any()  # zh is asked for by itself
    assert set(made) == {"zh", "zdr"}
    seen = np.hypot(*np.indices((70, 70)) - 34.5) <= 29
    np.testing.assert_allclose(made["zdr"][:, seen], zdr[:4, seen] - 10.0, rtol=1e-5)
    np.testing.assert_allclose(made["zh"][:, seen], np.maximum(zh[:4, seen] - 10.0, 0.0), atol=1e-5)
    assert np.isnan(made["zh"][:, 0, 0]).all() and np.isnan(made["zdr"][:, 0, 0]).all()


def test_a_network_of_the_moving_frame_that_changes_nothing_is_the_extrapolation():
    zh = disc_frames()
    still = np.repeat(zh[:1], 10, axis=0)
    made = method_of(lambda frames, masks: np.zeros_like(frames), WORDS)({"zh": still, "kdp": still / 50}, 3)
    assert set(made) == {"zh", "kdp"}
    for word, scale in (("zh", 1), ("kdp", 50)):
        known = ~np.isnan(made[word])
        assert known.mean() > 0.3
        np.testing.assert_allclose(made[word][known] * scale, extrapolation(still, range(1, 4))[known], atol=1e-3)


def test_the_frame_is_the_networks_own_word():
    class Still(nn.Module):
        frame = "fixed"

    assert (frame_of(Still()), frame_of(nn.Identity())) == ("fixed", "moving")


@pytest.mark.parametrize("model", nowcast_names())
def test_every_shipped_model_forecasts_the_variables_of_its_card(model):
    zh = disc_frames(96)
    frames = {word: zh / (1 if word == "zh" else 20) for word in WORDS}
    made = forecaster(model)(frames, 3)
    assert list(made) == read_card(model).variables
    assert {values.shape for values in made.values()} == {(3, 96, 96)}


def test_costs_of_a_model_are_those_of_its_layers():
    """Counted by hand for a network of convolutions: outputs x kernel x channels that each kernel sees."""
    network, counted = load_network(read_card("smaat_unet")), []

    def count(layer: nn.Conv2d, _: object, made: torch.Tensor) -> None:
        counted.append(made.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 10, 256, 256), torch.ones(1, 1, 256, 256))
    costs, threads = costs_of("smaat_unet"), torch.get_num_threads()
    assert costs.gmac == pytest.approx(sum(counted) / 1e9, rel=0.01)  # but for the linear layers of its attention
    assert costs.gmac <= costs.gmac_all
    assert costs.parameters == sum(value.numel() for name, value in network.state_dict().items() if "running" not in name and "batches" not in name)
    assert costs.latency_seconds > 0
    assert torch.get_num_threads() == threads


def test_what_torch_gives_is_what_numpy_asks():
    asked = by_torch(nn.Bilinear(2, 2, 1, bias=False))
    assert asked(np.ones((1, 2), "float32"), np.ones((1, 2), "float32")).shape == (1, 1)
