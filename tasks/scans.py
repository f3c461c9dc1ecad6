"""Parts of volumes: files of one sweep each, which are joined once they are decoded, and files of one moment each, which are decoded together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stormcycle.cycle import Reference, load, lookup, save, stage_key
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
        for index, item in enumerate(carrying([items[index] for index in members], 0, volume, f"Part of the volume of {iso(time)}.")):
            result[members[index]] = item
    return result


def carrying(members: Sequence[Item], carrier: int, volume: Reference, note: str) -> list[Item]:
    """The parts of a volume: the carrier with it and its state, the others with their own state and a note."""
    parts = [replace(item, reference=None, note=f"{item.note} {note}".strip()) for item in members]
    state, own = GranuleState(volume.notes["state"]), members[carrier]
    parts[carrier] = replace(own, reference=volume, state=own.state if state is GranuleState.OK else state, note=" ".join(volume.notes["notes"]))
    return parts


def moments_by_volume(items: Sequence[Item]) -> dict[tuple[str, str], list[int]]:
    """The usable files of each volume, as places in `items`: those of one site and time by name, in order of their keys."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index in sorted(range(len(items)), key=lambda index: items[index].granule.key):
        granule = items[index].granule
        if items[index].usable and granule.valid_time is not None:
            groups.setdefault((granule.site, granule.valid_time), []).append(index)
    return groups


def _volume_time(item: Item, domain: Domain) -> Time:
    """The step of the domain in which a scan began."""
    assert item.reference is not None  # only decoded items are joined
    step = np.timedelta64(domain.step_minutes * 60, "s")
    began = parse_time(item.reference.notes["first_ray_time"]) + EARLY
    day = began.astype("datetime64[D]")
    return np.datetime64(began - (began - day) % step, "s")
