"""Fetch: bring the pinned granules' bytes to the cycle's folder."""

from pathlib import Path

from stormcycle.cycle import Granule, read_record
from stormcycle.cycle.record import PrefixState
from stormcycle.domain import Feed, load_domain
from stormcycle.feeds import fetch_granule
from stormcycle.states import Degradation, GranuleState
from tasks.seam import Hour, Item, stage


@stage()
def fetch(hour: Hour) -> list[Item]:
    """Every pinned radar granule with its state after fetching; what was fetched before, or is a duplicate, is not fetched."""
    domain = load_domain(hour.domain)
    return [fetched(domain.radar.feed, granule, hour.folder) for granule in pinned(hour, "radar")]


def pinned(hour: Hour, feed: str) -> list[Granule]:
    """The granules of a feed that the run's record holds."""
    return [granule for granule in read_record(hour.folder, hour.revision).granules if granule.feed == feed]


def unlisted(hour: Hour, feed: str, product: str) -> list[Degradation]:
    """That a feed could not be listed when the hour was pinned, where that was so; why stands in the record, which may name places of this machine."""
    states = {prefix.state for prefix in read_record(hour.folder, hour.revision).prefixes if prefix.feed == feed}
    sentence = f"The {feed} feed could not be listed when the hour was pinned; --revise lists it again."
    return [Degradation(product, "feed_unreachable", sentence)] if PrefixState.UNREACHABLE in states else []


def fetched(feed: Feed, granule: Granule, folder: Path) -> Item:
    """A granule after fetching; a duplicate is left where it is."""
    if granule.state is GranuleState.DUPLICATE:
        return Item(granule, granule.state, " ".join(granule.notes))
    state, note = fetch_granule(feed, granule, folder)
    return Item(granule, granule.state if state is GranuleState.OK else state, note)
