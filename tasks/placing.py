"""Where decoded granules belong: their slot in the hour, and the states that only their neighbours decide."""

from dataclasses import replace

import numpy as np

from stormcycle.domain import Domain
from stormcycle.radar.mosaic import nominal_time, place
from stormcycle.times import frame_slots, iso, parse_time
from tasks.artifacts import show_table
from tasks.seam import Hour, Item


def placed_in_hour(hour: Hour, domain: Domain, items: list[Item]) -> list[Item]:
    """The items with their slots; duplicates and those outside the hour lose their usable state. Shown beside the run."""
    slots = frame_slots(hour.time, domain.step_minutes)
    decoded = [index for index, item in enumerate(items) if item.usable and item.reference is not None]
    volumes = [(items[index].granule.site, _nominal_time(items[index], domain), items[index].state) for index in decoded]
    placed = list(items)
    for index, spot in zip(decoded, place(volumes, slots, domain.step_minutes), strict=True):
        placed[index] = replace(items[index], state=spot.state, note=spot.note or items[index].note, slot=spot.slot, nominal_time=iso(spot.nominal_time))
    rows = [
        {
            "granule": item.granule.key,
            "site": item.granule.site,
            "state": str(item.state),
            "time": item.nominal_time,
            "slot": "" if item.slot is None else iso(slots[item.slot]),
            "size": item.granule.size,
            "note": item.note,
        }
        for item in placed
    ]
    show_table(f"granules-{hour.domain}", rows, f"Granules of {hour.domain} {hour.cycle_time}")
    return placed


def _nominal_time(item: Item, domain: Domain) -> np.datetime64:
    assert item.reference is not None  # only decoded items are placed
    notes = item.reference.notes
    declared = parse_time(notes["declared_time"]) if notes["declared_time"] else None
    return nominal_time(declared, parse_time(notes["first_ray_time"]), domain.step_minutes)
