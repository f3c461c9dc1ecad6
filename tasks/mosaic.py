"""Mosaic: which volume owns which slot, what the radars saw together, gaps filled, the hourly sum."""

from dataclasses import replace

import numpy as np

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.nowcast.frames import fill_gaps, plan_frames, velocity_of
from stormcycle.radar.mosaic import Placed, hour_frames, nominal_time, place
from stormcycle.radar.product import radar_fields
from stormcycle.states import Degradation, GranuleState
from stormcycle.times import frame_slots, iso, parse_time
from tasks.artifacts import show_table
from tasks.seam import Hour, Item, Product, stage

SOURCES = (
    "stormcycle/radar/mosaic.py",
    "stormcycle/radar/product.py",
    "stormcycle/radar/hourly.py",
    "stormcycle/nowcast/frames.py",
    "stormcycle/nowcast/extrapolation.py",
    "stormcycle/states.py",
    "tasks/mosaic.py",
)


@stage()
def mosaic(hour: Hour, items: list[Item]) -> Product:
    """The product `radar` of the hour."""
    domain = load_domain(hour.domain)
    slots = frame_slots(hour.time, domain.step_minutes)
    items, placed = _placed(domain, items, slots)
    _show(hour, items, placed, slots)
    used = [(item, spot) for item, spot in zip(items, placed, strict=True) if spot is not None and spot.slot is not None]
    degraded = _granule_reasons(domain, items, used)
    inputs = [f"{item.reference.digest}@{spot.site}@{spot.nominal_time}@{spot.slot}" for item, spot in used if item.reference]
    settings = [domain.step_minutes, list(domain.radar.moments), domain.grid.model_dump(), domain.nowcast.motion_frames]
    key = stage_key("mosaic", sorted(inputs), settings, SOURCES)
    reference = lookup(hour.folder, "mosaic", key)
    if reference is None:
        frames = hour_frames(
            [spot for _, spot in used],
            [load(hour.folder, item.reference) for item, _ in used if item.reference],
            slots,
            domain.grid.shape,
            domain.radar.moments,
        )
        plan = plan_frames(frames["present"].values, domain.step_minutes)
        moments = {str(name): frames[name].values for name in domain.radar.moments}
        if plan.kind == "filled":
            present = frames["present"].values
            velocity = velocity_of(moments["reflectivity"][present], np.flatnonzero(present).astype("float64"), domain.nowcast.motion_frames)
            moments = {name: fill_gaps(values, present, velocity) for name, values in moments.items()}
        notes = {"plan": plan.kind, "missing": plan.missing, "present": plan.present, "newest_age_min": plan.newest_age_min if plan.present else None}
        reference = save(hour.folder, "mosaic", key, radar_fields(frames, moments), notes)
    return Product("radar", reference, [*degraded, *_frame_reasons(reference.notes, len(slots))])


def _placed(domain: Domain, items: list[Item], slots: np.ndarray) -> tuple[list[Item], list[Placed | None]]:
    """Each item's place in the hour (None: never decoded), and the items with the states that placing gives them."""
    decoded = [item for item in items if item.usable and item.reference is not None]
    volumes = []
    for item in decoded:
        notes = item.reference.notes if item.reference else {}
        declared = parse_time(notes["declared_time"]) if notes["declared_time"] else None
        volumes.append((item.granule.site, nominal_time(declared, parse_time(notes["first_ray_time"]), domain.step_minutes), item.state))
    spots = dict(zip([item.granule.key for item in decoded], place(volumes, slots, domain.step_minutes), strict=True))
    updated = [
        replace(item, state=spots[item.granule.key].state, note=spots[item.granule.key].note or item.note) if item.granule.key in spots else item
        for item in items
    ]
    return updated, [spots.get(item.granule.key) for item in items]


def _granule_reasons(domain: Domain, items: list[Item], used: list[tuple[Item, Placed]]) -> list[Degradation]:
    """Why the radar branch is not what it could be, granule by granule and site by site."""
    reasons = [
        Degradation("radar", f"granule_{item.state}", f"{item.granule.key}: {item.note}")
        for item in items
        if item.state in (GranuleState.CORRUPT, GranuleState.MISPLACED, GranuleState.PARTIAL)
    ]
    filled = {spot.slot for _, spot in used}
    for site in domain.radar.sites:
        absent = len(filled - {spot.slot for _, spot in used if spot.site == site})
        if absent:
            reasons.append(Degradation("radar", "radar_missing", f"{site} is missing from {absent} of {len(filled)} frames; the observed mask shrinks there."))
    return reasons


def _frame_reasons(notes: dict[str, object], slots: int) -> list[Degradation]:
    """Why the frames are not whole."""
    sentences = {
        "filled": ("frames_filled", f"{notes['missing']} of {slots} frames were absent and are filled by advection between their neighbours."),
        "extrapolated": ("frames_missing", f"{notes['present']} of {slots} frames are there, the newest is {notes['newest_age_min']} min old."),
        "none": ("frames_missing", f"{notes['present']} of {slots} frames are there, too few or too old for a nowcast."),
    }
    plan = str(notes["plan"])
    return [Degradation("radar", *sentences[plan])] if plan in sentences else []


def _show(hour: Hour, items: list[Item], placed: list[Placed | None], slots: np.ndarray) -> None:
    rows = [
        {
            "granule": item.granule.key,
            "site": item.granule.site,
            "state": str(item.state),
            "time": iso(spot.nominal_time) if spot else "",
            "slot": iso(slots[spot.slot]) if spot and spot.slot is not None else "",
            "size": item.granule.size,
            "note": item.note,
        }
        for item, spot in zip(items, placed, strict=True)
    ]
    show_table(f"granules-{hour.domain}", rows, f"Granules of {hour.domain} {hour.cycle_time}")
