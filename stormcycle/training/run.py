"""One training run: a model's recipe followed to its end, or as far as the time allows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from stormcycle.cycle.digests import json_digest
from stormcycle.datasets import read_sequence
from stormcycle.datasets.events import Event
from stormcycle.datasets.windows import Windows, prepare
from stormcycle.export.in_process import by_torch, chances_of, frame_of, method_of
from stormcycle.export.shipping import ship
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.home import home
from stormcycle.networks import build
from stormcycle.nowcast.neural import ALONE, AS_IT_IS, Pool, reach_px
from stormcycle.serving.cards import Card
from stormcycle.training.card import card_body
from stormcycle.training.exceedance import certainty, ignorance
from stormcycle.training.finishing import Unseen, fitted, pooled
from stormcycle.training.loop import Progress, Report, fit
from stormcycle.training.nowcasts import draw_batch, loss_of, score
from stormcycle.training.recipe import Head, Recipe
from stormcycle.verification import CHANCE_REFERENCES, ENSEMBLE_CHANCES, REFERENCES, SEEN_REFERENCES, chance_sums, chances_result, evaluate_sequence

TEXT = {"about", "licence", "shown", "finished", "crossed", "exceedance"}
"""What a recipe says that does not change how its network learns."""


@dataclass(frozen=True)
class Trained:
    """A network with its best weights so far, where its run stands, and its head's where it has one; the windows that it learned from and was chosen on;
    what its finish is fitted on; whether all schedules have ended.
    """

    network: nn.Module
    architecture: dict[str, Any]
    progress: Progress
    learned: list[Windows]
    chosen: list[Windows]
    unseen: list[Unseen]
    done: bool
    head: Progress | None = None


def run_folder(model: str, recipe: Recipe) -> Path:
    """Where a run of a recipe keeps its checkpoint; a recipe that learns otherwise is another run."""
    return home() / "training" / f"{model}-{json_digest(recipe.model_dump(mode='json', exclude=TEXT))[:12]}"


def train(model: str, recipe: Recipe, data: Path, seconds: float, prepared: Callable[[str], None], report: Report | None = None) -> Trained:
    """Follow a recipe for some seconds at most, from the checkpoint of an earlier call where there is one.

    data: the folder of samples; prepared: told the name of each event before its windows are made. On a GPU where there is one. Where the recipe has a
    head, it is learned once the network's schedule has ended; its steps are reported after the network's, and after them those of the networks that do
    without an event that the recipe crosses. Raises ValueError where an event cannot be read.
    """
    begun = time.monotonic()
    trained = _alone(model, recipe, data, seconds, prepared, report)
    for number, name in enumerate(recipe.crossed, start=1):
        if not trained.done:
            break
        after = None if report is None else partial(_later, report, number * recipe.own_steps)
        other = _alone(model, recipe.without(name), data, seconds - (time.monotonic() - begun), prepared, after)
        (left,) = _windows(recipe, [event for event in recipe.events if event.name == name], data, prepared)
        trained = replace(trained, unseen=[*trained.unseen, Unseen(other.network.cpu().eval(), left)], done=other.done)
    return trained


def _later(report: Report, before: int, step: int, figures: dict[str, float]) -> None:
    """Report a step of what comes after so many."""
    report(before + step, figures)


def _windows(recipe: Recipe, events: list[Event], data: Path, prepared: Callable[[str], None]) -> list[Windows]:
    return prepare(data, events, recipe.step_minutes, recipe.resolution_m, home() / "cache" / "windows", recipe.schedule.seed, prepared)


def _alone(model: str, recipe: Recipe, data: Path, seconds: float, prepared: Callable[[str], None], report: Report | None) -> Trained:
    """`train`, but for the networks that do without an event."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.schedule.seed)
    network = build(**recipe.architecture).to(device)
    learned, chosen = (_windows(recipe, events, data, prepared) for events in (recipe.events, recipe.choosing))
    begun = time.monotonic()
    draw = partial(draw_batch, learned, recipe.schedule.batch, device)
    variables = tuple(recipe.variables)
    judge = partial(score, events=chosen, variables=variables, device=device)
    folder = run_folder(model, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    progress = fit(network, draw, partial(loss_of, variables=variables), judge, recipe.schedule, folder, seconds, report)
    unseen = [Unseen(network, windows) for windows in chosen]
    trained = Trained(network, recipe.architecture, progress, learned, chosen, unseen, progress.done)
    if recipe.exceedance is None or not progress.done:
        return trained
    return _with_head(trained, recipe, recipe.exceedance, folder, seconds - (time.monotonic() - begun), report)


def _with_head(trained: Trained, recipe: Recipe, head: Head, folder: Path, seconds: float, report: Report | None) -> Trained:
    """The trained network with its head, learned for some seconds at most."""
    device = next(trained.network.parameters()).device
    torch.manual_seed(head.schedule.seed)
    network = build(**head.architecture, thresholds=head.thresholds).to(device)
    moving = network.get_submodule("moving")
    moving.load_state_dict(trained.network.state_dict())
    moving.requires_grad_(False)
    variables = tuple(recipe.variables)
    kept = folder / f"exceedance-{json_digest(head.model_dump(mode='json'))[:12]}"
    kept.mkdir(exist_ok=True)
    after = None if report is None else partial(_later, report, recipe.schedule.steps)
    draw = partial(draw_batch, trained.learned, head.schedule.batch, device)
    loss = partial(ignorance, variables=variables, thresholds=head.thresholds)
    judge = partial(certainty, events=trained.chosen, variables=variables, thresholds=head.thresholds, device=device)
    progress = fit(network, draw, loss, judge, head.schedule, kept, seconds, after)
    unseen = [Unseen(network, windows) for windows in trained.chosen]
    architecture = {**head.architecture, "thresholds": head.thresholds}
    return replace(trained, network=network, architecture=architecture, unseen=unseen, done=progress.done, head=progress)


def shipped(model: str, recipe: Recipe, trained: Trained, data: Path) -> Card:
    """Write a trained network's weights and card, with its scores on the recipe's shown sequences beside the references.

    Raises ValueError where a sequence cannot be read, and what `ship` raises.
    """
    network = trained.network.cpu().eval()
    variables = tuple(recipe.variables)
    finish = fitted(trained.unseen, variables) if recipe.finished else AS_IT_IS
    pool = ALONE
    if recipe.exceedance is not None:
        pool = pooled(trained.unseen, variables, recipe.exceedance.thresholds, reach_px(recipe.step_minutes, recipe.resolution_m))
    methods = {**REFERENCES, **SEEN_REFERENCES, model: method_of(by_torch(network), variables, finish, frame_of(network))}
    if recipe.finished:
        methods[f"{model}_alone"] = method_of(by_torch(network), variables, AS_IT_IS, frame_of(network))
    shown = {}
    for name in recipe.shown:
        (sequence,) = read_each(read_sequence, [(data / name,)])
        if isinstance(sequence, ReadFailure):
            raise ValueError(sequence.reason)
        shown[Path(name).name] = evaluate_sequence(sequence, methods) | _chances(sequence, model, recipe, network, pool)
    return ship(
        model,
        network,
        card_body(model, recipe, trained.progress, (trained.learned, trained.chosen), shown, trained.head),
        architecture=trained.architecture,
        step_minutes=recipe.step_minutes,
        resolution_m=recipe.resolution_m,
        trained_on=[event.known_as for event in recipe.events],
        chosen_on=[event.known_as for event in recipe.choosing],
        licence=recipe.licence,
        sprog_share=finish.sprog_share,
        offset_db=finish.offset_db,
        neighbourhood_share=pool.share,
    )


def _chances(sequence: xr.Dataset, model: str, recipe: Recipe, network: nn.Module, pool: Pool) -> dict[str, Any]:
    """The scores of the network's probabilities on a sequence, pooled and alone, beside all references; nothing where the recipe has no head."""
    if recipe.exceedance is None:
        return {}
    variables, thresholds, asked = tuple(recipe.variables), recipe.exceedance.thresholds, by_torch(network, answer=1)
    told = {model: chances_of(asked, variables, thresholds, pool), f"{model}_alone": chances_of(asked, variables, thresholds)}
    return {"probabilities": chances_result(chance_sums(sequence, {**CHANCE_REFERENCES, **ENSEMBLE_CHANCES, **told}))}
