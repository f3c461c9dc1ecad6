"""Observation operators: a function from a state to what should be observed of it, with its tangent-linear and its adjoint there.

Any function that gives a `Linearised` is one: the neural radar operator is made into one by `differentiable`, which also serves another torch
function; an operator that has its derivatives written out gives them itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from stormcycle.networks import build
from stormcycle.networks.weights import filled
from stormcycle.serving.cards import check_weights, read_card, weights_path


@dataclass(frozen=True)
class Linearised:
    """An operator at a state: `value` H(x), what it gives there; `tangent` H' dx of a change of the state; `adjoint` H'^T r of a change of the value."""

    value: torch.Tensor
    tangent: Callable[[torch.Tensor], torch.Tensor]
    adjoint: Callable[[torch.Tensor], torch.Tensor]


Operator = Callable[[torch.Tensor], Linearised]
"""state (channel, y, x) to what is observed of it, of any shape."""


def differentiable(function: Callable[[torch.Tensor], torch.Tensor]) -> Operator:
    """The operator of a torch function: its derivatives are torch's own (forward mode for the tangent, reverse mode for the adjoint)."""

    def at(state: torch.Tensor) -> Linearised:
        point = state.detach().requires_grad_(True)
        with torch.enable_grad():
            value = function(point)

        def tangent(change: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = torch.func.jvp(function, (state.detach(),), (change,))[1]
            return made

        def adjoint(change: torch.Tensor) -> torch.Tensor:
            return torch.autograd.grad(value, point, change, retain_graph=True)[0]

        return Linearised(value.detach(), tangent, adjoint)

    return at


def radar_operator(network: nn.Module) -> Operator:
    """The neural radar operator: state (19, y, x) to hourly reflectivity (y, x; dBZ). Raises ValueError for a network that is still training.

    In training mode batch normalisation would follow the state, and so drift from call to call.
    """
    if network.training:
        raise ValueError("The radar operator is in training mode: its batch normalisation would follow each state; call eval() first.")
    network.requires_grad_(False)
    return differentiable(lambda state: network(state[None])[0, 0])


def floored(operator: Operator, floor_dbz: float, dry: torch.Tensor, width_db: float = 1.0) -> Operator:
    """An operator whose value is lifted smoothly to a floor where the radar was `dry` (the value's shape, bool): it tells no more than that rain is
    below the floor, so H may be anything there. Elsewhere H is as it is, or rain that the background lacks could not be made.

    max(H, floor) by a softplus of a width.
    """

    def at(state: torch.Tensor) -> Linearised:
        plain = operator(state)
        above = (plain.value - floor_dbz) / width_db
        slope = torch.where(dry, torch.sigmoid(above), torch.ones_like(above))
        return Linearised(
            torch.where(dry, floor_dbz + width_db * nn.functional.softplus(above, threshold=50.0), plain.value),
            lambda change: slope * plain.tangent(change),
            lambda change: plain.adjoint(slope * change),
        )

    return at


def shipped_network(model: str = "radar_operator") -> nn.Module:
    """The shipped network of a model, for inference. Raises CardError, and WeightsError for weights that are not its architecture's."""
    card = read_card(model)
    check_weights(card)
    return filled(build(**card.architecture), weights_path(model), model).float().eval()
