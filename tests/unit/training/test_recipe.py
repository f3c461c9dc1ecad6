from pathlib import Path
from typing import Any

import pytest
import yaml

from stormcycle.training.operator_recipe import is_operator, read_operator_recipe
from stormcycle.training.recipe import RecipeError, parse_recipe, read_recipe, recipe_names

GOOD: dict[str, Any] = {
    "about": "A model.",
    "architecture": {"network": "smaat_unet"},
    "step_minutes": 6,
    "resolution_m": 1000,
    "events": [{"name": "a", "file": "a.nc"}],
    "choosing": [{"name": "b", "file": "b.nc"}],
    "shown": ["c.nc"],
    "schedule": {"steps": 10, "batch": 2, "learning_rate": 0.001},
    "licence": "Open.",
}


def written(folder: Path, **changed: Any) -> Path:
    path = folder / "model" / "recipe.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**GOOD, **changed}))
    return path


def test_every_shipped_recipe_can_be_followed() -> None:
    assert "smaat_unet" in recipe_names()
    for name in recipe_names():
        (read_operator_recipe if is_operator(name) else read_recipe)(name)


@pytest.mark.parametrize("changed", [{"choosing": [{"name": "x", "file": "a.nc"}]}, {"shown": ["a.nc"]}, {"shown": ["b.nc"]}])
def test_a_file_has_one_purpose(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=r"uses one source for two purposes: [ab]\.nc; split by event"):
        parse_recipe(written(tmp_path, **changed))


@pytest.mark.parametrize(
    ("changed", "word"), [({"schedule": {"steps": 0, "batch": 2, "learning_rate": 0.1}}, "steps"), ({"events": []}, "events"), ({"extra": 1}, "extra")]
)
def test_a_recipe_that_cannot_be_followed_says_what_is_wrong(tmp_path: Path, changed: dict[str, Any], word: str) -> None:
    with pytest.raises(RecipeError, match=word):
        parse_recipe(written(tmp_path, **changed))


def test_a_recipe_without_an_event_learns_from_the_others_and_crosses_them(tmp_path: Path) -> None:
    events = [{"name": name, "file": f"{name}.nc"} for name in ("a", "d", "e")]
    recipe = parse_recipe(written(tmp_path, events=events, crossed=["d", "a"]))
    assert (recipe.own_steps, recipe.steps) == (10, 30)
    left = recipe.without("a")
    assert ([event.name for event in left.events], left.crossed, left.steps) == (["d", "e"], ["d"], 20)
    with pytest.raises(ValueError, match="no event x to leave out"):
        recipe.without("x")
    with pytest.raises(ValueError, match="no other to learn from"):
        left.without("d").without("e")


def test_only_what_is_learned_from_is_crossed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="crosses b, from which it does not learn: name events of `events`"):
        parse_recipe(written(tmp_path, crossed=["b"]))


def test_a_model_without_a_recipe_names_those_with_one() -> None:
    with pytest.raises(RecipeError, match=r"'nothing' has no recipe\.yaml; models with one: .*smaat_unet"):
        read_recipe("nothing")
