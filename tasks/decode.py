"""Decode: from a granule's bytes to a polar volume, or to a frame where the feed is gridded already."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from pyproj import Geod

from stormcycle.cycle import Reference, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.feeds.fetching import local_path
from stormcycle.feeds.listing import feed_layout
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.moments import Joined, decode_moments
from stormcycle.radar.quality import needed_moments
from stormcycle.radar.sequence import decode_frames, decode_sweeps
from stormcycle.states import GranuleState
from tasks.placing import placed_in_hour
from tasks.scans import carrying, joined, moments_by_volume
from tasks.seam import Hour, Item, stage

SOURCES = (
    "stormcycle/radar/decode.py",
    "stormcycle/radar/moments.py",
    "stormcycle/radar/nexrad.py",
    "stormcycle/radar/odim.py",
    "stormcycle/radar/volume.py",
    "stormcycle/radar/unpack.py",
    "stormcycle/radar/sequence.py",
    "stormcycle/feeds/sniffing.py",
    "stormcycle/states.py",
    "tasks/decode.py",
)
FAR_KM = 5.0
"""A volume whose own site is further than this from the domain's site is of another radar."""
PACKED = {"sequence": decode_frames, "sweeps": decode_sweeps}


@stage()
def decode(hour: Hour, items: list[Item]) -> list[Item]:
    """Each usable granule decoded and given its slot, its reference to a volume or a frame; the others as they came."""
    domain = load_domain(hour.domain)
    kind, moments = feed_layout(domain).kind, needed_moments(domain.radar)
    if kind == "moments":
        return placed_in_hour(hour, domain, _volumes_of_moments(hour, domain, moments, items))
    packed = domain.radar.feed.packed
    settings = [kind, list(moments), packed.model_dump(mode="json") if packed else None]
    keys = {item.granule.key: _key(item, domain, settings) for item in items if item.usable}
    done = {item.granule.key: lookup(hour.folder, "decode", keys[item.granule.key]) for item in items if item.usable}
    fresh = [item for item in items if item.usable and done[item.granule.key] is None]
    read = _read(hour, domain, kind, moments, fresh)
    results = []
    for item in items:
        name = item.granule.key
        outcome = read.get(name)
        if not item.usable:
            results.append(item)
        elif isinstance(outcome, ReadFailure):
            state = GranuleState.MISPLACED if outcome.error == "WrongKind" else GranuleState.CORRUPT
            results.append(replace(item, state=state, note=outcome.reason))
        elif name in read and outcome is None:
            results.append(replace(item, state=GranuleState.MISSING, note="The sequence ends before this frame."))
        else:
            reference = done[name] or _saved(hour, keys[name], outcome, item, domain)
            state = GranuleState(reference.notes["state"])
            results.append(replace(item, reference=reference, state=item.state if state is GranuleState.OK else state, note=" ".join(reference.notes["notes"])))
    return placed_in_hour(hour, domain, joined(hour, domain, results) if kind == "scans" else results)


def _key(item: Item, domain: Domain, settings: list[Any]) -> str:
    """What a decoded granule depends on: its bytes and frame, the time it was given, the site it is of."""
    granule = item.granule
    inputs = [granule.sha256, granule.key.partition("#")[2], granule.valid_time or "", granule.site]
    return stage_key("decode", inputs, [*settings, domain.radar.sites[granule.site].model_dump()], SOURCES)


def _read(hour: Hour, domain: Domain, kind: str, moments: tuple[str, ...], items: list[Item]) -> dict[str, Any]:
    """The decoded granules by key, by child processes; all frames of one packed file are read at once."""
    if kind not in PACKED:
        reader = "nexrad" if kind == "nexrad" else "odim"
        return dict(
            zip(
                [item.granule.key for item in items],
                read_each(decode_volume, [(local_path(hour.folder, item.granule), reader, moments) for item in items]),
                strict=True,
            )
        )
    found: dict[str, Any] = {}
    files = dict.fromkeys(local_path(hour.folder, item.granule) for item in items)
    of_file = {path: [item for item in items if local_path(hour.folder, item.granule) == path] for path in files}
    asked = [
        (path, [int(item.granule.key.partition("#")[2]) for item in those], domain.radar.moments, domain.radar.feed.packed) for path, those in of_file.items()
    ]
    for those, frames in zip(of_file.values(), read_each(PACKED[kind], asked), strict=True):
        found |= {item.granule.key: frames if isinstance(frames, ReadFailure) else frames[index] for index, item in enumerate(those)}
    return found


def _volumes_of_moments(hour: Hour, domain: Domain, moments: tuple[str, ...], items: list[Item]) -> list[Item]:
    """The items with the volume of a site and time on its file of reflectivity; files of other moments keep their state and carry nothing."""
    groups = moments_by_volume(items)
    keys = {
        spot: stage_key(
            "decode",
            [f"{items[index].granule.key}:{items[index].granule.sha256}" for index in members],
            ["moments", list(moments), domain.radar.sites[spot[0]].model_dump()],
            SOURCES,
        )
        for spot, members in groups.items()
    }
    kept = {spot: lookup(hour.folder, "decode", key) for spot, key in keys.items()}
    fresh = [spot for spot in groups if kept[spot] is None]
    arguments = [(tuple((local_path(hour.folder, items[index].granule), items[index].granule.key) for index in groups[spot]), moments) for spot in fresh]
    read: dict[tuple[str, str], Joined | ReadFailure] = dict(zip(fresh, read_each(decode_moments, arguments), strict=True))
    results = list(items)
    for spot, members in groups.items():
        parts = _parts_of_volume(hour, domain, keys[spot], kept[spot] or read[spot], [items[index] for index in members])
        for index, item in zip(members, parts, strict=True):
            results[index] = item
    return results


def _parts_of_volume(hour: Hour, domain: Domain, key: str, found: Reference | Joined | ReadFailure, members: list[Item]) -> list[Item]:
    """The files of one volume after decoding, what is wrong with each told of it alone."""
    if isinstance(found, ReadFailure):
        return [replace(item, state=GranuleState.CORRUPT, note=found.reason) for item in members]
    names = [item.granule.key for item in members]
    if isinstance(found, Joined) and found.volume is not None:
        carried = _notes(found.volume, members[names.index(found.carrier)], domain)
        found = save(hour.folder, "decode", key, found.volume, {**carried, "carrier": found.carrier, "troubles": found.troubles})
    if isinstance(found, Reference):
        troubles = found.notes["troubles"]
        parts = carrying(members, names.index(found.notes["carrier"]), found, f"Part of the volume of {members[0].granule.valid_time}.")
    else:
        troubles, note = found.troubles, f"There is no volume of {members[0].granule.valid_time}: no file with its reflectivity can be used."
        parts = [replace(item, note=note) for item in members]
    return [replace(item, state=GranuleState(told[0]), note=told[1]) if (told := troubles.get(item.granule.key)) else item for item in parts]


def _saved(hour: Hour, key: str, fields: Any, item: Item, domain: Domain) -> Reference:
    assert isinstance(fields, xr.Dataset)  # failures and absent frames were told apart before
    return save(hour.folder, "decode", key, fields, _notes(fields, item, domain))


def _notes(volume: xr.Dataset, item: Item, domain: Domain) -> dict[str, Any]:
    """What later stages read without opening the volume: times, state, where it stands."""
    if "ray" not in volume.dims:
        return {"state": "ok", "notes": [], "declared_time": item.granule.valid_time, "first_ray_time": item.granule.valid_time}
    notes = {key: volume.attrs[key] for key in ("declared_time", "first_ray_time", "last_ray_time", "state", "notes", "reader")}
    site = domain.radar.sites[item.granule.site]
    away = _distance_km(volume.attrs["latitude"], volume.attrs["longitude"], site.latitude, site.longitude)
    if np.isnan(away) and volume.attrs["site"] not in ("", item.granule.site):
        notes |= {"state": str(GranuleState.MISPLACED), "notes": [f"The volume is of {volume.attrs['site']}, not of {item.granule.site}."]}
    if away > FAR_KM:
        notes |= {"state": str(GranuleState.MISPLACED), "notes": [f"The volume's own site {volume.attrs['site']} lies {away:.0f} km from {item.granule.site}."]}
    return notes


def _distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Distance on the ellipsoid; NaN where the file does not say where it stands."""
    return float(Geod(ellps="WGS84").inv(longitude, latitude, other_longitude, other_latitude)[2]) / 1000.0
