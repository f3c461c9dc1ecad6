"""Whether a cycle may trust a model: server, contract, weights and canary; what is broken is loaded again, once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stormcycle.home import home
from stormcycle.serving.canary import canary_question, check_canary
from stormcycle.serving.cards import Card, check_weights, read_card
from stormcycle.serving.client import infer, patiently, reload_model, served_contract
from stormcycle.serving.contract import Contract, check_served, declared_contract
from stormcycle.serving.errors import DeadlinePassedError, MismatchedModelError, ModelBrokenError, ModelMissingError

CURABLE = (ModelMissingError, ModelBrokenError, MismatchedModelError, DeadlinePassedError)
"""What loading again may cure: a dead process or a hanging one, a model not loaded, one exported anew since."""


@dataclass(frozen=True)
class Ready:
    """A model that answered its canary rightly: its version, what it takes and gives, and whether it had to be loaded again."""

    model: str
    version: str
    repaired: bool
    contract: Contract


def ready_model(url: str, model: str, deadline_s: float) -> Ready:
    """A model of a server, found right; `deadline_s` is for the canary. A broken, dead or missing one is unloaded and loaded once.

    Raises a ServingError that says what is wrong: CardError and MismatchedModelError for the files of the model,
    ServerDownError when nobody answers in some seconds, else as `infer` does.
    """
    card, contract = read_card(model), declared_contract(model)
    check_weights(card)
    patiently(url)
    try:
        _examine(url, contract, card, deadline_s)
    except CURABLE:
        with one_at_a_time(model) as waited:
            if not (waited and _is_cured(url, contract, card, deadline_s)):
                reload_model(url, model)
                _examine(url, contract, card, deadline_s)
        return Ready(model, card.version, True, contract)
    return Ready(model, card.version, False, contract)


def _examine(url: str, contract: Contract, card: Card, deadline_s: float) -> None:
    check_served(served_contract(url, contract.model), contract, card)
    check_canary(contract.model, infer(url, contract, canary_question(contract), deadline_s), card.canary)


def _is_cured(url: str, contract: Contract, card: Card, deadline_s: float) -> bool:
    """Whether the cycle that we waited for has loaded the model."""
    try:
        _examine(url, contract, card, deadline_s)
    except CURABLE:
        return False
    return True


@contextmanager
def one_at_a_time(model: str) -> Iterator[bool]:
    """Hourly cycles of several domains find a dead model in the same second: one of this machine loads it, the others wait. Whether we did."""
    path = home() / "servers" / f"{model}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waited = True
        yield waited
