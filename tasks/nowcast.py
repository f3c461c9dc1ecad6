"""Nowcast: the served model where ten frames are there, else extrapolation; rain by the domain's Z-R relation."""

from dataclasses import replace
from importlib import metadata

import numpy as np
import xarray as xr

from stormcycle.cycle import Reference, load, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.nowcast.frames import extrapolated
from stormcycle.nowcast.product import known_pixels, lead_coordinates, nowcast_fields
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.serving import ServingError, read_card
from stormcycle.states import Degradation
from tasks.models import ServedModel
from tasks.neural import leads_of, served_forecast
from tasks.seam import Hour, Product, log, stage
from tasks.start import starting_frames

SOURCES = ("stormcycle/nowcast", "stormcycle/states.py", "tasks/start.py", "tasks/neural.py", "tasks/nowcast.py")
EXTRAPOLATION = "extrapolation"


@stage()
def nowcast(hour: Hour, radar: Product, served: list[ServedModel]) -> Product:
    """The product `nowcast`: the domain's model, or extrapolation in its place, or none where frames are too few or too old."""
    domain = load_domain(hour.domain)
    assert radar.reference is not None  # the mosaic always gives a radar product
    plan = radar.reference.notes["plan"]
    if plan == "none":
        return Product("nowcast", None, [Degradation("nowcast", "no_nowcast", "No nowcast: too few radar frames, or too old.")])
    made = Product("nowcast", None)
    if plan == "extrapolated":
        present, age = radar.reference.notes["present"], radar.reference.notes["newest_age_min"]
        reason = f"Extrapolated from {present} frames, the newest {age:g} min old, first carried to T: too few for filling, or too old."
        made = replace(made, degraded=[Degradation("nowcast", "extrapolated_from_old_frames", reason)])
    elif domain.nowcast.model is not None:
        model = next(one for one in served if one.name == domain.nowcast.model)
        try:
            return replace(made, reference=_neural(hour, domain, radar.reference, model))
        except ServingError as error:
            log.warning("Extrapolation stands in for %s: %s", model.name, error)
            decision = {"stage": "nowcast", "model": model.name, "fallback": EXTRAPOLATION, "reason": str(error)}
            reason = f"Extrapolation stands in for {model.name}. {error}"
            made = replace(made, degraded=[Degradation("nowcast", "model_unavailable", reason)], decisions=[decision])
    return replace(made, reference=_extrapolated(hour, domain, radar.reference))


def _neural(hour: Hour, domain: Domain, radar: Reference, model: ServedModel) -> Reference:
    """The model's nowcast; one that is made already needs no server. Raises ServingError where it cannot be had."""
    card = read_card(model.name)
    version = card.version
    key = _key(hour, domain, radar, model.name, f"{version} {card.sprog_share} {card.offset_db}")  # the same weights may be finished otherwise
    reference = lookup(hour.folder, "nowcast", key)
    if reference is not None:
        return reference
    if model.version is None:
        raise ServingError(model.reason)
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    forecast = served_forecast(domain, model.name, version, frames, velocity)
    beside = extrapolated({word: values[-1] for word, values in frames.items()}, velocity, len(forecast["zh"]))
    told = {"model": model.name, "model_version": version, "model_inputs": " ".join(forecast)}
    return _saved(hour, domain, key, beside | forecast, ~np.isnan(forecast["zh"]), newest, told)


def _extrapolated(hour: Hour, domain: Domain, radar: Reference) -> Reference:
    """The newest frame carried along its motion."""
    model_version = _pysteps()
    key = _key(hour, domain, radar, EXTRAPOLATION, model_version)
    reference = lookup(hour.folder, "nowcast", key)
    if reference is not None:
        return reference
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    forecast = extrapolated({word: values[-1] for word, values in frames.items()}, velocity, leads_of(domain))
    told = {"model": EXTRAPOLATION, "model_version": model_version, "model_inputs": " ".join(forecast)}
    return _saved(hour, domain, key, forecast, known_pixels(frames["zh"][-1], velocity, leads_of(domain)), newest, told)


def _key(hour: Hour, domain: Domain, radar: Reference, model: str, model_version: str) -> str:
    """The key of a nowcast: where and by which deadline a model is asked does not change its answer."""
    rules = domain.nowcast.model_dump(exclude={"model", "baselines", "deadline_seconds"})
    settings = [rules, domain.radar.quality.noise_floor_dbz, domain.zr.model_dump(), domain.step_minutes, hour.cycle_time, radar.notes["plan"]]
    return stage_key("nowcast", [radar.digest, f"{model}@{model_version}"], settings, SOURCES)


def _saved(hour: Hour, domain: Domain, key: str, forecast: Fields, known: np.ndarray, newest: np.datetime64, told: dict[str, str]) -> Reference:
    """The nowcast as it is kept, with what is `told` of its model; variables that the model does not know are extrapolated, and say so."""
    coordinates = lead_coordinates(hour.time, len(forecast["zh"]), domain.step_minutes, newest)
    fields: xr.Dataset = nowcast_fields(forecast, known, coordinates, domain.step_minutes, domain.zr, domain.radar.quality.noise_floor_dbz)
    for word in forecast.keys() - set(told["model_inputs"].split()):
        fields[VARIABLES[word]].attrs.update(model=EXTRAPOLATION, model_version=_pysteps())
    return save(hour.folder, "nowcast", key, fields.assign_attrs(told), {name: told[name] for name in ("model", "model_version")})


def _pysteps() -> str:
    """The version of what extrapolates."""
    return f"pysteps {metadata.version('pysteps')}"
