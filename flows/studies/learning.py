"""What the studies of learned nowcasts share: recipes derived from a model's own, followed with a bar, resumable, and their networks as methods."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stormcycle.export.in_process import by_torch, frame_of, method_of
from stormcycle.training import Recipe, train
from stormcycle.training.blending import sprog_share
from stormcycle.verification.references import Method


@dataclass(frozen=True)
class Learned:
    """A network that a study trained: how far, from what to what score, and its nowcast as a method of evaluations."""

    steps: int
    first_score: float
    best_score: float
    sprog_share: list[float]
    method: Method
    alone: Method


def derived(recipe: Recipe, steps: int, without_events: Collection[str] = (), architecture: dict[str, Any] | None = None) -> Recipe:
    """A recipe of so many steps that learns neither from some events nor stops early, perhaps for another architecture.

    Raises ValueError for an event that the recipe does not have.
    """
    strange = set(without_events) - {event.name for event in recipe.events}
    if strange:
        raise ValueError(f"The recipe has no event {', '.join(sorted(strange))} to leave out.")
    looks = steps // recipe.schedule.judge_every + 2
    return recipe.model_copy(
        update={
            "events": [event for event in recipe.events if event.name not in without_events],
            "schedule": recipe.schedule.model_copy(update={"steps": steps, "patience": looks}),
            "architecture": architecture or recipe.architecture,
        }
    )


def learned(name: str, recipe: Recipe, data: Path) -> Learned:
    """The network of a recipe, trained to its end; interrupted, the same call goes on from the last checkpoint."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=recipe.schedule.steps)

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"{name}: step {step}, best score {figures['best']:.4f}")

        trained = train(name, recipe, data, float("inf"), lambda event: bar.update(task, description=f"{name}: windows of {event}"), report)
    network, variables = trained.network.cpu().eval(), tuple(recipe.variables)
    share = sprog_share(network, trained.chosen, variables, torch.device("cpu")) if recipe.with_sprog else []
    methods = [method_of(by_torch(network), variables, one, frame_of(network)) for one in (share, [])]
    return Learned(trained.progress.step, trained.progress.history[0]["score"], trained.progress.best, share, *methods)
