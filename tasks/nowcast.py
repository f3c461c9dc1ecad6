"""Nowcast: the served model where ten frames are there, else extrapolation; rain by the domain's Z-R relation."""

from dataclasses import replace
from importlib import metadata

import numpy as np
import xarray as xr

from stormcycle.cycle import Reference, load, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.nowcast.extrapolation import advect
from stormcycle.nowcast.neural import FRAMES, neural_forecast
from stormcycle.nowcast.product import known_pixels, lead_coordinates, nowcast_fields
from stormcycle.serving import BadTensorError, DeadlinePassedError, MismatchedModelError, ServingError, declared_contract, infer, read_card, ready_model
from stormcycle.states import Degradation, dry_filled
from tasks.models import ServedModel, triton_url
from tasks.seam import Hour, Product, log, stage
from tasks.start import starting_frames

SOURCES = ("stormcycle/nowcast", "stormcycle/states.py", "tasks/start.py", "tasks/nowcast.py")
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
        reason = f"The newest frame is {radar.reference.notes['newest_age_min']} min old and was first carried to T."
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
    version = read_card(model.name).version
    key = _key(hour, domain, radar, model.name, version)
    reference = lookup(hour.folder, "nowcast", key)
    if reference is not None:
        return reference
    if model.version is None:
        raise ServingError(model.reason)
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    mask = ~np.isnan(frames[-1])
    forecast = neural_forecast(frames[-FRAMES:], velocity, _leads(domain), mask, lambda *inputs: _asked(domain, model.name, version, inputs))
    return _saved(hour, domain, key, forecast, ~np.isnan(forecast), newest, model.name, version)


def _asked(domain: Domain, model: str, version: str, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """The model's answer; one that fails between its canary and now is loaded again and asked once more."""
    url, contract, deadline = triton_url(), declared_contract(model), domain.nowcast.deadline_seconds
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


def _extrapolated(hour: Hour, domain: Domain, radar: Reference) -> Reference:
    """The newest frame carried along its motion."""
    model_version = f"pysteps {metadata.version('pysteps')}"
    key = _key(hour, domain, radar, EXTRAPOLATION, model_version)
    reference = lookup(hour.folder, "nowcast", key)
    if reference is not None:
        return reference
    frames, velocity, newest = starting_frames(load(hour.folder, radar), radar.notes["plan"], hour.time, domain)
    leads = _leads(domain)
    forecast = advect(dry_filled(frames[-1]), velocity, range(1, leads + 1))
    return _saved(hour, domain, key, forecast, known_pixels(frames[-1], velocity, leads), newest, EXTRAPOLATION, model_version)


def _leads(domain: Domain) -> int:
    return domain.nowcast.lead_minutes // domain.step_minutes


def _key(hour: Hour, domain: Domain, radar: Reference, model: str, model_version: str) -> str:
    """The key of a nowcast: where and by which deadline a model is asked does not change its answer."""
    rules = domain.nowcast.model_dump(exclude={"model", "deadline_seconds"})
    settings = [rules, domain.radar.quality.noise_floor_dbz, domain.zr.model_dump(), domain.step_minutes, hour.cycle_time, radar.notes["plan"]]
    return stage_key("nowcast", [radar.digest, f"{model}@{model_version}"], settings, SOURCES)


def _saved(hour: Hour, domain: Domain, key: str, forecast: np.ndarray, known: np.ndarray, newest: np.datetime64, model: str, model_version: str) -> Reference:
    coordinates = lead_coordinates(hour.time, len(forecast), domain.step_minutes, newest)
    fields: xr.Dataset = nowcast_fields(forecast, known, coordinates, domain.step_minutes, domain.zr, domain.radar.quality.noise_floor_dbz)
    named = {"model": model, "model_version": model_version}
    return save(hour.folder, "nowcast", key, fields.assign_attrs(named), dict(named))
