"""What a feed holds for an hour, as people read it: each granule with its delay, each slot that nothing fills."""

from dataclasses import asdict
from typing import Any

from stormcycle.cycle.record import PrefixState
from stormcycle.domain import Domain
from stormcycle.feeds.layouts import slot_index
from stormcycle.feeds.listing import Listing, feed_layout
from stormcycle.states import GranuleState
from stormcycle.times import Time, frame_slots, iso, minutes, parse_time

COLUMNS = ("key", "site", "valid_time", "size", "state", "arrived", "delay_minutes", "notes")


def overview(domain: Domain, cycle_time: Time, listing: Listing) -> dict[str, list[dict[str, Any]]]:
    """`granules`: every granule of the window (COLUMNS; the delay is from its time by name to its arrival), and after them,
    where names tell the time, one `missing` for each slot of each site that no granule fills. `prefixes`: those not settled.
    """
    rows = []
    layout, slots = feed_layout(domain), frame_slots(cycle_time, domain.step_minutes)
    open_slots = {(site, index) for site in domain.radar.sites for index in range(len(slots))} if layout.time_format is not None else set()
    for granule in listing.granules:
        delay = None
        if layout.time_format is not None and granule.valid_time is not None:
            named_time = parse_time(granule.valid_time)
            open_slots -= {(granule.site, slot_index(layout, named_time, slots, domain.step_minutes))}
            delay = round(minutes(parse_time(granule.arrived) - named_time), 1) if granule.arrived is not None else None
        told = {**asdict(granule), "delay_minutes": delay}
        rows.append({name: told[name] for name in COLUMNS})
    for site, index in sorted(open_slots, key=lambda slot: (list(domain.radar.sites).index(slot[0]), slot[1])):
        rows.append({**dict.fromkeys(COLUMNS), "site": site, "valid_time": iso(slots[index]), "state": GranuleState.MISSING, "notes": ()})
    return {"granules": rows, "prefixes": [asdict(prefix) for prefix in listing.prefixes if prefix.state is not PrefixState.SETTLED]}
