"""Scans: files of one sweep each, joined to the volumes that they are parts of."""

from dataclasses import replace

import numpy as np

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import Domain
from stormcycle.radar.volume import join_scans
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso, parse_time
from tasks.seam import Hour, Item

SOURCES = ("stormcycle/radar/volume.py", "tasks/scans.py")
EARLY = np.timedelta64(30, "s")
"""The first scan of a volume may begin this much before its time."""


def joined(hour: Hour, domain: Domain, items: list[Item]) -> list[Item]:
    """The items with the volume of a site and time on its first scan; the other scans keep their state and carry nothing."""
    groups: dict[tuple[str, Time], list[int]] = {}
    for index, item in enumerate(items):
        if item.usable and item.reference is not None:
            groups.setdefault((item.granule.site, _volume_time(item, domain)), []).append(index)
    result = list(items)
    for (_, time), members in groups.items():
        members.sort(key=lambda index: items[index].granule.key)
        references = [items[index].reference for index in members]
        wanted = domain.radar.feed.scans_per_volume or len(members)
        key = stage_key("scans", [reference.digest for reference in references if reference], [wanted, iso(time)], SOURCES)
        volume = lookup(hour.folder, "scans", key)
        if volume is None:
            whole = join_scans([load(hour.folder, reference) for reference in references if reference], time, wanted)
            notes = {name: whole.attrs[name] for name in ("declared_time", "first_ray_time", "last_ray_time", "state", "notes", "reader")}
            volume = save(hour.folder, "scans", key, whole, notes)
        for index in members:
            result[index] = replace(items[index], reference=None, note=" ".join([items[index].note, f"Part of the volume of {iso(time)}."]).strip())
        first = members[0]
        state = GranuleState(volume.notes["state"])
        result[first] = replace(
            items[first], reference=volume, state=items[first].state if state is GranuleState.OK else state, note=" ".join(volume.notes["notes"])
        )
    return result


def _volume_time(item: Item, domain: Domain) -> Time:
    """The step of the domain in which a scan began."""
    assert item.reference is not None  # only decoded items are joined
    step = np.timedelta64(domain.step_minutes * 60, "s")
    began = parse_time(item.reference.notes["first_ray_time"]) + EARLY
    day = began.astype("datetime64[D]")
    return np.datetime64(began - (began - day) % step, "s")
