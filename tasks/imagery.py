"""Imagery: of each channel the newest scan that can be used, calibrated and on the domain's grid."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import xarray as xr

from stormcycle.cycle import Granule, Reference, lookup, save, stage_key
from stormcycle.domain import Domain, Imager, load_domain
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.feeds.fetching import local_path
from stormcycle.home import home
from stormcycle.satellite import read_image
from stormcycle.states import GranuleState
from tasks.fetch import fetched, pinned
from tasks.seam import Hour, Item, stage

SOURCES = ("stormcycle/satellite", "stormcycle/grids.py", "tasks/imagery.py")
SHARED = "_"
"""The stream of files that belong to every channel of a scan: HRIT's prologue and epilogue."""


@stage()
def imagery(hour: Hour) -> list[Item]:
    """The granules of the newest scan of each channel, the first with a reference to its image; where it cannot be used, those of
    the scan before it, and so on. Scans that were not needed are not fetched and not among them.
    """
    domain = load_domain(hour.domain)
    if domain.satellite is None:
        return []
    imager, granules = domain.satellite.imager, pinned(hour, "imager")
    waiting = {channel: _scans(granules, channel) for channel in imager.channels}
    items = [Item(granule, granule.state, " ".join(granule.notes)) for granule in granules if granule.state is GranuleState.DUPLICATE]
    while tries := [(channel, scans.pop(0)) for channel, scans in waiting.items() if scans]:
        looked_at = _looked_at(hour, domain, imager, tries)
        items += [item for scan in looked_at for item in scan]
        for (channel, _), scan in zip(tries, looked_at, strict=True):
            if any(item.reference is not None for item in scan):
                waiting[channel] = []
    return list({item.granule.key: item for item in items}.values())


def _scans(granules: Sequence[Granule], channel: str) -> list[list[Granule]]:
    """The scans of a channel, newest first, each with its files in order of their keys, those of all channels after its own."""
    usable = [granule for granule in granules if granule.state is not GranuleState.DUPLICATE and granule.valid_time is not None]
    times = sorted({granule.valid_time for granule in usable if granule.site == channel}, key=str, reverse=True)
    return [[granule for site in (channel, SHARED) for granule in usable if granule.site == site and granule.valid_time == time] for time in times]


def _looked_at(hour: Hour, domain: Domain, imager: Imager, tries: Sequence[tuple[str, list[Granule]]]) -> list[list[Item]]:
    """Each scan's granules after fetching and reading, the first with the image where there is one; images are read side by side."""
    here = [[fetched(imager.feed, granule, hour.folder) for granule in scan] for _, scan in tries]
    settings = [imager.model_dump(mode="json", exclude={"feed", "channels", "oldest_minutes"}), domain.grid.model_dump(mode="json")]
    keys = [
        stage_key("imagery", [f"{item.granule.key.rpartition('/')[2]}:{item.granule.sha256}" for item in scan if item.usable], [channel, settings], SOURCES)
        for (channel, _), scan in zip(tries, here, strict=True)
    ]
    kept = [lookup(hour.folder, "imagery", key) for key in keys]
    fresh = [index for index, scan in enumerate(here) if kept[index] is None and any(item.usable and item.granule.site != SHARED for item in scan)]
    arguments = [
        (
            tuple((local_path(hour.folder, item.granule), item.granule.key.rpartition("/")[2]) for item in here[index] if item.usable),
            imager.reader,
            tries[index][0],
            domain.area,
            home() / "cache" / "imagery",
            imager.parallax,
        )
        for index in fresh
    ]
    read: dict[int, Any] = dict(zip(fresh, read_each(read_image, arguments, workers=1), strict=True))
    return [_told(hour, keys[index], scan, kept[index], read.get(index)) for index, scan in enumerate(here)]


def _told(hour: Hour, key: str, scan: list[Item], kept: Reference | None, read: "xr.Dataset | ReadFailure | None") -> list[Item]:
    """A scan's granules with what was read of it, which the first of them carries."""
    if isinstance(read, ReadFailure):
        state = GranuleState.MISPLACED if read.error in ("WrongKind", "OutsideDisk") else GranuleState.CORRUPT
        return [replace(item, state=state, note=read.reason) if item.usable and item.granule.site != SHARED else item for item in scan]
    if kept is None and read is not None:
        names = ("satellite", "scene", "scan_start", "scan_end", "middle", "state", "notes", "valid_share", "inside_share")
        kept = save(hour.folder, "imagery", key, read, {name: read.attrs[name] for name in names if name in read.attrs})
    if kept is None:
        return scan
    state, first = GranuleState(kept.notes["state"]), next(index for index, item in enumerate(scan) if item.usable)
    carrier = replace(scan[first], reference=kept, nominal_time=kept.notes["scan_start"], note=" ".join(kept.notes["notes"]))
    return [*scan[:first], replace(carrier, state=carrier.state if state is GranuleState.OK else state), *scan[first + 1 :]]
