"""A model's network with its weights, for what is exported of it."""

from typing import Any

from torch import nn

from stormcycle.export.errors import ExportError
from stormcycle.networks import build
from stormcycle.networks.weights import WeightsError, filled
from stormcycle.serving.cards import Card, check_weights, weights_path


def load_network(card: Card) -> nn.Module:
    """The network of a card, float32, for inference.

    Raises CardError when the weights are not those that the card names, ExportError when they cannot be read, or are those
    of another architecture.
    """
    check_weights(card)
    try:
        return filled(built(card.architecture, card.model), weights_path(card.model), card.model).float().eval()
    except WeightsError as error:
        raise ExportError(str(error)) from None


def built(architecture: dict[str, Any], model: str) -> nn.Module:
    """A fresh network of a card's architecture. Raises ExportError for one that stormcycle.networks does not know."""
    try:
        return build(**architecture)
    except (TypeError, ValueError) as error:
        raise ExportError(f"The card of {model} names an architecture that cannot be built, {architecture}: {error}") from None
