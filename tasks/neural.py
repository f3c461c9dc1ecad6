"""Neural: a served model's nowcast from an hour's frames, as the stage `nowcast` and the verification ask for it."""

from dataclasses import replace

import numpy as np

from stormcycle.domain import Domain
from stormcycle.nowcast.neural import FRAMES, LEADS, Finish, Network, Pool, neural_exceedance, neural_forecast, reach_px
from stormcycle.nowcast.steps import at_step
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.serving import (
    BadTensorError,
    Card,
    Contract,
    DeadlinePassedError,
    MismatchedModelError,
    ServingError,
    declared_contract,
    infer,
    read_card,
    ready_model,
)
from stormcycle.serving.cards import EXCEEDANCE, REACHES
from tasks.models import triton_url
from tasks.seam import log


def served_forecast(domain: Domain, model: str, version: str, frames: Fields, velocity: np.ndarray) -> Fields:
    """The nowcast of a model that answered its canary: each variable that it knows and that is there, (lead, y, x), NaN where nothing is known.

    frames: (time, y, x) of each variable, one every step of the domain, the last of them at T; velocity: their motion (2, y, x; pixels a step). Those of
    another step than the model's are brought to it. Raises ServingError where the model cannot be had, takes its channels in another order, or cannot
    be told what it takes from these frames.
    """
    card, contract = read_card(model), declared_contract(model)
    check_order(card, contract)
    mask, network = ~np.isnan(frames["zh"][-1]), _network(domain, contract, version, contract.outputs[0].name)

    def ask(frames: Fields, velocity: np.ndarray, leads: int) -> Fields:
        return neural_forecast(frames, velocity, leads, mask, network, card.variables, Finish(card.sprog_share, card.offset_db))

    try:
        return at_step(ask, frames, velocity, leads_of(domain), domain.step_minutes, card.step_minutes)
    except ValueError as error:
        raise BadTensorError(str(error)) from None


def served_exceedance(domain: Domain, model: str, version: str, frames: Fields, velocity: np.ndarray) -> np.ndarray:
    """The probabilities by a model of the domain's thresholds: (threshold, lead, y, x), NaN where nothing is known.

    Parameters and errors as in `served_forecast`; MismatchedModelError too where the model tells no such probability.
    """
    card, contract = read_card(model), declared_contract(model)
    check_order(card, contract)
    mask, network = ~np.isnan(frames["zh"][-1]), _network(domain, contract, version, EXCEEDANCE)
    thresholds, pool = domain.nowcast.thresholds_dbz, Pool(card.neighbourhood_share, reach_px(card.step_minutes, card.resolution_m))

    def ask(frames: Fields, velocity: np.ndarray, leads: int) -> dict[float, np.ndarray]:
        told = neural_exceedance(frames, velocity, leads, mask, network, card.variables, card.thresholds, thresholds, pool)
        return dict(zip(thresholds, told, strict=True))

    try:
        return np.stack(list(at_step(ask, frames, velocity, leads_of(domain), domain.step_minutes, card.step_minutes).values()))
    except ValueError as error:
        raise BadTensorError(str(error)) from None


def tells_exceedance(domain: Domain, model: str) -> bool:
    """Whether a model's card says that it tells what the product `probability` of a domain holds: all its thresholds, as far ahead."""
    try:
        card = read_card(model)
    except ServingError:
        return False
    within = domain.nowcast.lead_minutes <= LEADS * card.step_minutes
    return within and set(domain.nowcast.thresholds_dbz) <= set(card.thresholds)


def leads_of(domain: Domain) -> int:
    """How many leads a domain's nowcast has."""
    return domain.nowcast.lead_minutes // domain.step_minutes


def _network(domain: Domain, contract: Contract, version: str, output: str) -> Network:
    """The served model as what a nowcast asks: one of its answers, and no other is sent."""
    asked = replace(contract, outputs=tuple(tensor for tensor in contract.outputs if tensor.name == output))

    def network(*inputs: np.ndarray) -> np.ndarray:
        return _asked(asked, version, inputs, domain.nowcast.deadline_seconds)[output]

    return network


def check_order(card: Card, contract: Contract) -> None:
    """Raise MismatchedModelError unless a model takes frames and masks, and gives changes, in the order in which a nowcast gives and takes them.

    The variables may come in any order; within each, frames from the oldest to the newest, leads rising.
    """
    words, step = card.variables, card.step_minutes
    leads = len(card.channels[contract.outputs[0].name]) // len(words)
    wanted = {
        contract.inputs[0].name: [f"{word}-{minutes}" for word in words for minutes in range((FRAMES - 1) * step, -1, -step)],
        contract.inputs[1].name: [f"observed-{word}" for word in words] if len(words) > 1 else ["observed"],
        contract.outputs[0].name: [f"{word}+{minutes}" for word in words for minutes in range(step, (leads + 1) * step, step)],
    }
    if card.thresholds:
        wanted[EXCEEDANCE] = [f"{REACHES}{one:g}+{minutes}" for one in card.thresholds for minutes in range(step, (leads + 1) * step, step)]
    for tensor, channels in wanted.items():
        if card.channels[tensor] != channels:
            raise MismatchedModelError(
                f"The model {card.model} has the channels {' '.join(card.channels[tensor])} in {tensor}, a nowcast {' '.join(channels)}."
            )
    if strange := [word for word in words if word not in VARIABLES]:
        raise MismatchedModelError(f"The model {card.model} takes {strange[0]}, which no radar product has; there are {', '.join(VARIABLES)}.")


def _asked(contract: Contract, version: str, inputs: tuple[np.ndarray, ...], deadline: float) -> dict[str, np.ndarray]:
    """The model's answers by name; one that fails between its canary and now is loaded again and asked once more."""
    url, model = triton_url(), contract.model
    assert url is not None  # the canary was asked there
    named = {tensor.name: values for tensor, values in zip(contract.inputs, inputs, strict=True)}
    try:
        return infer(url, contract, named, deadline)
    except (BadTensorError, DeadlinePassedError):
        raise  # asking again cannot help, or takes as long again
    except ServingError as error:
        log.warning("%s; the model is examined and asked once more.", error)
        if ready_model(url, model, deadline).version != version:
            raise MismatchedModelError(f"The weights of {model} were changed in the middle of the cycle.") from None
        return infer(url, contract, named, deadline)
