"""What is shipped agrees with itself: weights, card and canary."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from stormcycle.cycle.digests import file_digest
from stormcycle.export import ExportError, export_model
from stormcycle.serving.canary import canary_answer, canary_question
from stormcycle.serving.cards import check_weights, read_card
from stormcycle.serving.contract import declared_contract

MODEL = "smaat_unet"


def test_card_and_weights_agree(random_network, shipped, models: Path):
    network = random_network()
    card = shipped(network, trained_on=["003", "005"], chosen_on=["004"])
    check_weights(card)
    assert card == read_card(MODEL)
    assert card.weights_sha256 == file_digest(models / MODEL / "weights.safetensors")
    assert (card.trained_on, card.chosen_on) == (["003", "005"], ["004"])
    assert card.channels["residual"] == [f"zh+{minutes}" for minutes in range(6, 61, 6)]
    assert (models / MODEL / "CARD.md").read_text().endswith("---\n\n# A network of the tests\n")
    tensors = load_file(models / MODEL / "weights.safetensors")
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in network.state_dict().items())
    assert len(tensors) == len(network.state_dict())


def test_the_canary_on_the_card_is_what_the_exported_graph_answers(network, tmp_path: Path):
    session = onnxruntime.InferenceSession(export_model(MODEL, tmp_path).graph)
    found = canary_answer({"residual": session.run(["residual"], canary_question(declared_contract(MODEL)))[0]})
    np.testing.assert_allclose(found, read_card(MODEL).canary, atol=1e-4)
    assert np.abs(found).max() > 1.0


def test_shipping_twice_writes_the_same_files(random_network, shipped, models: Path):
    files = []
    for _ in range(2):
        shipped(random_network())
        files.append([(models / MODEL / name).read_bytes() for name in ("weights.safetensors", "CARD.md")])
    assert files[0] == files[1]


@pytest.mark.parametrize("precision", [torch.float16, torch.float64])
def test_weights_of_another_precision_are_shipped_in_float32_and_the_network_is_left_as_it_was(precision, random_network, shipped, models: Path):
    network = random_network().to(precision).train()
    shipped(network)
    assert network.training
    assert network.head.weight.dtype == precision
    assert {tensor.dtype for tensor in load_file(models / MODEL / "weights.safetensors").values()} == {torch.float32}


def test_the_canary_is_that_of_inference_not_of_training(random_network, shipped):
    network = random_network()
    expected = shipped(network).canary
    network.head = nn.Sequential(nn.Dropout(0.9), network.head)
    assert shipped(network.train()).canary == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_shipped(value, random_network, shipped, models: Path):
    network = random_network()
    with torch.no_grad():
        network.head.bias[3] = value
    with pytest.raises(ExportError, match=r"head\.bias holds values that are not finite"):
        shipped(network)
    assert not (models / MODEL / "weights.safetensors").exists()


def test_weights_that_are_too_large_are_not_shipped(random_network, shipped, models: Path):
    with pytest.raises(ExportError, match=r"take 9\.\d MB; at most 8\.4 MB are shipped"):
        shipped(random_network(width=48))
    assert not (models / MODEL / "CARD.md").exists()


def test_a_model_without_a_configuration_is_not_shipped(random_network, shipped, models: Path):
    (models / MODEL / "config.pbtxt").unlink()
    with pytest.raises(ExportError, match=r"smaat_unet has no config\.pbtxt"):
        shipped(random_network())
    assert not (models / MODEL / "weights.safetensors").exists()
