"""Health: what became of every hour of the last day of a domain."""

from stormcycle.domain import Domain
from stormcycle.release.hours import Hour, last_day
from stormcycle.times import Time
from tasks.release import target_of


def hours_of(domain: Domain, until: Time) -> list[Hour]:
    """The hours of the day up to a time, oldest first, each complete, degraded, failed, running or missing."""
    return last_day(target_of(domain), domain, until)
