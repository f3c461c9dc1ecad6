"""Models: each model of the domain is asked its canary before a cycle trusts it; one that cannot be used has its reason."""

import os
from dataclasses import dataclass

from stormcycle.domain import Domain, load_domain
from stormcycle.nowcast.steps import LONGEST_MIN
from stormcycle.serving import ServingError, declared_contract, read_card, ready_model
from tasks.seam import Hour, log, stage

MOST_ROLLED = 2
"""How many times a model's horizon it may be asked for: beyond the first it starts from its own nowcast."""


@dataclass(frozen=True)
class ServedModel:
    """A model of the domain as this run found it: its version, or why its fallback stands in."""

    name: str
    version: str | None
    reason: str = ""


@stage()
def models(hour: Hour) -> list[ServedModel]:
    """The models that the domain names, each found right by the server at TRITON_URL, or not to be used.

    A broken model is loaded again, once.
    """
    domain = load_domain(hour.domain)
    return [found(name, domain.nowcast.deadline_seconds) for name in (domain.nowcast.model,) if name is not None]


def found(name: str, deadline_s: float) -> ServedModel:
    """A model as the server at TRITON_URL has it: its version, or why it cannot be used."""
    url = triton_url()
    if url is None:
        return ServedModel(name, None, "TRITON_URL is not set: no model is served.")
    try:
        ready = ready_model(url, name, deadline_s)
    except ServingError as error:
        log.warning("The model %s cannot be used: %s", name, error)
        return ServedModel(name, None, str(error))
    if ready.repaired:
        log.warning("The model %s was broken and has been loaded again.", name)
    return ServedModel(name, ready.version)


def check_models(domain: Domain) -> None:
    """Raise ValueError when a model that the domain names is made for another pixel or horizon, or frames are too far apart for it: no server can mend that.

    A model whose files are wrong is no error here: its fallback stands in, with the reason.
    """
    for key, name in (("model", domain.nowcast.model), *(("baselines", name) for name in domain.nowcast.baselines)):
        if name is not None:
            check_model(domain, key, name)


def check_model(domain: Domain, key: str, name: str) -> None:
    """`check_models` for one model, named by a key of `nowcast`."""
    try:
        card, contract = read_card(name), declared_contract(name)
    except ServingError:
        return
    pixel = domain.grid.resolution_m
    if pixel != card.resolution_m or domain.step_minutes > LONGEST_MIN:
        raise ValueError(
            f"The domain {domain.name} has a frame every {domain.step_minutes} min and pixels of {pixel:g} m; its nowcast.{key} {name} is made for "
            f"{card.step_minutes} min (at most {LONGEST_MIN:g} can be brought to that) and {card.resolution_m} m: leave the key out, or name another model."
        )
    horizon = card.step_minutes * contract.outputs[0].shape[1] // len(card.variables)
    if domain.nowcast.lead_minutes > MOST_ROLLED * horizon:
        raise ValueError(
            f"The domain {domain.name} has nowcast.lead_minutes {domain.nowcast.lead_minutes}; its nowcast.{key} {name} reaches {horizon} min, "
            f"and {MOST_ROLLED * horizon} min rolled from its own nowcast."
        )


def triton_url() -> str | None:
    """Where Triton answers, from the environment; none where it is not set."""
    return os.environ.get("TRITON_URL") or None
