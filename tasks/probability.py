"""Probability: exceedance of reflectivity thresholds, by the domain's model where it tells them, else from a small STEPS ensemble."""

from dataclasses import replace
from importlib.metadata import version

import numpy as np

from stormcycle.cycle import Reference, load, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.nowcast.probability import exceedance
from stormcycle.nowcast.product import known_pixels, lead_coordinates, probability_fields
from stormcycle.serving import ServingError, read_card
from stormcycle.states import Degradation
from tasks.models import ServedModel
from tasks.neural import leads_of, served_exceedance, tells_exceedance
from tasks.seam import Hour, Product, log, stage
from tasks.start import starting_frames

SOURCES = ("stormcycle/nowcast", "stormcycle/states.py", "tasks/start.py", "tasks/neural.py", "tasks/probability.py")
ENSEMBLE = "steps"
LEAST_FRAMES = 3


@stage()
def probability(hour: Hour, radar: Product, served: list[ServedModel]) -> Product:
    """The product `probability`, or none where there is no nowcast or only two frames."""
    domain = load_domain(hour.domain)
    assert radar.reference is not None  # the mosaic always gives a radar product
    plan = radar.reference.notes["plan"]
    made = Product("probability", None)
    if plan == "none":
        return made
    if radar.reference.notes["present"] < LEAST_FRAMES:
        return replace(made, degraded=[Degradation("probability", "no_probability", "No probability: the ensemble needs three frames.")])
    name = domain.nowcast.model
    if plan != "extrapolated" and name is not None and tells_exceedance(domain, name):
        model = next(one for one in served if one.name == name)
        try:
            return replace(made, reference=_neural(hour, domain, radar.reference, model))
        except ServingError as error:
            log.warning("An ensemble stands in for the probabilities of %s: %s", name, error)
            decision = {"stage": "probability", "model": name, "fallback": ENSEMBLE, "reason": str(error)}
            reason = f"A STEPS ensemble stands in for the probabilities of {name}. {error}"
            made = replace(made, degraded=[Degradation("probability", "model_unavailable", reason)], decisions=[decision])
    return replace(made, reference=_ensemble(hour, domain, radar.reference))


def _neural(hour: Hour, domain: Domain, radar: Reference, model: ServedModel) -> Reference:
    """The model's probabilities; those that are made already need no server. Raises ServingError where they cannot be had."""
    card = read_card(model.name)
    weights = card.version
    key = _key(hour, domain, radar, model.name, f"{weights} {card.neighbourhood_share}")  # the same weights may be pooled otherwise
    reference = lookup(hour.folder, "probability", key)
    if reference is not None:
        return reference
    if model.version is None:
        raise ServingError(model.reason)
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    chances = served_exceedance(domain, model.name, weights, frames, velocity)
    return _saved(hour, domain, key, chances, ~np.isnan(chances).any(axis=0), newest, {"model": model.name, "model_version": weights})


def _ensemble(hour: Hour, domain: Domain, radar: Reference) -> Reference:
    """The share of an ensemble's members."""
    model_version, rules = f"pysteps {version('pysteps')}", domain.nowcast
    key = _key(hour, domain, radar, ENSEMBLE, model_version)
    reference = lookup(hour.folder, "probability", key)
    if reference is not None:
        return reference
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    leads = leads_of(domain)
    shares = exceedance(frames["zh"], velocity, leads, rules.thresholds_dbz, rules.members, rules.seed, domain.grid.resolution_m / 1000.0, domain.step_minutes)
    told: dict[str, str | int] = {"model": ENSEMBLE, "model_version": model_version, "members": rules.members, "seed": rules.seed}
    return _saved(hour, domain, key, shares, known_pixels(frames["zh"][-1], velocity, leads), newest, told)


def _key(hour: Hour, domain: Domain, radar: Reference, model: str, model_version: str) -> str:
    """The key of the probabilities: where and by which deadline a model is asked does not change its answer."""
    rules = domain.nowcast.model_dump(exclude={"model", "baselines", "deadline_seconds"})
    settings = [rules, domain.grid.resolution_m, domain.step_minutes, hour.cycle_time, radar.notes["plan"]]
    return stage_key("probability", [radar.digest, f"{model}@{model_version}"], settings, SOURCES)


def _saved(hour: Hour, domain: Domain, key: str, chances: np.ndarray, known: np.ndarray, newest: np.datetime64, told: dict[str, str | int]) -> Reference:
    """The probabilities as they are kept, with what is `told` of their model."""
    coordinates = lead_coordinates(hour.time, chances.shape[1], domain.step_minutes, newest)
    fields = probability_fields(chances, known, domain.nowcast.thresholds_dbz, coordinates)
    return save(hour.folder, "probability", key, fields.assign_attrs(told), {"model": told["model"], "model_version": told["model_version"]})
