"""A models' folder of one's own with a fresh network in it, its head randomised: a zero head would make every comparison pass."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stormcycle.export.shipping import ship
from stormcycle.networks import build
from stormcycle.serving.cards import SHIPPED, Card

MODEL = "smaat_unet"
ARCHITECTURE = {"network": MODEL, "width": 16}
FIELDS = {"step_minutes": 6, "resolution_m": 3000, "trained_on": ["nothing"], "chosen_on": [], "licence": "Apache-2.0"}


@pytest.fixture
def random_network() -> Callable[..., nn.Module]:
    """Makes a small SmaAt-UNet whose residuals are some dB."""

    def made(seed: int = 1, **settings: int) -> nn.Module:
        torch.manual_seed(seed)
        network = build(**{**ARCHITECTURE, **settings}).eval()
        nn.init.normal_(network.head.weight, std=0.1)
        nn.init.normal_(network.head.bias, std=0.1)
        return network

    return made


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the models' sources: configurations as committed, no weights yet."""
    folder = tmp_path / "models"
    (folder / MODEL / "configs").mkdir(parents=True)
    for name in ("config.pbtxt", "configs/tensorrt.pbtxt"):
        shutil.copy(SHIPPED / MODEL / name, folder / MODEL / name)
    monkeypatch.setenv("STORMCYCLE_MODELS", str(folder))
    return folder


@pytest.fixture
def shipped(models: Path) -> Callable[..., Card]:
    """Ships a network as smaat_unet, of width 16 unless fields of the card say otherwise."""

    def made(network: nn.Module, **fields: Any) -> Card:
        return ship(MODEL, network, "# A network of the tests", **{"architecture": ARCHITECTURE, **FIELDS, **fields})

    return made


@pytest.fixture
def network(random_network: Callable[..., nn.Module], shipped: Callable[..., Card]) -> nn.Module:
    """A random network that is shipped."""
    made = random_network()
    shipped(made)
    return made
