"""Quality: flags on the gates of each volume, with the reason of each."""

from dataclasses import replace

import xarray as xr

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import load_domain
from stormcycle.radar.quality import noise_floor, range_limit
from tasks.seam import Hour, Item, stage

SOURCES = ("stormcycle/radar/quality.py", "stormcycle/states.py", "tasks/quality.py")


@stage()
def quality(hour: Hour, items: list[Item]) -> list[Item]:
    """Each volume with its flags; frames that came gridded have been controlled by their maker and pass."""
    settings = load_domain(hour.domain).radar.quality
    results = []
    for item in items:
        if not item.usable or item.reference is None or "last_ray_time" not in item.reference.notes:
            results.append(item)
            continue
        key = stage_key("quality", [item.reference.digest], settings.model_dump(), SOURCES)
        flags = lookup(hour.folder, "quality", key)
        if flags is None:
            volume = load(hour.folder, item.reference)
            found = range_limit(volume, settings.max_range_km) | noise_floor(volume, settings.noise_floor_dbz)
            flags = save(hour.folder, "quality", key, xr.Dataset({"flags": (("ray", "gate"), found)}))
        results.append(replace(item, flags=flags))
    return results
