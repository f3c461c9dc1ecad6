"""Grid: from polar volumes to the domain's grid, by indices kept between cycles."""

from dataclasses import replace

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import load_domain
from stormcycle.home import home
from stormcycle.radar.gridding import geometry_of, grid_volume, kept_indices
from stormcycle.radar.quality import cleaned
from tasks.seam import Hour, Item, stage

SOURCES = (
    "stormcycle/radar/gridding.py",
    "stormcycle/radar/sweeps.py",
    "stormcycle/radar/quality",
    "stormcycle/grids.py",
    "stormcycle/states.py",
    "tasks/grid.py",
)


@stage()
def grid(hour: Hour, items: list[Item]) -> list[Item]:
    """Each volume as fields on the grid; frames that came gridded pass."""
    domain = load_domain(hour.domain)
    results = []
    for item in items:
        if not item.usable or item.reference is None or item.flags is None:
            results.append(item)
            continue
        site = domain.radar.sites[item.granule.site]
        height, floor = domain.radar.cappi_height_m, domain.radar.quality.noise_floor_dbz
        settings = [site.model_dump(), domain.grid.model_dump(), list(domain.radar.moments), height, floor]
        key = stage_key("grid", [item.reference.digest, item.flags.digest], settings, SOURCES)
        reference = lookup(hour.folder, "grid", key)
        if reference is None:
            volume = cleaned(load(hour.folder, item.reference), load(hour.folder, item.flags), domain.radar.moments)
            indices = kept_indices(geometry_of(volume, site.latitude, site.longitude, site.altitude_m), domain.area, home() / "cache" / "indices")
            fields = grid_volume(volume, indices, domain.radar.moments, height, floor)
            reference = save(hour.folder, "grid", key, fields, item.reference.notes)
        results.append(replace(item, reference=reference))
    return results
