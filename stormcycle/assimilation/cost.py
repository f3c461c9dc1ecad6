"""The cost of a control variable and its gradient: how far from the background, how far from what was observed (equations 2 and 4)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from stormcycle.assimilation.control import Root, adjoint_increment, increment
from stormcycle.assimilation.operator import Operator


@dataclass(frozen=True)
class Observations:
    """What was observed: `value` and `deviation` (errors' standard deviation) of the shape of the operator's value, `used` where they count."""

    value: torch.Tensor
    deviation: torch.Tensor
    used: torch.Tensor


@dataclass(frozen=True)
class Cost:
    """The two parts of a cost, and its gradient with respect to the control variable."""

    background: float
    observations: float
    gradient: torch.Tensor

    @property
    def total(self) -> float:
        """The cost."""
        return self.background + self.observations


def cost_of(
    background: torch.Tensor, observations: Observations, root: Root, operator: Operator, local: torch.Tensor | None = None, tail: float | None = None
) -> Callable[[torch.Tensor], Cost]:
    """The cost as a function of the control variable (channel, y, x): 1/2 v.v + 1/2 |R^-1/2 (H(xb + L U v) - y)|^2.

    background: xb (channel, y, x). local: L (y, x; 0 to 1), where an increment may count: a mask inside the operator, so that the gradient is that of
    a cost; None: everywhere. tail: beyond so many deviations a misfit counts linearly (Huber norm), as a gross error would; None: nowhere.
    """

    def cost(control: torch.Tensor) -> Cost:
        change = increment(root, control)
        at = operator(background + (change if local is None else local * change))
        misfit = torch.where(observations.used, (at.value - observations.value) / observations.deviation, torch.zeros_like(at.value))
        pull = misfit if tail is None else misfit.clamp(-tail, tail)
        back = at.adjoint(pull / observations.deviation)
        gradient = control + adjoint_increment(root, back if local is None else local * back)
        return Cost(0.5 * dot(control, control), dot(pull, misfit) - 0.5 * dot(pull, pull), gradient)

    return cost


def dot(one: torch.Tensor, other: torch.Tensor) -> float:
    """The inner product, accumulated in float64."""
    return float(torch.dot(one.flatten().double(), other.flatten().double()))
