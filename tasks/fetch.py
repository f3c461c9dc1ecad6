"""Fetch: bring the pinned granules' bytes to the cycle's folder."""

from pathlib import Path

from stormcycle.cycle import Granule, read_record
from stormcycle.domain import RadarFeed, load_domain
from stormcycle.feeds import fetch_granule
from stormcycle.states import GranuleState
from tasks.seam import Hour, Item, stage


@stage()
def fetch(hour: Hour) -> list[Item]:
    """Every pinned granule with its state after fetching; what was fetched before, or is a duplicate, is not fetched."""
    domain, record = load_domain(hour.domain), read_record(hour.folder, hour.revision)
    return [_fetched(domain.radar.feed, granule, hour.folder) for granule in record.granules]


def _fetched(feed: RadarFeed, granule: Granule, folder: Path) -> Item:
    if granule.state is GranuleState.DUPLICATE:
        return Item(granule, granule.state, " ".join(granule.notes))
    state, note = fetch_granule(feed, granule, folder)
    return Item(granule, granule.state if state is GranuleState.OK else state, note)
