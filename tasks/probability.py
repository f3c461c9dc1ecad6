"""Probability: exceedance of reflectivity thresholds from a small STEPS ensemble."""

from importlib.metadata import version

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import load_domain
from stormcycle.nowcast.probability import exceedance
from stormcycle.nowcast.product import known_pixels, lead_coordinates, probability_fields
from stormcycle.states import Degradation
from tasks.seam import Hour, Product, stage
from tasks.start import starting_frames

SOURCES = ("stormcycle/nowcast", "stormcycle/states.py", "tasks/start.py", "tasks/probability.py")
MODEL = "steps"
LEAST_FRAMES = 3


@stage()
def probability(hour: Hour, radar: Product) -> Product:
    """The product `probability`, or none where there is no nowcast or only two frames."""
    domain = load_domain(hour.domain)
    assert radar.reference is not None  # the mosaic always gives a radar product
    plan = radar.reference.notes["plan"]
    if plan == "none":
        return Product("probability", None)
    if radar.reference.notes["present"] < LEAST_FRAMES:
        return Product("probability", None, [Degradation("probability", "no_probability", "No probability: the ensemble needs three frames.")])
    settings = [domain.nowcast.model_dump(exclude={"baselines"}), domain.grid.resolution_m, domain.step_minutes, hour.cycle_time, plan]
    key = stage_key("probability", [radar.reference.digest], settings, SOURCES)
    reference = lookup(hour.folder, "probability", key)
    if reference is None:
        frames, velocity, newest = starting_frames(load(hour.folder, radar.reference), plan, hour.time, domain)
        leads = domain.nowcast.lead_minutes // domain.step_minutes
        rules = domain.nowcast
        shares = exceedance(
            frames["zh"], velocity, leads, rules.thresholds_dbz, rules.members, rules.seed, domain.grid.resolution_m / 1000.0, domain.step_minutes
        )
        coordinates = lead_coordinates(hour.time, leads, domain.step_minutes, newest)
        fields = probability_fields(shares, known_pixels(frames["zh"][-1], velocity, leads), rules.thresholds_dbz, coordinates)
        fields = fields.assign_attrs(model=MODEL, model_version=f"pysteps {version('pysteps')}", members=rules.members, seed=rules.seed)
        reference = save(hour.folder, "probability", key, fields, {"model": MODEL, "model_version": fields.attrs["model_version"]})
    return Product("probability", reference)
