"""Models for cycles of the small domain: networks that are shipped, narrow, at its pixel of 2 km, their heads randomised."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stormcycle.export import export_model
from stormcycle.export.shipping import ship
from stormcycle.networks import build
from stormcycle.serving.cards import SHIPPED, Card

MODEL = "moving"
ARCHITECTURE = {"network": "smaat_unet", "width": 16}
DUAL, DUAL_ARCHITECTURE, DUAL_VARIABLES = "dual", {"network": "mrkan_exceedance"}, ("zh", "zdr", "kdp")
THRESHOLDS = (20, 30, 35, 40)
"""The model of three variables, which tells probabilities too."""


def make_moving(models: Path, served: Path, trained_on: tuple[str, ...] = ()) -> Card:
    """Write the model `moving`, of reflectivity alone, into a folder of models, and export it to what Triton serves. Sets STORMCYCLE_MODELS."""
    return make(MODEL, ARCHITECTURE, ("zh",), models, served, trained_on)


def make_dual(models: Path, served: Path) -> Card:
    """The same for the model `dual`, of three variables, which tells probabilities too."""
    return make(DUAL, DUAL_ARCHITECTURE, DUAL_VARIABLES, models, served)


def make(model: str, architecture: dict[str, Any], variables: Sequence[str], models: Path, served: Path, trained_on: tuple[str, ...] = ()) -> Card:
    """A model of an architecture: its sources and its export."""
    os.environ["STORMCYCLE_MODELS"] = str(models)
    folder = models / model
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(config_text(model, variables, THRESHOLDS if model == DUAL else ()))
    torch.manual_seed(3)
    network = build(**architecture).eval()
    nn.init.normal_((network.moving if model == DUAL else network).head.weight, std=0.05)
    fields = {"step_minutes": 6, "resolution_m": 2000, "chosen_on": [], "licence": "Apache-2.0"}
    card = ship(model, network, "A model for tests.", architecture=architecture, trained_on=list(trained_on), **fields)
    export_model(model, served)
    return card


def config_text(model: str, variables: Sequence[str], thresholds: Sequence[int] = ()) -> str:
    """The config.pbtxt of smaat_unet, made that of a model of some variables that tells the probabilities of some thresholds."""
    text = (SHIPPED / "smaat_unet" / "config.pbtxt").read_text().replace('"smaat_unet"', f'"{model}"')
    channels = {
        "frames": [f"{word}-{minutes}" for word in variables for minutes in range(54, -1, -6)],
        "mask": [f"observed-{word}" for word in variables] if len(variables) > 1 else ["observed"],
        "residual": [f"{word}+{minutes}" for word in variables for minutes in range(6, 61, 6)],
    }
    for tensor, names in channels.items():
        text = re.sub(rf'(name: "{tensor}" .*dims: \[ -1, )\d+', rf"\g<1>{len(names)}", text)
        text = re.sub(rf'(channels\.{tensor}" value {{ string_value: )"[^"]*"', rf'\g<1>"{" ".join(names)}"', text)
    if thresholds:
        names = " ".join(f"zh>={threshold}+{minutes}" for threshold in thresholds for minutes in range(6, 61, 6))
        text += f'output [ {{ name: "exceedance" data_type: TYPE_FP32 dims: [ -1, {10 * len(thresholds)}, -1, -1 ] }} ]\n'
        text += f'parameters {{ key: "channels.exceedance" value {{ string_value: "{names}" }} }}\n'
    return text
