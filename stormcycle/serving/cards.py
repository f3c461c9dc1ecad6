"""A model's card: CARD.md in the model repository, whose first block (YAML between lines of ---) programs read.

The weights live once, beside their card, and the card names them by their digest (docs/architecture.md, law 9).
"""

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stormcycle.cycle.digests import file_digest
from stormcycle.home import home
from stormcycle.serving.errors import ServingError
from stormcycle.times import HOUR, Time, parse_time

SHIPPED = Path(__file__).parents[2] / "model_repository"
FENCE = "---\n"
VERSION_DIGITS = 12
EXCEEDANCE, REACHES = "exceedance", "zh>="
"""The tensor of a model that tells probabilities, and how the meaning of its channels begins: zh>=20+6, at least 20 dBZ in 6 min."""


class CardError(ServingError):
    """A model's card is missing, wrong, or not that of the weights beside it."""


class Card(BaseModel):
    """What programs read of a card: what the network is, which weights, for which fields, trained on what, how it answers the canary."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    architecture: dict[str, Any] = Field(description="keyword arguments of stormcycle.networks.build")
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    step_minutes: int
    resolution_m: int
    channels: dict[str, list[str]] = Field(description="for each tensor the meaning of its channels, in order")
    trained_on: list[str] = Field(description="events by the beginning of their files' names, or domain and hours; a score on one is in sample")
    chosen_on: list[str] = Field(description="events that stopped the training and chose the checkpoint; a score on one is in sample too")
    sprog_share: list[float] = Field(default=[], description="by lead, the weight of S-PROG in the nowcast of zh, fitted on events not learned from")
    offset_db: list[float] = Field(default=[], description="by lead, what is added to the echoes of that nowcast (dB), fitted likewise")
    neighbourhood_share: list[float] = Field(
        default=[], description="by lead, the weight of the extrapolation's neighbourhood in the probabilities, fitted on events not learned from"
    )
    error_dbz: float | None = Field(default=None, description="of a radar operator, its error on the hours that chose it (dB, above the radar's floor)")
    licence: str
    canary: list[float] = Field(description="the answer to stormcycle.serving.canary's question at its pixels")

    def saw(self, name: str) -> bool:
        """Whether a file's name, or a granule's key, is of an event that the weights were made with: its score is in sample."""
        return Path(name).name.startswith((*self.trained_on, *self.chosen_on))

    def saw_hour(self, domain: str, cycle_time: Time) -> bool:
        """Whether a cycle's frames or the hour that it forecasts are of released hours that the weights were made with (`domain first to last`)."""
        for event in (*self.trained_on, *self.chosen_on):
            name, _, hours = event.partition(" ")
            first, _, last = hours.partition(" to ")
            if name == domain and last and parse_time(first) - HOUR <= cycle_time <= parse_time(last):
                return True
        return False

    @property
    def variables(self) -> list[str]:
        """What the frames hold, in the order of their channels (zh, zdr, kdp): the words before `-` and the minutes."""
        return list(dict.fromkeys(channel.partition("-")[0] for channel in self.channels["frames"]))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds (dBZ) whose exceedance the model tells, in the order of its channels (zh>=20+6); empty where it tells none."""
        return list(dict.fromkeys(float(channel.partition("+")[0].removeprefix(REACHES)) for channel in self.channels.get(EXCEEDANCE, [])))

    @property
    def version(self) -> str:
        """The version that a release names: the beginning of the weights' digest."""
        return self.weights_sha256[:VERSION_DIGITS]


def models_folder() -> Path:
    """The folder of the models' sources (configuration, weights, card): STORMCYCLE_MODELS, or the shipped model_repository."""
    return Path(os.environ.get("STORMCYCLE_MODELS") or SHIPPED)


def served_repository() -> Path:
    """The folder that Triton serves, made by `stormcycle export`: $STORMCYCLE_HOME/models."""
    return home() / "models"


def model_names() -> list[str]:
    """The names of all models, sorted."""
    return sorted(path.parent.name for path in models_folder().glob("*/CARD.md"))


def nowcast_names() -> list[str]:
    """The names of the models that forecast from frames, sorted; others (the radar operator) ask for other things. One whose card is broken is
    among them: whoever asks for it is told.
    """
    return [name for name in model_names() if _forecasts(name)]


def _forecasts(name: str) -> bool:
    try:
        return "frames" in read_card(name).channels
    except CardError:
        return True


def read_card(model: str) -> Card:
    """The card of a model. Raises CardError when there is none, or when it is not what a card must be."""
    path = models_folder() / model / "CARD.md"
    if not path.is_file():
        raise CardError(f"There is no model {model!r}; known are: {', '.join(model_names()) or 'none'}.")
    before, fence, rest = path.read_text(encoding="utf-8").partition(FENCE)
    block, closing, _ = rest.partition(f"\n{FENCE}")
    if before or not fence or not closing:
        raise CardError(f"The card of {model} does not begin with a block of YAML between two lines of ---.")
    try:
        card = Card.model_validate(yaml.safe_load(block))
    except (yaml.YAMLError, ValidationError) as error:
        raise CardError(f"The card of {model} is not valid: {' '.join(str(error).split())}") from None
    if card.model != model:
        raise CardError(f"The card in the folder {model} is that of {card.model}.")
    return card


def weights_path(model: str) -> Path:
    """The weights of a model."""
    return models_folder() / model / "weights.safetensors"


def check_weights(card: Card) -> None:
    """Raise CardError unless the weights beside a card are those that it names."""
    path = weights_path(card.model)
    if not path.is_file():
        raise CardError(f"The model {card.model} has no weights.safetensors beside its card.")
    found = file_digest(path)
    if found != card.weights_sha256:
        raise CardError(f"The card of {card.model} is not that of its weights: it names {card.weights_sha256[:12]}, the file is {found[:12]}.")
