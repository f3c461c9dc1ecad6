"""How the radar operator learns: hours of a model's state and of what radars summed up, turned, by the edge-aware loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import nn

from stormcycle.cycle.digests import json_digest
from stormcycle.export.shipping import ship
from stormcycle.home import home
from stormcycle.networks import build
from stormcycle.networks.radar_operator import edge_aware_loss
from stormcycle.networks.radar_operator.network import RadarOperator
from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ
from stormcycle.serving.cards import Card
from stormcycle.training.loop import Progress, Report, fit
from stormcycle.training.operator_recipe import OperatorRecipe, hours_of
from stormcycle.verification.hourly import floored_rmse, hour_sums, hourly_rows, hourly_scores

RAINY_SHARE = 0.01
"""An hour with more rain than this, of the pixels that were observed, is turned; drier ones are seen as they are."""
U, V = slice(4, 8), slice(8, 12)
"""Where the winds stand in the state."""


@dataclass(frozen=True)
class Hours:
    """Hours in memory: state (n, 19, y, x), observed (n, 1, y, x; NaN not observed), distance from the nearest radar (y, x; km). All float32."""

    state: np.ndarray
    observed: np.ndarray
    distance_km: np.ndarray
    origins: list[str]

    def __len__(self) -> int:
        return len(self.state)


@dataclass(frozen=True)
class TrainedOperator:
    """The operator with its best weights so far, where its run stands, what it learned from and was chosen on."""

    network: nn.Module
    progress: Progress
    learned: Hours
    chosen: Hours

    @property
    def done(self) -> bool:
        """Whether the schedule has ended."""
        return self.progress.done


def train_operator(model: str, recipe: OperatorRecipe, seconds: float, prepared: Report | None = None, report: Report | None = None) -> TrainedOperator:
    """Follow a recipe for some seconds at most, from the checkpoint of an earlier call where there is one. `prepared`: told how many hours are there."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learned, chosen = (gathered(hours_of(source, prepared)) for source in (recipe.hours, recipe.choosing))
    torch.manual_seed(recipe.schedule.seed)
    network = build(**recipe.architecture).to(device)
    standardised(network, learned)
    folder = operator_folder(model, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    draw = partial(draw_hours, learned, recipe.schedule.batch, recipe.winds == "turned", device)
    progress = fit(network, draw, operator_loss, partial(judged, hours=chosen, device=device), recipe.schedule, folder, seconds, report)
    return TrainedOperator(network, progress, learned, chosen)


def operator_folder(model: str, recipe: OperatorRecipe) -> Path:
    """Where a run of a recipe keeps its checkpoint."""
    return home() / "training" / f"{model}-{json_digest(recipe.model_dump(mode='json', exclude={'about', 'licence', 'shown'}))[:12]}"


def gathered(hours: Sequence[xr.Dataset]) -> Hours:
    """Hours (stormcycle.datasets.hours) as arrays. Raises ValueError where there are none, or where a state is not whole."""
    if not hours:
        raise ValueError("There is no hour to learn from: name more worlds, or another span of releases, in the recipe.")
    for hour in hours:
        if not np.isfinite(hour["state"].values).all():
            raise ValueError(f"The state of {hour.attrs['origin']} is not whole: leave the hour out of the recipe.")
    return Hours(
        np.stack([hour["state"].values for hour in hours]).astype("float32"),
        np.stack([hour["hourly_sum"].values[None] for hour in hours]).astype("float32"),
        hours[0]["radar_distance_km"].values.astype("float32"),
        [hour.attrs["origin"] for hour in hours],
    )


def standardised(network: nn.Module, hours: Hours) -> None:
    """Tell an operator the mean and the deviation of each channel of the hours that it learns from."""
    assert isinstance(network, RadarOperator)
    network.mean.copy_(torch.from_numpy(hours.state.mean((0, 2, 3), dtype="float64")))
    network.deviation.copy_(torch.from_numpy(hours.state.std((0, 2, 3), dtype="float64")))


def draw_hours(hours: Hours, batch: int, turned: bool, device: torch.device, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A batch: states, observed hours, distances (n, 1, y, x each but the states), rainy ones turned by quarters."""
    chosen = generator.integers(len(hours), size=batch)
    turns = generator.integers(4, size=batch)
    states, seen, distances = [], [], []
    for index, quarter in zip(chosen, turns, strict=True):
        observed = hours.observed[index]
        rain = (observed > 0).sum() > RAINY_SHARE * (~np.isnan(observed)).sum()
        quarters = int(quarter) if rain else 0
        states.append(turned_state(hours.state[index], quarters, turned))
        seen.append(np.rot90(observed, quarters, (-2, -1)).copy())
        distances.append(np.rot90(hours.distance_km, quarters)[None].copy())
    parts = (np.stack(part) for part in (states, seen, distances))
    state, observed_hours, distance = (torch.from_numpy(part).to(device) for part in parts)
    return state, observed_hours, distance


def turned_state(state: np.ndarray, quarters: int, winds: bool = True) -> np.ndarray:
    """A state (19, y, x; row 0 the northern edge) turned counter-clockwise by quarters, its winds turned with it; `winds` False: as scalars (the paper)."""
    made = np.rot90(state, quarters, (-2, -1)).copy()
    if winds:
        u, v = made[U].copy(), made[V].copy()
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters % 4]
        made[U], made[V] = cosine * u - sine * v, sine * u + cosine * v
    return made


def operator_loss(network: nn.Module, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The edge-aware loss of a batch."""
    state, observed, distance = batch
    return edge_aware_loss(network(state), observed, distance)


@torch.no_grad()
def judged(network: nn.Module, hours: Hours, device: torch.device) -> float:
    """The score that chooses: minus the mean edge-aware loss of hours as they are."""
    losses = []
    for index in range(len(hours)):
        state, observed = (torch.from_numpy(part[index : index + 1]).to(device) for part in (hours.state, hours.observed))
        losses.append(float(edge_aware_loss(network(state), observed, torch.from_numpy(hours.distance_km).to(device))))
    return -float(np.mean(losses))


@torch.no_grad()
def answered(network: nn.Module, state: np.ndarray) -> np.ndarray:
    """What an operator says of states (n, 19, y, x): (n, y, x; dBZ), one after the other, as memory is bounded."""
    return np.stack([network(torch.from_numpy(one[None].astype("float32")))[0, 0].numpy() for one in state])


def scored(network: nn.Module, hours: Hours) -> xr.Dataset:
    """The scores of an operator on hours (stormcycle.verification.hourly)."""
    return hourly_scores([hour_sums(said, seen) for said, seen in zip(answered(network, hours.state), hours.observed[:, 0], strict=True)])


def ship_operator(model: str, recipe: OperatorRecipe, trained: TrainedOperator) -> Card:
    """Write a trained operator's weights and card, with its scores on hours that it neither learned from nor was chosen on. Raises what `ship` raises."""
    network = trained.network.cpu().eval()
    shown = gathered(hours_of(recipe.shown))
    scores, floored = scored(network, shown), floored_rmse(answered(network, shown.state), shown.observed[:, 0], HOURLY_FLOOR_DBZ)
    return ship(
        model,
        network,
        _body(model, recipe, trained, scores, floored, len(shown)),
        architecture=recipe.architecture,
        step_minutes=60,
        resolution_m=recipe.resolution_m,
        trained_on=recipe.hours.known_as,
        chosen_on=recipe.choosing.known_as,
        licence=recipe.licence,
        error_dbz=round(floored_rmse(answered(network, trained.chosen.state), trained.chosen.observed[:, 0], HOURLY_FLOOR_DBZ), 2),
    )


def _body(model: str, recipe: OperatorRecipe, trained: TrainedOperator, scores: xr.Dataset, floored: float, number: int) -> str:
    """The card's text in Markdown."""
    progress = trained.progress
    best = max(progress.history, key=lambda look: look["score"])
    rows = hourly_rows(scores)
    made = (
        f"Made by `stormcycle train {model}` from recipe.yaml: {progress.step} of {recipe.schedule.steps} steps, batches of {recipe.schedule.batch} hours, "
        f"weights of step {best['step']} (running mean). Edge-aware loss on the hours that choose: {-progress.history[0]['score']:.4f} before the first "
        f"step, {-best['score']:.4f} at the best."
    )
    errors = (
        f"Root mean square error {float(scores.rmse):.2f} dB, mean error {float(scores.mean_error):.2f} dB, over observed pixels, dry ones at 0 dBZ; "
        f"{floored:.2f} dB where both are lifted to the radar's floor, as an analysis compares them. The paper's operator on its year of real hours at "
        "13.5 dBZ: POD .54, CSI .38, FAR .44."
    )
    parts = [
        f"# {model}",
        "",
        recipe.about.strip(),
        "",
        made,
        "",
        f"Learned from {len(trained.learned)} hours ({recipe.hours.known_as[0]} ...), chosen on {len(trained.chosen)} ({recipe.choosing.known_as[0]} ...).",
        "",
        f"## Scored on {number} hours of {', '.join(recipe.shown.known_as)}, never learned from, never chosen on",
        "",
        errors,
        "",
        f"| {' | '.join(rows[0])} |",
        f"|{'---|' * len(rows[0])}",
        *(f"| {' | '.join(_cell(value) for value in row.values())} |" for row in rows),
    ]
    return "\n".join(parts)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
