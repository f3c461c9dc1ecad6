"""Neural: a served model's nowcast from an hour's frames, as the stage `nowcast` and the verification ask for it."""

import numpy as np

from stormcycle.domain import Domain
from stormcycle.nowcast.neural import FRAMES, neural_forecast
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
from tasks.models import triton_url
from tasks.seam import log


def served_forecast(domain: Domain, model: str, version: str, frames: Fields, velocity: np.ndarray) -> Fields:
    """The nowcast of a model that answered its canary: each variable that it knows and that is there, (lead, y, x), NaN where nothing is known.

    frames: (time, y, x) of each variable, the last of them at T; velocity: their motion (2, y, x; pixels a step).
    Raises ServingError where the model cannot be had, takes its channels in another order, or other than the ten frames that a network takes.
    """
    card, contract = read_card(model), declared_contract(model)
    check_order(card, contract)
    latest = {word: values[-FRAMES:] for word, values in frames.items()}
    mask = ~np.isnan(latest["zh"][-1])
    leads = domain.nowcast.lead_minutes // domain.step_minutes

    def network(*inputs: np.ndarray) -> np.ndarray:
        return _asked(contract, version, inputs, domain.nowcast.deadline_seconds)

    try:
        return neural_forecast(latest, velocity, leads, mask, network, card.variables, card.sprog_share)
    except ValueError as error:
        raise BadTensorError(str(error)) from None


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
    for tensor, channels in wanted.items():
        if card.channels[tensor] != channels:
            raise MismatchedModelError(
                f"The model {card.model} has the channels {' '.join(card.channels[tensor])} in {tensor}, a nowcast {' '.join(channels)}."
            )
    if strange := [word for word in words if word not in VARIABLES]:
        raise MismatchedModelError(f"The model {card.model} takes {strange[0]}, which no radar product has; there are {', '.join(VARIABLES)}.")


def _asked(contract: Contract, version: str, inputs: tuple[np.ndarray, ...], deadline: float) -> np.ndarray:
    """The model's answer; one that fails between its canary and now is loaded again and asked once more."""
    url, model = triton_url(), contract.model
    assert url is not None  # the canary was asked there
    named = {tensor.name: values for tensor, values in zip(contract.inputs, inputs, strict=True)}
    try:
        answer = infer(url, contract, named, deadline)
    except (BadTensorError, DeadlinePassedError):
        raise  # asking again cannot help, or takes as long again
    except ServingError as error:
        log.warning("%s; the model is examined and asked once more.", error)
        if ready_model(url, model, deadline).version != version:
            raise MismatchedModelError(f"The weights of {model} were changed in the middle of the cycle.") from None
        answer = infer(url, contract, named, deadline)
    return answer[contract.outputs[0].name]
