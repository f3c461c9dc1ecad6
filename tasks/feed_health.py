"""Feed health: how the feeds of a cycle are, beside what the day before it made usual."""

from typing import Any

from stormcycle.cycle import CycleRecord, cycle_folder
from stormcycle.cycle.record import newest_record
from stormcycle.feeds import feed_health
from stormcycle.times import HOUR, Time

USUAL_HOURS = 24
"""The hours before a cycle whose records say what is usual."""


def health_of_feeds(domain_name: str, cycle_time: Time, record: CycleRecord) -> list[dict[str, Any]]:
    """How the feeds of a cycle are (stormcycle.feeds.feed_health), beside the records of the day before it."""
    earlier = (newest_record(cycle_folder(domain_name, cycle_time - back * HOUR)) for back in range(1, USUAL_HOURS + 1))
    return feed_health(record, [one for one in earlier if one is not None])
