"""What a training run is: recipe.yaml in the model's folder, from which its weights can be made again."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stormcycle.datasets.events import Event
from stormcycle.serving.cards import models_folder


class RecipeError(ValueError):
    """A model has no recipe, or one that cannot be followed."""


class Schedule(BaseModel):
    """How long and how fast: one training run of any network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warm_up: int = Field(default=30, ge=1)
    weight_decay: float = 1e-4
    clip: float = Field(default=1.0, description="largest norm of a step's gradient")
    average: float = Field(default=0.99, description="decay of the running mean of the weights, which is what is kept")
    judge_every: int = Field(default=100, gt=0, description="steps between two looks at the events that choose")
    plateau: int | None = Field(
        default=None, gt=0, description="looks without a better score after which the speed falls tenfold; none: it falls along a cosine"
    )
    patience: int = Field(default=8, gt=0, description="looks without a better score that end the training")
    seed: int = 20150712


class Head(BaseModel):
    """How the head of exceedance probabilities is learned, after the network that it reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: dict[str, Any] = Field(description="of the network with its head; its part `moving` is the recipe's own network")
    thresholds: list[float] = Field(min_length=1, description="dBZ, rising")
    schedule: Schedule


class Recipe(BaseModel):
    """How the weights of a model are made: the network, the events, the schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = Field(description="what the model is, for its card")
    architecture: dict[str, Any]
    variables: list[Literal["zh", "zdr", "kdp"]] = Field(default=["zh"], min_length=1, description="what the network takes and forecasts, in order")
    step_minutes: int
    resolution_m: int
    events: list[Event] = Field(min_length=1, description="learned from")
    choosing: list[Event] = Field(min_length=1, description="never learned from: they end the training and choose the checkpoint")
    shown: list[str] = Field(description="sequences below STORMCYCLE_DATA that skill is shown on: in neither list above")
    finished: bool = Field(
        default=False, description="whether S-PROG has a share in the nowcast of zh, and its echoes an offset, by lead, fitted on what was not learned from"
    )
    crossed: list[str] = Field(
        default=[], description="events learned from that this is fitted on too, each with a network that is trained without it, for this alone"
    )
    schedule: Schedule
    exceedance: Head | None = Field(default=None, description="the head of exceedance probabilities; none: the model tells none")
    licence: str

    @property
    def own_steps(self) -> int:
        """How many steps its network has at most, the head's too."""
        return self.schedule.steps + (self.exceedance.schedule.steps if self.exceedance else 0)

    @property
    def steps(self) -> int:
        """How many steps a whole run has at most: those of the networks that cross an event too."""
        return self.own_steps * (1 + len(self.crossed))

    def without(self, name: str) -> "Recipe":
        """The recipe without one of the events that it learns from. Raises ValueError where it has none of that name, or no other."""
        left = [event for event in self.events if event.name != name]
        if not left or len(left) == len(self.events):
            raise ValueError(f"The recipe has no event {name} to leave out, or no other to learn from.")
        return self.model_copy(update={"events": left, "crossed": [other for other in self.crossed if other != name]})


def read_recipe(model: str) -> Recipe:
    """The recipe of a nowcast. Raises RecipeError when there is none, or when an event both teaches and chooses."""
    return parse_recipe(recipe_path(model))


def recipe_path(model: str) -> Path:
    """The recipe of a model. Raises RecipeError when there is none."""
    path = models_folder() / model / "recipe.yaml"
    if not path.is_file():
        raise RecipeError(f"The model {model!r} has no recipe.yaml; models with one: {', '.join(recipe_names()) or 'none'}.")
    return path


def recipe_names() -> list[str]:
    """The names of all models that can be trained, sorted."""
    return sorted(path.parent.name for path in models_folder().glob("*/recipe.yaml"))


def parse_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises RecipeError."""
    try:
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"{path.name} of {path.parent.name} is not a valid recipe: {' '.join(str(error).split())}") from None
    learned, chosen, shown = {event.source for event in recipe.events}, {event.source for event in recipe.choosing}, set(recipe.shown)
    twice = learned & chosen | learned & shown | chosen & shown
    if twice:
        raise RecipeError(f"{path.name} of {path.parent.name} uses one source for two purposes: {', '.join(sorted(twice))}; split by event.")
    strange = set(recipe.crossed) - {event.name for event in recipe.events}
    if strange:
        raise RecipeError(f"{path.name} of {path.parent.name} crosses {', '.join(sorted(strange))}, from which it does not learn: name events of `events`.")
    return recipe
