"""A model's nowcast in this process: for evaluations, which need no server."""

from collections.abc import Sequence

import numpy as np
import torch

from stormcycle.export.weights import load_network
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, motion
from stormcycle.nowcast.lagrangian import mirrored, seen_disc
from stormcycle.nowcast.neural import MULTIPLE, Network, neural_forecast
from stormcycle.nowcast.variables import Fields
from stormcycle.serving.cards import read_card
from stormcycle.states import dry_filled
from stormcycle.verification.references import Method


def forecaster(model: str) -> Method:
    """A model as a method of evaluations, computed by torch. Raises CardError and ExportError as `load_network` does."""
    card = read_card(model)
    network = load_network(card)
    return method_of(by_torch(network), card.variables, card.sprog_share, frame_of(network))


def frame_of(network: torch.nn.Module) -> str:
    """The frame that a network stands in, its class's attribute `frame`: `moving` with the echoes (what is not said), or `fixed` to the grid."""
    return getattr(network, "frame", "moving")


def method_of(network: Network, variables: Sequence[str] = ("zh",), sprog_share: Sequence[float] = (), frame: str = "moving") -> Method:
    """A network as a method of evaluations: of each of `variables` that is there, (lead, y, x), NaN where no radar sees.

    sprog_share: as in `neural_forecast`. frame: `moving`, the network gives changes in the frame that moves with the echoes;
    `fixed`, it takes the frames as they stand and gives the forecast itself.
    """

    def method(frames: Fields, leads: int) -> Fields:
        mask = seen_disc(frames["zh"]) & ~np.isnan(frames["zh"][-1])
        if frame == "fixed":
            return _direct(frames, leads, mask, network, variables)
        return neural_forecast(frames, motion(frames["zh"][-MOTION_FRAMES:]), leads, mask, network, variables, sprog_share)

    return method


def _direct(frames: Fields, leads: int, mask: np.ndarray, network: Network, variables: Sequence[str]) -> Fields:
    """The forecast of a network that takes the frames as they stand; a variable that is not there is masked."""
    nothing, dark = np.zeros_like(frames["zh"]), np.zeros_like(mask)
    seen = [np.where(mask, dry_filled(frames[word]), 0.0) if word in frames else nothing for word in variables]
    masks = [mask if word in frames else dark for word in variables]
    asked = [mirrored(part, 0, MULTIPLE)[None].astype("float32") for part in (np.concatenate(seen), np.stack(masks))]
    answer = network(*asked)[0, :, : mask.shape[0], : mask.shape[1]]
    told = dict(zip(variables, np.split(answer, len(variables)), strict=True))
    made = {word: np.where(mask, values[:leads], np.nan) for word, values in told.items() if word in frames}
    return {**made, "zh": np.maximum(made["zh"], 0.0)}


def by_torch(network: torch.nn.Module) -> Network:
    """A torch module as what a nowcast asks."""

    def asked(frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(frames), torch.from_numpy(mask)).numpy()

    return asked
