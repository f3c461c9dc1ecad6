"""Fetch: bring the pinned granules' bytes to the cycle's folder."""

from stormcycle.cycle import read_record
from stormcycle.domain import load_domain
from stormcycle.feeds import fetch_granule
from tasks.seam import Hour, Item, stage


@stage(retries=2)
def fetch(hour: Hour) -> list[Item]:
    """Every pinned granule with its state after fetching; what was fetched before is not fetched again."""
    domain, record = load_domain(hour.domain), read_record(hour.folder, hour.revision)
    return [Item(granule, *fetch_granule(domain.radar.feed, granule, hour.folder)) for granule in record.granules]
