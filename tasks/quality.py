"""Quality: flags on the gates of each volume, with the reason of each."""

import hashlib
from dataclasses import replace
from pathlib import Path

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import Domain, load_domain
from stormcycle.home import expand
from stormcycle.radar.quality import checked
from tasks.seam import Hour, Item, stage

SOURCES = ("stormcycle/radar/quality", "stormcycle/radar/polarimetry.py", "stormcycle/radar/sweeps.py", "stormcycle/states.py", "tasks/quality.py")


@stage()
def quality(hour: Hour, items: list[Item]) -> list[Item]:
    """Each volume with its flags; frames that came gridded have been controlled by their maker and pass."""
    domain = load_domain(hour.domain)
    results = []
    for item in items:
        if not item.usable or item.reference is None or "last_ray_time" not in item.reference.notes:
            results.append(item)
            continue
        name = item.granule.site
        site = domain.radar.sites[name]
        settings = [domain.radar.quality.model_dump(), name, site.model_dump(), list(domain.radar.moments)]
        key = stage_key("quality", [item.reference.digest, *_files(domain, name)], settings, SOURCES)
        found = lookup(hour.folder, "quality", key)
        if found is None:
            found = save(hour.folder, "quality", key, checked(load(hour.folder, item.reference), domain.radar.quality, name, site, domain.radar.moments))
        results.append(replace(item, flags=found))
    return results


def _files(domain: Domain, site: str) -> list[str]:
    """Digests of the terrain and the mask that the steps read; empty where there is no such file, which the step will say."""
    settings = domain.radar.quality
    named = [*([settings.beam_blockage.terrain] if settings.beam_blockage else []), *([settings.outlier_mask.file] if settings.outlier_mask else [])]
    paths = [Path(expand(name.replace("{site}", site))) for name in named]
    return [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in paths]
