"""A model's nowcast in this process: for evaluations, which need no server."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch

from stormcycle.export.weights import load_network
from stormcycle.nowcast.extrapolation import MOTION_FRAMES, motion
from stormcycle.nowcast.lagrangian import mirrored, seen_disc
from stormcycle.nowcast.neural import ALONE, AS_IT_IS, MULTIPLE, Finish, Network, Pool, neural_exceedance, neural_forecast, reach_px
from stormcycle.nowcast.steps import Key, at_step
from stormcycle.nowcast.variables import Fields
from stormcycle.serving.cards import Card, read_card
from stormcycle.states import dry_filled
from stormcycle.verification.chances import ChanceMethod
from stormcycle.verification.references import Method


def forecaster(model: str, step_minutes: float | None = None) -> Method:
    """A model as a method of evaluations of frames of a step (none: the model's own), computed by torch.

    Raises CardError and ExportError as `load_network` does.
    """
    card = read_card(model)
    network = load_network(card)
    return _stepped(method_of(by_torch(network), card.variables, Finish(card.sprog_share, card.offset_db), frame_of(network)), card, step_minutes)


def exceedance_forecaster(model: str, step_minutes: float | None = None) -> ChanceMethod | None:
    """A model's exceedance probabilities as a method of evaluations; none where the model tells none, or not as far as ten steps reach.

    Parameters and errors as in `forecaster`.
    """
    card = read_card(model)
    if not card.thresholds or (step_minutes or 0) > card.step_minutes:
        return None
    pool = Pool(card.neighbourhood_share, reach_px(card.step_minutes, card.resolution_m))
    told = chances_of(by_torch(load_network(card), answer=1), card.variables, card.thresholds, pool)

    def method(frames: Fields, leads: int, thresholds: Sequence[float]) -> np.ndarray:
        stepped = _stepped(lambda frames, leads: dict(zip(thresholds, told(frames, leads, thresholds), strict=True)), card, step_minutes)
        return np.stack(list(stepped(frames, leads).values()))

    return method


def _stepped(method: Callable[[Fields, int], dict[Key, np.ndarray]], card: Card, step_minutes: float | None) -> Callable[[Fields, int], dict[Key, np.ndarray]]:
    """A method of a model's own step as one of frames of another."""
    if step_minutes is None or step_minutes == card.step_minutes:
        return method

    def stepped(frames: Fields, leads: int) -> dict[Key, np.ndarray]:
        velocity = motion(frames["zh"][-MOTION_FRAMES:])
        return at_step(lambda frames, _, leads: method(frames, leads), frames, velocity, leads, step_minutes, card.step_minutes)

    return stepped


def chances_of(network: Network, variables: Sequence[str], told: Sequence[float], pool: Pool = ALONE) -> ChanceMethod:
    """A network that tells the probabilities of some thresholds as a method of evaluations, which asks for some of them."""

    def method(frames: Fields, leads: int, thresholds: Sequence[float]) -> np.ndarray:
        mask = seen_disc(frames["zh"]) & ~np.isnan(frames["zh"][-1])
        return neural_exceedance(frames, motion(frames["zh"][-MOTION_FRAMES:]), leads, mask, network, variables, told, thresholds, pool)

    return method


def frame_of(network: torch.nn.Module) -> str:
    """The frame that a network stands in, its class's attribute `frame`: `moving` with the echoes (what is not said), or `fixed` to the grid."""
    return getattr(network, "frame", "moving")


def method_of(network: Network, variables: Sequence[str] = ("zh",), finish: Finish = AS_IT_IS, frame: str = "moving") -> Method:
    """A network as a method of evaluations: of each of `variables` that is there, (lead, y, x), NaN where no radar sees.

    finish: as in `neural_forecast`. frame: `moving`, the network gives changes in the frame that moves with the echoes;
    `fixed`, it takes the frames as they stand and gives the forecast itself.
    """

    def method(frames: Fields, leads: int) -> Fields:
        mask = seen_disc(frames["zh"]) & ~np.isnan(frames["zh"][-1])
        if frame == "fixed":
            return _direct(frames, leads, mask, network, variables)
        return neural_forecast(frames, motion(frames["zh"][-MOTION_FRAMES:]), leads, mask, network, variables, finish)

    return method


def _direct(frames: Fields, leads: int, mask: np.ndarray, network: Network, variables: Sequence[str]) -> Fields:
    """The forecast of a network that takes the frames as they stand; zh is asked for by itself, and a variable that is not there is masked."""
    nothing, dark = np.zeros_like(frames["zh"]), np.zeros_like(mask)

    def told(shown: Collection[str]) -> Fields:
        seen = [np.where(mask, dry_filled(frames[word]), 0.0) if word in shown else nothing for word in variables]
        masks = [mask if word in shown else dark for word in variables]
        asked = [mirrored(part, 0, MULTIPLE)[None].astype("float32") for part in (np.concatenate(seen), np.stack(masks))]
        answer = network(*asked)[0, :, : mask.shape[0], : mask.shape[1]]
        return {word: np.where(mask, values[:leads], np.nan) for word, values in zip(variables, np.split(answer, len(variables)), strict=True) if word in shown}

    known = [word for word in variables if word in frames]
    return {**(told(known) if len(known) > 1 else {}), "zh": np.maximum(told(["zh"])["zh"], 0.0)}


def by_torch(network: torch.nn.Module, answer: int = 0) -> Network:
    """A torch module as what a nowcast asks: its only answer, or one of several."""

    def asked(frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            told = network(torch.from_numpy(frames), torch.from_numpy(mask))
        return (told[answer] if isinstance(told, tuple) else told).numpy()

    return asked
