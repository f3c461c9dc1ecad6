"""Lightning: the flashes of the trailing window as densities on the domain's grid."""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from stormcycle.cycle import Reference, lookup, save, stage_key
from stormcycle.domain import load_domain
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.feeds.fetching import local_path
from stormcycle.satellite import extent_density, read_flashes
from stormcycle.states import GranuleState
from stormcycle.times import iso
from tasks.fetch import fetched, pinned
from tasks.seam import Hour, Item, stage

SOURCES = ("stormcycle/satellite", "stormcycle/grids.py", "tasks/lightning.py")


@dataclass(frozen=True)
class Flashes:
    """The granules of the window, and the densities on the grid (None: not a single file could be used)."""

    items: list[Item]
    reference: Reference | None


@stage()
def lightning(hour: Hour) -> Flashes:
    """The densities of the flashes of the window before the cycle time, from the files that can be read."""
    domain = load_domain(hour.domain)
    if domain.satellite is None or domain.satellite.lightning is None:
        return Flashes([], None)
    feed, minutes = domain.satellite.lightning.feed, domain.satellite.lightning.minutes
    items = [fetched(feed, granule, hour.folder) for granule in pinned(hour, "lightning")]
    usable = [item for item in items if item.usable]
    names = {item.granule.key: item.granule.key.rpartition("/")[2] for item in usable}
    settings = [minutes, domain.satellite.imager.parallax, domain.grid.model_dump(mode="json")]
    key = stage_key("lightning", sorted(f"{names[item.granule.key]}:{item.granule.sha256}" for item in usable), settings, SOURCES)
    kept = lookup(hour.folder, "lightning", key)
    if kept is None and usable:
        read = dict(
            zip(
                names,
                read_each(read_flashes, [(local_path(hour.folder, item.granule), names[item.granule.key]) for item in usable]),
                strict=True,
            )
        )
        told = {key: _state_of(found) for key, found in read.items()} | _of_others(read)
        found = [flashes for key, flashes in read.items() if isinstance(flashes, xr.Dataset) and told[key][0] != GranuleState.MISPLACED]
        if found:
            start = hour.time - np.timedelta64(minutes * 60, "s")
            notes = {"states": told, "start": iso(start), "files": len(found), "wanted": minutes * 3}
            kept = save(hour.folder, "lightning", key, extent_density(found, domain.area, start, hour.time, domain.satellite.imager.parallax), notes)
        else:
            return Flashes([_judged(item, told.get(item.granule.key)) for item in items], None)
    return Flashes([_judged(item, (kept.notes["states"] if kept is not None else {}).get(item.granule.key)) for item in items], kept)


def _state_of(found: "xr.Dataset | ReadFailure") -> tuple[str, str]:
    """What became of a file: its state, and a sentence where it is not ok."""
    if isinstance(found, ReadFailure):
        return str(GranuleState.MISPLACED if found.error == "WrongKind" else GranuleState.CORRUPT), found.reason
    return found.attrs["state"], " ".join(found.attrs["notes"])


def _of_others(read: "dict[str, xr.Dataset | ReadFailure]") -> dict[str, tuple[str, str]]:
    """The files of another satellite than the newest one's, by key: together they would count flashes twice."""
    seen = {key: str(found.attrs["satellite"]) for key, found in read.items() if isinstance(found, xr.Dataset)}
    newest = next((seen[key] for key in sorted(seen, key=lambda key: key.rpartition("_s")[2], reverse=True)), "")
    misplaced = str(GranuleState.MISPLACED)
    return {key: (misplaced, f"It is of {satellite}, the newest file of {newest}.") for key, satellite in seen.items() if satellite != newest}


def _judged(item: Item, told: tuple[str, str] | None) -> Item:
    if told is None:
        return item
    return replace(item, state=item.state if told[0] == GranuleState.OK else GranuleState(told[0]), note=told[1])
