"""What the studies of learned nowcasts share: recipes derived from a model's own, followed with a bar, resumable, and their networks as methods."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stormcycle.datasets.windows import Windows
from stormcycle.export.in_process import by_torch, chances_of, frame_of, method_of
from stormcycle.nowcast.neural import AS_IT_IS, Finish, reach_px
from stormcycle.training import Recipe, train
from stormcycle.training.finishing import fitted, pooled
from stormcycle.verification.chances import ChanceMethod
from stormcycle.verification.references import Method


@dataclass(frozen=True)
class Learned:
    """A network that a study trained: how far, from what to what score, its nowcast and probabilities as methods of evaluations, what its finish
    was fitted on.
    """

    steps: int
    first_score: float
    best_score: float
    finish: Finish
    method: Method
    shared: Method
    alone: Method
    chances: dict[str, ChanceMethod]
    fitted_on: list[Windows]


def derived(recipe: Recipe, steps: int, architecture: dict[str, Any]) -> Recipe:
    """A recipe of so many steps, that no patience ends, for another architecture, which has neither a head nor a finish."""
    schedule = recipe.schedule.model_copy(update={"steps": steps, "patience": steps // recipe.schedule.judge_every + 2})
    return recipe.model_copy(update={"schedule": schedule, "architecture": architecture, "exceedance": None, "finished": False, "crossed": []})


def learned(name: str, recipe: Recipe, data: Path) -> Learned:
    """The network of a recipe, trained to its end; interrupted, the same call goes on from the last checkpoint."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=recipe.steps)

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"{name}: step {step}, best score {figures['best']:.4f}")

        trained = train(name, recipe, data, float("inf"), lambda event: bar.update(task, description=f"{name}: windows of {event}"), report)
    network, variables = trained.network.cpu().eval(), tuple(recipe.variables)
    finish = fitted(trained.unseen, variables) if recipe.finished else AS_IT_IS
    ways = (finish, Finish(finish.sprog_share), AS_IT_IS)
    finished, shared, alone = (method_of(by_torch(network), variables, one, frame_of(network)) for one in ways)
    chances: dict[str, ChanceMethod] = {}
    if recipe.exceedance is not None:
        thresholds, asked = recipe.exceedance.thresholds, by_torch(network, answer=1)
        pool = pooled(trained.unseen, variables, thresholds, reach_px(recipe.step_minutes, recipe.resolution_m))
        chances = {f"{name}_alone": chances_of(asked, variables, thresholds), name: chances_of(asked, variables, thresholds, pool)}
    progress = trained.progress
    return Learned(
        progress.step, progress.history[0]["score"], progress.best, finish, finished, shared, alone, chances, [windows for _, windows in trained.unseen]
    )
