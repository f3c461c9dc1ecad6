"""A model's nowcast in this process, by torch: for evaluations, which need no server."""

from collections.abc import Callable

import numpy as np
import torch

from stormcycle.export.weights import load_network
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, motion
from stormcycle.nowcast.lagrangian import seen_disc
from stormcycle.nowcast.neural import neural_forecast
from stormcycle.serving.cards import read_card


def forecaster(model: str) -> Callable[[np.ndarray, int], np.ndarray]:
    """A model as a method of evaluations: frames (10, y, x; dBZ) and a count of leads in, (lead, y, x) dBZ out, NaN where no radar sees.

    Raises CardError and ExportError as `load_network` does.
    """
    return nowcast_of(load_network(read_card(model)))


def nowcast_of(network: torch.nn.Module) -> Callable[[np.ndarray, int], np.ndarray]:
    """A network as a method of evaluations; see `forecaster`."""

    def residual(frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(frames), torch.from_numpy(mask)).numpy()

    def method(frames: np.ndarray, leads: int) -> np.ndarray:
        mask = seen_disc(frames) & ~np.isnan(frames[-1])
        return neural_forecast(frames, motion(frames[-MOTION_FRAMES:]), leads, mask, residual)

    return method
