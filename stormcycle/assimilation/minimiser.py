"""The minimiser: limited-memory BFGS in control space with backtracking (specification, section 3: the best of six that were measured)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from stormcycle.assimilation.cost import Cost, dot

MEMORY = 10
EVALUATIONS = 60
ENOUGH = 1e-2
"""The gradient's norm, as a share of the first, at which the minimum is found."""
LEAST_GAIN = 1e-5
"""Relative decrease of the cost a step below which there is no more to gain."""
ARMIJO, CURVATURE = 1e-4, 1e-10
LEAST_CUT, MOST_CUT, CUTS = 0.1, 0.5, 12


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended: the control variable, its cost, what each step left of cost and gradient, how often the cost was asked, and why it ended."""

    control: torch.Tensor
    cost: Cost
    costs: list[float]
    gradients: list[float]
    evaluations: int
    ended: str


def minimise(
    cost: Callable[[torch.Tensor], Cost], first: torch.Tensor, evaluations: int = EVALUATIONS, enough: float = ENOUGH, least_gain: float = LEAST_GAIN
) -> Minimum:
    """The control variable of least cost near `first`.

    It ends where the gradient's norm has fallen to the share `enough`, where a step gains less than the share `least_gain` of the cost, or
    after so many evaluations. A step is accepted where the cost falls enough (Armijo); pairs without curvature are left
    out. `gradients` are norms as shares of the first.
    """
    control, at = first, cost(first)
    start = dot(at.gradient, at.gradient) ** 0.5 or 1.0
    costs, gradients, asked = [at.total], [1.0], 1
    moves: list[torch.Tensor] = []
    turns: list[torch.Tensor] = []
    ended = "evaluations"
    while asked < evaluations:
        direction = _direction(at.gradient, moves, turns)
        slope = dot(at.gradient, direction)
        if slope >= 0:  # rounding has spoilt the memory
            moves, turns, direction, slope = [], [], -at.gradient, -dot(at.gradient, at.gradient)
        step, following, cuts = 1.0, cost(control + direction), 0
        asked += 1
        while following.total > at.total + ARMIJO * step * slope and cuts < CUTS and asked < evaluations:
            wanted = -slope * step**2 / (2.0 * (following.total - at.total - slope * step))  # the minimum of the parabola through what is known
            step = max(LEAST_CUT * step, min(MOST_CUT * step, wanted))
            following, cuts, asked = cost(control + step * direction), cuts + 1, asked + 1
        if following.total > at.total + ARMIJO * step * slope:
            ended = "line search" if asked < evaluations else ended
            break
        move, turn = step * direction, following.gradient - at.gradient
        if dot(move, turn) > CURVATURE * dot(move, move):
            moves, turns = [*moves, move][-MEMORY:], [*turns, turn][-MEMORY:]
        gain = at.total - following.total
        control, at = control + move, following
        costs.append(at.total)
        gradients.append(dot(at.gradient, at.gradient) ** 0.5 / start)
        if gradients[-1] < enough:
            ended = "gradient"
            break
        if gain < least_gain * abs(at.total):
            ended = "no gain"
            break
    return Minimum(control, at, costs, gradients, asked, ended)


def _direction(gradient: torch.Tensor, moves: list[torch.Tensor], turns: list[torch.Tensor]) -> torch.Tensor:
    """The quasi-Newton direction of the last steps (two-loop recursion); at first a step of unit length down the gradient."""
    made = -gradient
    if not moves:
        return made / max(1.0, dot(gradient, gradient) ** 0.5)
    shares = []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        share = dot(move, made) / dot(move, turn)
        shares.append(share)
        made = made - share * turn
    made = made * (dot(moves[-1], turns[-1]) / dot(turns[-1], turns[-1]))
    for move, turn, share in zip(moves, turns, reversed(shares), strict=True):
        made = made + (share - dot(turn, made) / dot(move, turn)) * move
    return made
