"""What the feeds hold for an hour, as people read it: each granule with its delay, each slot that nothing fills."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from stormcycle.cycle.record import Granule, PrefixState
from stormcycle.domain import Domain
from stormcycle.feeds.layouts import slot_index
from stormcycle.feeds.listing import Listing
from stormcycle.feeds.wanted import Wanted
from stormcycle.states import GranuleState
from stormcycle.times import Time, frame_slots, iso, minutes, parse_time

COLUMNS = ("feed", "key", "site", "valid_time", "size", "state", "arrived", "delay_minutes", "notes")


def overview(domain: Domain, cycle_time: Time, feeds: Iterable[tuple[Wanted, Listing]]) -> dict[str, list[dict[str, Any]]]:
    """`granules`: every granule of the window (COLUMNS; the delay is from its time by name to its arrival), and after those of
    the radar feed, where names tell the time, one `missing` for each slot of each site that no granule fills. `prefixes`: those
    not settled.
    """
    rows: list[dict[str, Any]] = []
    prefixes: list[dict[str, Any]] = []
    for wanted, listing in feeds:
        told = [{**asdict(granule), "delay_minutes": _delay(granule, wanted)} for granule in listing.granules]
        rows += [{name: granule[name] for name in COLUMNS} for granule in told]
        if wanted.name == "radar" and wanted.layout.time_format is not None:
            rows += _open_slots(domain, cycle_time, wanted, listing)
        prefixes += [asdict(prefix) for prefix in listing.prefixes if prefix.state is not PrefixState.SETTLED]
    return {"granules": rows, "prefixes": prefixes}


def _delay(granule: Granule, wanted: Wanted) -> float | None:
    """Minutes from a granule's time by name to its arrival, where its name and its store tell them."""
    if wanted.layout.time_format is None or granule.valid_time is None or granule.arrived is None:
        return None
    return round(minutes(parse_time(granule.arrived) - parse_time(granule.valid_time)), 1)


def _open_slots(domain: Domain, cycle_time: Time, wanted: Wanted, listing: Listing) -> list[dict[str, Any]]:
    """A row for each slot of each radar site that no granule fills, by site and time."""
    slots, sites = frame_slots(cycle_time, domain.step_minutes), list(domain.radar.sites)
    filled = {
        (granule.site, slot_index(wanted.layout, parse_time(granule.valid_time), slots, domain.step_minutes))
        for granule in listing.granules
        if granule.valid_time is not None
    }
    absent = [(site, index) for site in sites for index in range(len(slots)) if (site, index) not in filled]
    blank = {**dict.fromkeys(COLUMNS), "feed": "radar", "state": GranuleState.MISSING, "notes": ()}
    return [{**blank, "site": site, "valid_time": iso(slots[index])} for site, index in absent]
