"""Mosaic: which volume owns which slot, what the radars saw together, gaps filled, the hourly sum."""

import json
from pathlib import Path
from textwrap import shorten

import numpy as np

from stormcycle.cycle import load, lookup, read_record, save, stage_key
from stormcycle.cycle.record import Prefix, PrefixState
from stormcycle.domain import Domain, load_domain
from stormcycle.feeds.listing import feed_layout
from stormcycle.nowcast.frames import fill_gaps, plan_frames, velocity_of
from stormcycle.radar.mosaic import Member, hour_frames, mean_time
from stormcycle.radar.product import radar_fields
from stormcycle.states import Degradation, GranuleState
from stormcycle.times import frame_slots, parse_time
from tasks.seam import Hour, Item, Product, stage

SOURCES = (
    "stormcycle/radar/mosaic.py",
    "stormcycle/radar/gridding.py",
    "stormcycle/radar/product.py",
    "stormcycle/radar/hourly.py",
    "stormcycle/nowcast/frames.py",
    "stormcycle/nowcast/extrapolation.py",
    "stormcycle/states.py",
    "tasks/mosaic.py",
)

IN_WORDS = {
    PrefixState.MISSING: ", its feed has no folder of the hour",
    PrefixState.EMPTY: ", its feed holds nothing of the hour",
    PrefixState.GROWING: ", its feed was still growing",
    PrefixState.SETTLED: "",
    PrefixState.UNREACHABLE: ", its feed could not be listed",
}
DETAIL = 160
"""Characters of a granule's reason; its whole note stands beside the granule in the manifest's inputs."""


@stage()
def mosaic(hour: Hour, items: list[Item]) -> Product:
    """The product `radar` of the hour."""
    domain = load_domain(hour.domain)
    slots = frame_slots(hour.time, domain.step_minutes)
    used = [(item, item.reference, item.slot) for item in items if item.usable and item.reference is not None and item.slot is not None]
    seen = {(item.granule.site, slot) for item, _, slot in used}
    degraded = [*_feed_reasons(domain, seen, read_record(hour.folder, hour.revision).prefixes), *_granule_reasons(items)]
    inputs = [f"{reference.digest}@{item.granule.site}@{item.nominal_time}@{slot}@{item.granule.state}" for item, reference, slot in used]
    floor = domain.radar.quality.noise_floor_dbz
    done = quality_control(domain)
    settings = [domain.step_minutes, list(domain.radar.moments), domain.grid.model_dump(), domain.nowcast.motion_frames, floor, done]
    key = stage_key("mosaic", sorted(inputs), settings, SOURCES)
    reference = lookup(hour.folder, "mosaic", key)
    if reference is None:
        members = [
            Member(slot, parse_time(item.nominal_time), _middle(volume.notes), load(hour.folder, volume), item.granule.state is GranuleState.LATE)
            for item, volume, slot in used
        ]
        frames = hour_frames(members, slots, domain.grid.shape, domain.radar.moments, floor)
        plan = plan_frames(frames["present"].values, domain.step_minutes)
        moments = {str(name): frames[name].values for name in domain.radar.moments}
        if plan.kind == "filled":
            present = frames["present"].values
            velocity = velocity_of(moments["reflectivity"][present], np.flatnonzero(present).astype("float64"), domain.nowcast.motion_frames)
            moments = {name: fill_gaps(values, present, velocity) for name, values in moments.items()}
        notes = {"plan": plan.kind, "missing": plan.missing, "present": plan.present, "newest_age_min": plan.newest_age_min if plan.present else None}
        reference = save(hour.folder, "mosaic", key, radar_fields(frames, moments).assign_attrs(quality_control=done), notes)
    return Product("radar", reference, [*_frame_reasons(reference.notes, len(slots)), *degraded])


def quality_control(domain: Domain) -> str:
    """What was done to the radars' gates, with the settings, as the released field says it: files by their names alone."""
    if feed_layout(domain).kind == "sequence":
        return "none here: the frames came gridded and controlled by their maker"
    steps = domain.radar.quality.model_dump(exclude_none=True)
    for step, key in (("beam_blockage", "terrain"), ("outlier_mask", "file")):
        if step in steps:
            steps[step][key] = Path(steps[step][key]).name
    return "; ".join(f"{step}: {json.dumps(settings, sort_keys=True)}" for step, settings in steps.items())


def _middle(notes: dict[str, str]) -> np.datetime64:
    """The middle of a volume's scan; a gridded frame has one time only."""
    return mean_time([parse_time(notes["first_ray_time"]), parse_time(notes.get("last_ray_time", notes["first_ray_time"]))])


def _granule_reasons(items: list[Item]) -> list[Degradation]:
    """Why the radar branch is not what it could be, granule by granule."""
    return [
        Degradation("radar", f"granule_{item.state}", shorten(f"{item.granule.key}: {item.note}", DETAIL, placeholder=" ..."))
        for item in items
        if item.state in (GranuleState.CORRUPT, GranuleState.MISPLACED, GranuleState.PARTIAL)
    ]


def _feed_reasons(domain: Domain, seen: set[tuple[str, int]], prefixes: tuple[Prefix, ...]) -> list[Degradation]:
    """Why the radar branch is not what it could be, site by site; `seen`: (site, slot) that are there."""
    reasons = []
    filled = {slot for _, slot in seen}
    for site in domain.radar.sites:
        states = {prefix.state for prefix in prefixes if prefix.site == site and prefix.feed == "radar"}
        absent = len([slot for slot in filled if (site, slot) not in seen])
        if absent:
            why = IN_WORDS[next(iter(states))] if len(states) == 1 else ""
            reasons.append(
                Degradation("radar", "radar_missing", f"{site} is missing from {absent} of {len(filled)} frames{why}: the observed mask shrinks there.")
            )
        if PrefixState.GROWING in states:
            reasons.append(Degradation("radar", "feed_growing", f"The feed of {site} was still growing when it was listed; --revise may find more."))
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
