"""One training run: a model's recipe followed to its end, or as far as the time allows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from stormcycle.cycle.digests import json_digest
from stormcycle.datasets import read_sequence
from stormcycle.datasets.windows import Windows, prepare
from stormcycle.export.in_process import by_torch, frame_of, method_of
from stormcycle.export.shipping import ship
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.home import home
from stormcycle.networks import build
from stormcycle.serving.cards import Card
from stormcycle.training.blending import sprog_share
from stormcycle.training.card import card_body
from stormcycle.training.loop import Progress, Report, fit
from stormcycle.training.nowcasts import draw_batch, loss_of, score
from stormcycle.training.recipe import Recipe
from stormcycle.verification import REFERENCES, SEEN_REFERENCES, evaluate_sequence


@dataclass(frozen=True)
class Trained:
    """A network with its best weights so far, where its run stands, and the windows that it learned from and was chosen on."""

    network: nn.Module
    progress: Progress
    learned: list[Windows]
    chosen: list[Windows]


def run_folder(model: str, recipe: Recipe) -> Path:
    """Where a run of a recipe keeps its checkpoint; another recipe is another run."""
    return home() / "training" / f"{model}-{json_digest(recipe.model_dump(mode='json'))[:12]}"


def train(model: str, recipe: Recipe, data: Path, seconds: float, prepared: Callable[[str], None], report: Report | None = None) -> Trained:
    """Follow a recipe for some seconds at most, from the checkpoint of an earlier call where there is one.

    data: the folder of samples; prepared: told the name of each event before its windows are made. On a GPU where there is one. Raises
    ValueError where an event cannot be read.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.schedule.seed)
    network = build(**recipe.architecture).to(device)
    learned, chosen = (
        prepare(data, events, recipe.step_minutes, home() / "cache" / "windows", recipe.schedule.seed, prepared) for events in (recipe.events, recipe.choosing)
    )
    draw = partial(draw_batch, learned, recipe.schedule.batch, device)
    variables = tuple(recipe.variables)
    judge = partial(score, events=chosen, variables=variables, device=device)
    folder = run_folder(model, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    progress = fit(network, draw, partial(loss_of, variables=variables), judge, recipe.schedule, folder, seconds, report)
    return Trained(network, progress, learned, chosen)


def shipped(model: str, recipe: Recipe, trained: Trained, data: Path) -> Card:
    """Write a trained network's weights and card, with its scores on the recipe's shown sequences beside the references.

    Raises ValueError where a sequence cannot be read, and what `ship` raises.
    """
    network = trained.network.cpu().eval()
    variables = tuple(recipe.variables)
    share = sprog_share(network, trained.chosen, variables, torch.device("cpu")) if recipe.with_sprog else []
    methods = {**REFERENCES, **SEEN_REFERENCES, model: method_of(by_torch(network), variables, share, frame_of(network))}
    if any(share):
        methods[f"{model}_alone"] = method_of(by_torch(network), variables, (), frame_of(network))
    shown = {}
    for name in recipe.shown:
        (sequence,) = read_each(read_sequence, [(data / name,)])
        if isinstance(sequence, ReadFailure):
            raise ValueError(sequence.reason)
        shown[Path(name).name] = evaluate_sequence(sequence, methods)
    return ship(
        model,
        network,
        card_body(model, recipe, trained.progress, (trained.learned, trained.chosen), shown),
        architecture=recipe.architecture,
        step_minutes=recipe.step_minutes,
        resolution_m=recipe.resolution_m,
        trained_on=[event.known_as for event in recipe.events],
        chosen_on=[event.known_as for event in recipe.choosing],
        licence=recipe.licence,
        sprog_share=share,
    )
