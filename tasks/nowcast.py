"""Nowcast: extrapolation of the hour's frames, rain by the domain's Z-R relation."""

from importlib.metadata import version

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import load_domain
from stormcycle.nowcast.extrapolation import advect
from stormcycle.nowcast.product import known_pixels, lead_coordinates, nowcast_fields
from stormcycle.states import Degradation, dry_filled
from tasks.seam import Hour, Product, stage
from tasks.start import starting_frames

SOURCES = ("stormcycle/nowcast", "stormcycle/states.py", "tasks/start.py", "tasks/nowcast.py")
MODEL = "extrapolation"


@stage()
def nowcast(hour: Hour, radar: Product) -> Product:
    """The product `nowcast`, or none with its reason where frames are too few or too old."""
    domain = load_domain(hour.domain)
    assert radar.reference is not None  # the mosaic always gives a radar product
    plan = radar.reference.notes["plan"]
    if plan == "none":
        return Product("nowcast", None, [Degradation("nowcast", "no_nowcast", "No nowcast: too few radar frames, or too old.")])
    settings = [domain.nowcast.model_dump(), domain.radar.quality.noise_floor_dbz, domain.zr.model_dump(), domain.step_minutes, hour.cycle_time, plan]
    key = stage_key("nowcast", [radar.reference.digest], settings, SOURCES)
    reference = lookup(hour.folder, "nowcast", key)
    if reference is None:
        frames, velocity, newest = starting_frames(load(hour.folder, radar.reference), plan, hour.time, domain)
        leads = domain.nowcast.lead_minutes // domain.step_minutes
        forecast = advect(dry_filled(frames[-1]), velocity, range(1, leads + 1))
        coordinates = lead_coordinates(hour.time, leads, domain.step_minutes, newest)
        known = known_pixels(frames[-1], velocity, leads)
        fields = nowcast_fields(forecast, known, coordinates, domain.step_minutes, domain.zr, domain.radar.quality.noise_floor_dbz)
        fields = fields.assign_attrs(model=MODEL, model_version=f"pysteps {version('pysteps')}")
        reference = save(hour.folder, "nowcast", key, fields, {"model": MODEL, "model_version": fields.attrs["model_version"]})
    if plan != "extrapolated":
        return Product("nowcast", reference)
    reason = f"The newest frame is {radar.reference.notes['newest_age_min']} min old and was first carried to T."
    return Product("nowcast", reference, [Degradation("nowcast", "extrapolated_from_old_frames", reason)])
