"""The cycle of one domain and one hour, from pinned inputs to a release."""

from prefect import flow, runtime

from flows.branches import beside, by_deadline, made_by, satellite_branch
from flows.triton import watched
from stormcycle.times import iso, now, parse_time
from tasks.analysis import analysis
from tasks.background import background
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.gate import gate_fields, gate_products, prepare_gates
from tasks.grid import grid
from tasks.models import models
from tasks.mosaic import mosaic
from tasks.nowcast import nowcast
from tasks.pin import pin
from tasks.probability import probability
from tasks.quality import quality
from tasks.release import Outcome, release, released
from tasks.seam import log


def run_name() -> str:
    """The name of a flow run: its domain and hour."""
    parameters = runtime.flow_run.parameters
    return f"{parameters['domain']} {parameters['cycle_time'] or scheduled_hour()}"


@flow(name="cycle", flow_run_name=run_name, persist_result=False)
def cycle(domain: str, cycle_time: str | None = None, revise: bool = False) -> Outcome:
    """Release one hour of a domain; without a cycle time, the hour that the run was scheduled for.

    An hour that is released already is returned, with nothing computed, unless `revise` asks to look again.
    """
    cycle_time = cycle_time or scheduled_hour()
    if not revise and (done := released(domain, cycle_time)) is not None:
        return done
    prepare_gates()
    hour = pin(domain, cycle_time, revise)
    sky, model = beside(satellite_branch, hour), beside(background, hour)
    fetched = fetch(hour)
    volumes = decode(hour, fetched)
    checked = quality(hour, volumes)
    grids = grid(hour, checked)
    passed = gate_fields(hour, grids)
    radar = mosaic(hour, passed)
    watch_triton()
    served = models(hour)
    forecast = nowcast(hour, radar, served)
    chances = probability(hour, radar, served)
    seen, expected = by_deadline(sky, "satellite"), by_deadline(model, "background")
    corrected = analysis(hour, radar, expected)
    products = gate_products(hour, [radar, forecast, chances, *made_by(seen, expected), *corrected])
    return release(hour, [*passed, *seen.items, *expected.items], products)


def watch_triton() -> None:
    """Hold the memory of the Triton server of this machine against its limit, where there is one."""
    if (done := watched()) is not None:
        log.warning(done)


def scheduled_hour() -> str:
    """The full hour at or before the time that this flow run was scheduled for; the present outside a run."""
    scheduled = runtime.flow_run.scheduled_start_time
    time = parse_time(scheduled.isoformat()) if scheduled is not None else now()
    return iso(time.astype("datetime64[h]").astype("datetime64[s]"))
