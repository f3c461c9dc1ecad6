"""What became of each hour: told from the releases and the work store, never from the orchestrator."""

from dataclasses import dataclass

import numpy as np

from stormcycle.cycle import cycle_folder
from stormcycle.cycle.token import failure_of, lives, newest_run
from stormcycle.domain import Domain
from stormcycle.release.publishing import find_published
from stormcycle.release.targets import Target
from stormcycle.states import HourState
from stormcycle.times import HOUR, Time, iso, now

DAY_HOURS = 24
START_GRACE = np.timedelta64(5, "m")
"""From its scheduled minute a run has this long to take its token; only then is its hour missing."""
NO_WORD = "Its process ended without a word: it was killed, or the machine went down."


@dataclass(frozen=True)
class Hour:
    """What became of one hour: its state, the version of its release where there is one, why it is not complete."""

    cycle_time: str
    state: HourState
    version: int | None = None
    reasons: tuple[str, ...] = ()


def last_day(target: Target, domain: Domain, until: Time) -> list[Hour]:
    """The hours of the day up to a time, oldest first; those that are neither due by then nor begun are left out.

    Nothing is ever due where the schedule is not active. Raises TargetError where the releases cannot be read.
    """
    last = until.astype("datetime64[h]").astype("datetime64[s]")
    times = [last - back * HOUR for back in reversed(range(DAY_HOURS))]
    due = np.timedelta64(domain.schedule.minute, "m") + START_GRACE
    hours = [(time, hour_of(target, domain.name, time)) for time in times]
    return [hour for time, hour in hours if hour.state is not HourState.MISSING or (domain.schedule.active and time + due <= until)]


def hour_of(target: Target, domain_name: str, cycle_time: Time) -> Hour:
    """What became of one hour: as its newest release says, else as its newest run left it, else missing."""
    name, folder = iso(cycle_time), cycle_folder(domain_name, cycle_time)
    run = newest_run(folder)
    alive = run is not None and lives(run, now())
    published = find_published(target, domain_name, cycle_time)  # looked for last: a run releases before it ends
    if published is not None:
        reasons = tuple(f"{reason['product']}: {reason['detail']}" for reason in published.manifest["degraded"])
        return Hour(name, HourState(published.manifest["state"]), published.version, reasons)
    if run is None:
        return Hour(name, HourState.MISSING, reasons=("No run has begun it.",))
    failure = failure_of(folder, run.token)
    if failure is not None:
        return Hour(name, HourState.FAILED, reasons=(f"{failure.stage}: {failure.sentence}",))
    return Hour(name, HourState.RUNNING) if alive else Hour(name, HourState.FAILED, reasons=(NO_WORD,))
