"""The training loop of every network: steps, running mean of the weights, looks at the events that choose, resumable checkpoints.

What is drawn for a step depends on the seed and the step's number alone, so that an interrupted run goes on as if it
had not been interrupted.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stormcycle.cycle.files import temporary_beside
from stormcycle.training.recipe import Schedule

FULL_SPEED_SHARE = 0.5
LEAST_SPEED = 0.02
CHECKPOINT_SECONDS = 120.0

Draw = Callable[[np.random.Generator], Any]
Loss = Callable[[nn.Module, Any], torch.Tensor]
Judge = Callable[[nn.Module], float]
Report = Callable[[int, dict[str, float]], None]


@dataclass
class Progress:
    """Where a run stands: what a checkpoint holds beside the weights."""

    step: int = 0
    best: float = float("-inf")
    since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    done: bool = False
    falls: int = 0


def fit(
    network: nn.Module, draw: Draw, loss_of: Loss, judge: Judge, schedule: Schedule, folder: Path, seconds: float = float("inf"), report: Report | None = None
) -> Progress:
    """Train a network until its schedule ends, its patience does, or the seconds are over; the best weights are then in it.

    draw(generator) gives a batch, loss_of(network, batch) a scalar, judge(network) a score of the running mean of the
    weights on the events that choose (higher is better; step 0 is judged too). On a GPU steps run in mixed precision
    (bfloat16). A checkpoint in the folder is resumed; when `done` is false the same call goes on later. Raises
    FloatingPointError when the loss is no number.
    """
    device = next(network.parameters()).device
    average = deepcopy(network).eval()
    optimiser = _optimiser(network, schedule)
    best = deepcopy(average.state_dict())
    progress, path = Progress(), folder / "checkpoint.pt"
    if path.is_file():
        kept = torch.load(path, map_location=device, weights_only=True)
        for part, name in ((network, "network"), (average, "average"), (optimiser, "optimiser")):
            part.load_state_dict(kept[name])
        best, progress = kept["best"], Progress(**kept["progress"])

    def keep() -> None:
        parts = {"network": network.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
        temporary = temporary_beside(path)
        torch.save({**parts, "best": best, "progress": vars(progress)}, temporary)
        temporary.replace(path)

    begun = kept_at = time.monotonic()
    losses: list[float] = []
    while not progress.done:
        looked = bool(progress.history) and progress.history[-1]["step"] == progress.step  # before an interruption
        if (progress.step % schedule.judge_every == 0 or progress.step == schedule.steps) and not looked:
            score = judge(average)
            better = score > progress.best
            progress.best, progress.since_best = (score, 0) if better else (progress.best, progress.since_best + 1)
            best = deepcopy(average.state_dict()) if better else best
            if schedule.plateau is not None and progress.since_best and progress.since_best % schedule.plateau == 0:
                progress.falls += 1
            progress.history.append({"step": progress.step, "loss": float(np.mean(losses)) if losses else float("nan"), "score": score})
            losses = []
            progress.done = progress.step == schedule.steps or progress.since_best >= schedule.patience
        if progress.done or time.monotonic() - begun > seconds:
            break
        if time.monotonic() - kept_at > CHECKPOINT_SECONDS:
            keep()
            kept_at = time.monotonic()
        losses.append(_step(network, average, optimiser, draw, loss_of, schedule, progress, device))
        progress.step += 1
        if report is not None:
            report(progress.step, {"loss": losses[-1], "best": progress.best})
    keep()
    network.load_state_dict(best)
    return progress


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; what a network marks as undecayed (rates of decay, steps) keeps its size."""
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for parameter in network.parameters():
        (undecayed if getattr(parameter, "undecayed", False) else decayed).append(parameter)
    groups = [{"params": decayed}] + ([{"params": undecayed, "weight_decay": 0.0}] if undecayed else [])
    return torch.optim.AdamW(groups, schedule.learning_rate, weight_decay=schedule.weight_decay)


def _step(
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    draw: Draw,
    loss_of: Loss,
    schedule: Schedule,
    progress: Progress,
    device: torch.device,
) -> float:
    """One step of the optimiser and of the running mean; the loss."""
    for group in optimiser.param_groups:
        group["lr"] = speed(schedule, progress.step, progress.falls)
    network.train()
    batch = draw(np.random.default_rng([schedule.seed, progress.step]))
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss = loss_of(network, batch)
    if not torch.isfinite(loss):
        raise FloatingPointError(f"The loss is {loss.item()} at step {progress.step}; lower the recipe's learning_rate, or look for bad values in its events.")
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
    optimiser.step()
    weight = 1.0 - min(schedule.average, (progress.step + 1) / (progress.step + 11))
    with torch.no_grad():
        for mean, newest in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            mean.lerp_(newest, weight) if mean.is_floating_point() else mean.copy_(newest)
    return loss.item()


def speed(schedule: Schedule, step: int, falls: int = 0) -> float:
    """The learning rate of a step: rising, then full to the middle, then down a cosine; of a schedule with a plateau a tenth of it for each of its falls."""
    rising = min(1.0, (step + 1) / schedule.warm_up)
    if schedule.plateau is not None:
        return schedule.learning_rate * rising * 0.1**falls
    share = step / schedule.steps
    falling = 1.0 if share < FULL_SPEED_SHARE else max(LEAST_SPEED, 0.5 * (1 + cos(pi * (share - FULL_SPEED_SHARE) / (1 - FULL_SPEED_SHARE))))
    return schedule.learning_rate * rising * falling
