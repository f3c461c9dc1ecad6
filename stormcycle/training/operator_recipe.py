"""What a training of the radar operator is: recipe.yaml of a model whose network is the radar operator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stormcycle.datasets.hours import released_hours, simulated_hours
from stormcycle.datasets.mapped import mapped_hours, read_map
from stormcycle.domain import load_domain
from stormcycle.home import expand, home
from stormcycle.times import HOUR, iso, parse_time
from stormcycle.training.recipe import RecipeError, Schedule, recipe_path


class Simulated(BaseModel):
    """Hours of simulated worlds: `worlds` seeds from `first_seed` on, of each `number` hours from `first` on, `every_hours` apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    first_seed: int
    worlds: int = Field(gt=0)
    first: str
    number: int = Field(gt=0)
    every_hours: int = Field(gt=0)
    lead_hours: float = Field(default=0.0, ge=0, description="of the forecast that the state is; 0: the model's analysis, as in the paper")

    @property
    def known_as(self) -> list[str]:
        """What a card calls the worlds, one by one."""
        return [f"{self.domain} world {seed}" for seed in range(self.first_seed, self.first_seed + self.worlds)]


class Released(BaseModel):
    """Hours of our own releases: the groups `background` and `radar` of a domain's hours from first to last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str
    domain: str
    first: str
    last: str

    @property
    def known_as(self) -> list[str]:
        """What a card calls the hours."""
        return [f"{self.domain} {iso(parse_time(self.first))} to {iso(parse_time(self.last))}"]


class Mapped(BaseModel):
    """Hours of an archive of netCDF files from first to last; `map` is a YAML that says what stands where (stormcycle.datasets.mapped)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    map: str
    first: str
    last: str

    @property
    def known_as(self) -> list[str]:
        """What a card calls the hours."""
        return [f"{self.folder} {iso(parse_time(self.first))} to {iso(parse_time(self.last))}"]


Source = Simulated | Released | Mapped


class OperatorRecipe(BaseModel):
    """How the weights of a radar operator are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = Field(description="what the model is, for its card")
    architecture: dict[str, Any]
    resolution_m: int
    hours: Source = Field(description="learned from")
    choosing: Source = Field(description="never learned from: they end the training and choose the checkpoint")
    shown: Source = Field(description="what skill is shown on: in neither of the two")
    winds: Literal["turned", "scalar"] = Field(default="turned", description="what turning an hour does to its winds; scalar: nothing, as in the paper")
    schedule: Schedule
    licence: str

    @property
    def steps(self) -> int:
        """How many steps a whole run has at most."""
        return self.schedule.steps


def read_operator_recipe(model: str) -> OperatorRecipe:
    """The recipe of a radar operator. Raises RecipeError when there is none, or when a world both teaches and chooses, or is shown."""
    path = recipe_path(model)
    try:
        recipe = OperatorRecipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"{path.name} of {model} is not a valid recipe: {' '.join(str(error).split())}") from None
    parts = [set(recipe.hours.known_as), set(recipe.choosing.known_as), set(recipe.shown.known_as)]
    twice = parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    if twice:
        raise RecipeError(f"{path.name} of {model} uses one source for two purposes: {', '.join(sorted(twice))}; split by world.")
    return recipe


def is_operator(model: str) -> bool:
    """Whether a model's recipe is that of a radar operator. Raises RecipeError when it has none."""
    try:
        architecture = dict(yaml.safe_load(recipe_path(model).read_text(encoding="utf-8"))["architecture"])
    except (yaml.YAMLError, KeyError, TypeError):
        return False  # whichever it is, reading it as a nowcast's says what is wrong
    return architecture.get("network") == "radar_operator"


def hours_of(source: Source, progress: Callable[[int, dict[str, float]], None] | None = None) -> list[xr.Dataset]:
    """The hours of a source; `progress` is told how many are there. Raises ValueError where they cannot be made or read."""
    if isinstance(source, Released):
        return released_hours(expand(source.root), source.domain, parse_time(source.first), parse_time(source.last))
    if isinstance(source, Mapped):
        return mapped_hours(Path(expand(source.folder)), read_map(Path(expand(source.map))), parse_time(source.first), parse_time(source.last))
    domain, made = load_domain(source.domain), []
    times = parse_time(source.first) + np.arange(source.number) * source.every_hours * HOUR
    for seed in range(source.first_seed, source.first_seed + source.worlds):
        for hour in simulated_hours(domain, seed, list(times), home() / "cache" / "hours", source.lead_hours):
            made.append(hour)
            if progress is not None:
                progress(len(made), {})
    return made
