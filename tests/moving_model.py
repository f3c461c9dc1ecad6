"""A model for cycles of the small domain: the network that is shipped, narrow, at its pixel of 2 km, its head randomised."""

import os
from pathlib import Path

import torch
from torch import nn

from stormcycle.export import export_model
from stormcycle.export.shipping import ship
from stormcycle.networks import build
from stormcycle.serving.cards import SHIPPED, Card

MODEL = "moving"
ARCHITECTURE = {"network": "smaat_unet", "width": 16}


def make_moving(models: Path, served: Path, trained_on: tuple[str, ...] = ()) -> Card:
    """Write the model's sources into a folder of models, and export it to what Triton serves. Sets STORMCYCLE_MODELS."""
    os.environ["STORMCYCLE_MODELS"] = str(models)
    folder = models / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text((SHIPPED / "smaat_unet" / "config.pbtxt").read_text().replace('"smaat_unet"', f'"{MODEL}"'))
    torch.manual_seed(3)
    network = build(**ARCHITECTURE).eval()
    nn.init.normal_(network.head.weight, std=0.05)
    fields = {"step_minutes": 6, "resolution_m": 2000, "chosen_on": [], "licence": "Apache-2.0"}
    card = ship(MODEL, network, "A model for tests.", architecture=ARCHITECTURE, trained_on=list(trained_on), **fields)
    export_model(MODEL, served)
    return card
