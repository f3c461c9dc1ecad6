"""A whole run of a recipe on a square that grows: the network, then its head, interrupted and gone on with."""

from pathlib import Path

import pytest
import torch
from unit.training.test_nowcasts import ALL, windows
from unit.training.test_recipe import GOOD

from stormcycle.training import run
from stormcycle.training.recipe import Recipe

SCHEDULE = {"steps": 2, "batch": 1, "learning_rate": 0.001, "judge_every": 1}
HEAD = {"architecture": {"network": "mrkan_exceedance"}, "thresholds": [20, 35], "schedule": {**SCHEDULE, "learning_rate": 0.01}}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe whose events are prepared already."""
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    monkeypatch.setattr(run, "prepare", lambda folder, events, *rest: [windows(variables=ALL, side=32 * 2) for _ in events])
    return Recipe.model_validate({**GOOD, "architecture": {"network": "mrkan"}, "variables": list(ALL), "schedule": SCHEDULE, "exceedance": HEAD})


def test_the_head_is_learned_after_the_network_and_leaves_it_as_it_was(recipe: Recipe, tmp_path: Path) -> None:
    told: list[int] = []
    alone = run.train("m", recipe.model_copy(update={"exceedance": None}), tmp_path, float("inf"), lambda _: None)
    assert (alone.done, alone.head, alone.architecture) == (True, None, {"network": "mrkan"})
    trained = run.train("m", recipe, tmp_path, float("inf"), lambda _: None, lambda step, _: told.append(step))
    assert (trained.done, trained.progress.step, trained.head.step) == (True, 2, 2)
    assert told == [3, 4]  # the network was learned already: a head makes no other run of it
    assert trained.architecture == {"network": "mrkan_exceedance", "thresholds": [20, 35]}
    kept = alone.network.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in trained.network.moving.state_dict().items())
    assert recipe.steps == 4


def test_networks_that_do_without_an_event_are_learned_after_it_for_what_is_fitted_on_that_event(recipe: Recipe, tmp_path: Path) -> None:
    more = [{"name": name, "file": f"{name}.nc"} for name in ("a", "d")]
    crossing = Recipe.model_validate({**recipe.model_dump(mode="json"), "events": more, "crossed": ["d"]})
    told: list[int] = []
    begun = run.train("m", crossing, tmp_path, 0.0, lambda _: None)
    assert not begun.done
    trained = run.train("m", crossing, tmp_path, float("inf"), lambda _: None, lambda step, _: told.append(step))
    assert trained.done
    assert told == list(range(1, 9))
    (chosen, crossed) = trained.unseen
    assert chosen.network is trained.network
    assert chosen.windows is trained.chosen[0]
    alone = run.train("m", crossing.without("d"), tmp_path, float("inf"), lambda _: None)
    assert all(torch.equal(crossed.network.state_dict()[name], tensor) for name, tensor in alone.network.state_dict().items())
    assert run.run_folder("m", crossing) == run.run_folder("m", crossing.model_copy(update={"crossed": []}))


def test_a_run_without_time_is_not_done_and_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    begun = run.train("m", recipe, tmp_path, 0.0, lambda _: None)
    assert (begun.done, begun.head, begun.progress.step) == (False, None, 0)
    whole = run.train("m", recipe, tmp_path, float("inf"), lambda _: None)
    assert whole.done


def test_another_text_is_the_same_run_and_another_schedule_is_not(recipe: Recipe) -> None:
    folder = run.run_folder("m", recipe)
    same = recipe.model_copy(update={"about": "Other words.", "licence": "Other.", "shown": [], "finished": True, "exceedance": None})
    assert run.run_folder("m", same) == folder
    longer = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"steps": 3})})
    assert run.run_folder("m", longer) != folder
