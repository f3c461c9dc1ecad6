"""The loop on a network of two numbers: fast, and the same code that trains every model."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stormcycle.training.loop import Progress, fit, speed
from stormcycle.training.recipe import Schedule


def line() -> nn.Module:
    network = nn.Linear(1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    return network


def draw(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.as_tensor(rng.uniform(-1, 1, (16, 1)), dtype=torch.float32)
    return x, 3 * x + 1


def loss_of(network: nn.Module, batch: Any) -> torch.Tensor:
    return ((network(batch[0]) - batch[1]) ** 2).mean()


def judge(network: nn.Module) -> float:
    x = torch.linspace(-1, 1, 20)[:, None]
    with torch.no_grad():
        return -float(((network(x) - 3 * x - 1) ** 2).mean())


def run(folder: Path, schedule: Schedule, seconds: float = float("inf"), **changed: Any) -> tuple[nn.Module, Progress]:
    network = line()
    folder.mkdir(exist_ok=True)
    return network, fit(network, changed.get("draw", draw), loss_of, changed.get("judge", judge), schedule, folder, seconds)


SCHEDULE = Schedule(steps=300, batch=16, learning_rate=0.1, judge_every=50, patience=10)


def test_what_can_be_learned_is_learned(tmp_path: Path) -> None:
    network, progress = run(tmp_path, SCHEDULE)
    assert progress.done
    assert network.weight.item() == pytest.approx(3, abs=0.02)
    assert network.bias.item() == pytest.approx(1, abs=0.02)
    assert [look["step"] for look in progress.history] == [0, 50, 100, 150, 200, 250, 300]


def test_an_interrupted_run_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    count = iter(range(10**6))

    def until(rng: np.random.Generator) -> Any:
        if next(count) == 120:
            raise Interrupted
        return draw(rng)

    def thirty() -> Any:
        """A draw that lets the time be over after thirty steps at most, however fast the machine is."""
        drawn = iter(range(10**6))

        def slow(rng: np.random.Generator) -> Any:
            if next(drawn) == 29:
                time.sleep(0.03)
            return draw(rng)

        return slow

    whole, told = run(tmp_path / "whole", SCHEDULE)
    pieces = tmp_path / "pieces"
    for _ in range(3):
        piece, progress = run(pieces, SCHEDULE, seconds=0.02, draw=thirty())
        assert progress.step <= 90
    with pytest.raises(Interrupted):
        run(pieces, SCHEDULE, draw=until)  # what is lost is what came after the last checkpoint
    piece, progress = run(pieces, SCHEDULE)
    assert progress.step == told.step
    for one, other in zip(whole.state_dict().values(), piece.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert [look["score"] for look in progress.history] == [look["score"] for look in told.history]


def test_patience_ends_a_run_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    kept = []

    def falling(network: nn.Module) -> float:
        kept.append(network.weight.item())
        return next(scores)

    network, progress = run(tmp_path, SCHEDULE.model_copy(update={"patience": 3}), judge=falling)
    assert progress.done
    assert (progress.step, progress.best) == (200, 0.5)
    assert network.weight.item() == kept[1]


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    def spoilt(rng: np.random.Generator) -> Any:
        return torch.full((1, 1), float("nan")), torch.zeros(1, 1)

    with pytest.raises(FloatingPointError, match=r"The loss is nan at step 0; lower the recipe's learning_rate"):
        run(tmp_path, SCHEDULE, draw=spoilt)


def test_a_checkpoint_holds_no_code(tmp_path: Path) -> None:
    run(tmp_path, SCHEDULE, seconds=0.01)
    assert set(torch.load(tmp_path / "checkpoint.pt", weights_only=True)) == {"network", "average", "optimiser", "best", "progress"}


def test_the_speed_rises_stays_and_falls() -> None:
    speeds = np.array([speed(SCHEDULE, step) for step in range(300)])
    assert (np.diff(speeds[:29]) > 0).all()
    assert np.allclose(speeds[29:150], 0.1)
    assert (np.diff(speeds[150:]) <= 0).all()
    assert speeds[-1] == pytest.approx(0.002)


def test_on_a_plateau_the_speed_falls_tenfold_at_every_third_look_without_a_better_score(tmp_path: Path) -> None:
    schedule = SCHEDULE.model_copy(update={"steps": 80, "judge_every": 10, "patience": 7, "plateau": 3, "warm_up": 1})
    _, progress = run(tmp_path, schedule, judge=lambda _: 0.0)
    assert (progress.step, progress.falls) == (70, 2)  # the first look is the best; then 7 without a better one
    assert [speed(schedule, 10, falls) for falls in (0, 1, 2)] == pytest.approx([0.1, 0.01, 0.001])
