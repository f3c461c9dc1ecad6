"""A model's network with its weights, read from safetensors, every tensor in its place. Never pickle: weights are data."""

from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from stormcycle.export.errors import ExportError
from stormcycle.networks import build
from stormcycle.serving.cards import Card, check_weights, weights_path

NAMED = 3
"""How many differing tensors an error names."""


def load_network(card: Card) -> nn.Module:
    """The network of a card, float32, for inference.

    Raises CardError when the weights are not those that the card names, ExportError when they cannot be read, or are those
    of another architecture.
    """
    check_weights(card)
    try:
        found = load_file(weights_path(card.model))
    except SafetensorError as error:
        raise ExportError(
            f"The weights of {card.model} are no safetensors file: {error}. Restore weights.safetensors from the repository, or train again."
        ) from None
    network = built(card.architecture, card.model)
    differing = _differing(network.state_dict(), found)
    if differing:
        raise ExportError(
            f"The weights of {card.model} are those of another architecture than its card's, {card.architecture}: "
            f"{'; '.join(differing[:NAMED])}{f'; and {len(differing) - NAMED} tensors more' if len(differing) > NAMED else ''}."
        )
    network.load_state_dict(found)
    return network.float().eval()


def built(architecture: dict[str, Any], model: str) -> nn.Module:
    """A fresh network of a card's architecture. Raises ExportError for one that stormcycle.networks does not know."""
    try:
        return build(**architecture)
    except (TypeError, ValueError) as error:
        raise ExportError(f"The card of {model} names an architecture that cannot be built, {architecture}: {error}") from None


def _differing(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> list[str]:
    """What differs between two sets of tensors, a phrase a tensor, in the network's order."""
    lacking = [f"{key} is not in the file" for key in expected if key not in found]
    shapes = [
        f"{key} has shape {tuple(found[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in found and found[key].shape != tensor.shape
    ]
    return lacking + shapes + [f"{key} is not in the network" for key in found if key not in expected]
