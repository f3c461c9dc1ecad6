"""A model's nowcast in this process: for evaluations, which need no server."""

import numpy as np
import torch

from stormcycle.export.weights import load_network
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, motion
from stormcycle.nowcast.lagrangian import seen_disc
from stormcycle.nowcast.neural import Network, neural_forecast
from stormcycle.serving.cards import read_card
from stormcycle.verification.references import Method


def forecaster(model: str) -> Method:
    """A model as a method of evaluations, computed by torch. Raises CardError and ExportError as `load_network` does."""
    return method_of(by_torch(load_network(read_card(model))))


def method_of(network: Network) -> Method:
    """A network as a method of evaluations: frames (10, y, x; dBZ) and a count of leads in, (lead, y, x) dBZ out, NaN where no radar sees."""

    def method(frames: np.ndarray, leads: int) -> np.ndarray:
        mask = seen_disc(frames) & ~np.isnan(frames[-1])
        return neural_forecast(frames, motion(frames[-MOTION_FRAMES:]), leads, mask, network)

    return method


def by_torch(network: torch.nn.Module) -> Network:
    """A torch module as what a nowcast asks."""

    def asked(frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(frames), torch.from_numpy(mask)).numpy()

    return asked
