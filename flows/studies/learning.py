"""What the studies of learned nowcasts share: recipes derived from a model's own, followed with a bar, resumable, and their networks as methods."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stormcycle.datasets.windows import Windows
from stormcycle.export.in_process import by_torch, chances_of, frame_of, method_of
from stormcycle.nowcast.neural import AS_IT_IS, Finish, reach_px
from stormcycle.training import Recipe, train
from stormcycle.training.finishing import fitted, pooled
from stormcycle.training.recipe import Schedule
from stormcycle.verification.chances import ChanceMethod
from stormcycle.verification.references import Method

HEAD_SHARE = 3
"""A head learns in this part of a network's steps."""


@dataclass(frozen=True)
class Learned:
    """A network that a study trained: how far, from what to what score, its nowcast and probabilities as methods of evaluations, what it was chosen on."""

    steps: int
    first_score: float
    best_score: float
    finish: Finish
    method: Method
    shared: Method
    alone: Method
    chances: dict[str, ChanceMethod]
    chosen: list[Windows]


def derived(recipe: Recipe, steps: int, without_events: Collection[str] = (), architecture: dict[str, Any] | None = None) -> Recipe:
    """A recipe of so many steps that learns neither from some events nor stops early, perhaps for another architecture, which then has no head.

    Raises ValueError for an event that the recipe does not have.
    """
    strange = set(without_events) - {event.name for event in recipe.events}
    if strange:
        raise ValueError(f"The recipe has no event {', '.join(sorted(strange))} to leave out.")
    head = recipe.exceedance
    if head is not None:
        head = head.model_copy(update={"schedule": _ended(head.schedule, steps // HEAD_SHARE)})
    return recipe.model_copy(
        update={
            "events": [event for event in recipe.events if event.name not in without_events],
            "schedule": _ended(recipe.schedule, steps),
            "exceedance": head,
            **({"architecture": architecture, "exceedance": None} if architecture else {}),
        }
    )


def _ended(schedule: Schedule, steps: int) -> Schedule:
    """A schedule of so many steps that no patience ends."""
    return schedule.model_copy(update={"steps": steps, "patience": steps // schedule.judge_every + 2})


def learned(name: str, recipe: Recipe, data: Path) -> Learned:
    """The network of a recipe, trained to its end; interrupted, the same call goes on from the last checkpoint."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=recipe.steps)

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"{name}: step {step}, best score {figures['best']:.4f}")

        trained = train(name, recipe, data, float("inf"), lambda event: bar.update(task, description=f"{name}: windows of {event}"), report)
    network, variables = trained.network.cpu().eval(), tuple(recipe.variables)
    finish = fitted(network, trained.chosen, variables, torch.device("cpu")) if recipe.finished else AS_IT_IS
    ways = (finish, Finish(finish.sprog_share), AS_IT_IS)
    finished, shared, alone = (method_of(by_torch(network), variables, one, frame_of(network)) for one in ways)
    chances: dict[str, ChanceMethod] = {}
    if recipe.exceedance is not None:
        thresholds, asked = recipe.exceedance.thresholds, by_torch(network, answer=1)
        pool = pooled(network, trained.chosen, variables, thresholds, reach_px(recipe.step_minutes, recipe.resolution_m))
        chances = {f"{name}_alone": chances_of(asked, variables, thresholds), name: chances_of(asked, variables, thresholds, pool)}
    progress = trained.progress
    return Learned(progress.step, progress.history[0]["score"], progress.best, finish, finished, shared, alone, chances, trained.chosen)
