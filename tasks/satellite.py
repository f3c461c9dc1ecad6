"""Satellite: the product of the imager's channels and the lightning, each present or said to be absent."""

import numpy as np

from stormcycle.cycle import load, lookup, save, stage_key
from stormcycle.domain import Domain, Satellite, load_domain
from stormcycle.satellite import satellite_fields
from stormcycle.states import Degradation, GranuleState
from stormcycle.times import Time, minutes, parse_time
from tasks.fetch import unlisted
from tasks.lightning import Flashes
from tasks.seam import Branch, Hour, Item, Product, stage

SOURCES = ("stormcycle/satellite/product.py", "stormcycle/states.py", "tasks/satellite.py")
ENOUGH_LIGHTNING = 0.9
"""Share of the window's files below which the density says too little: it is masked, as absent is not zero."""


@stage()
def satellite(hour: Hour, images: list[Item], flashes: Flashes) -> Branch:
    """The product `satellite` of the hour, without a reference where no channel can be used."""
    domain = load_domain(hour.domain)
    if domain.satellite is None:
        return Branch([], None)
    return Branch([*images, *flashes.items], _product(hour, domain, domain.satellite, images, flashes))


def _product(hour: Hour, domain: Domain, settings: Satellite, images: list[Item], flashes: Flashes) -> Product:
    used = {item.granule.site: item for item in images if item.reference is not None and item.usable and _fresh(item, domain, hour.time)}
    degraded = [*unlisted(hour, "imager", "satellite"), *unlisted(hour, "lightning", "satellite")]
    degraded += [*_imager_reasons(images, used, domain, hour.time), *_lightning_reasons(flashes, domain)]
    if not used:
        return Product("satellite", None, [Degradation("satellite", "no_satellite", "No satellite: no channel has a scan that can be used."), *degraded])
    density = flashes.reference if flashes.reference is not None and _enough(flashes) else None
    inputs = [f"{item.granule.site}:{item.reference.digest}:{item.state}:{item.granule.state}" for item in used.values() if item.reference is not None]
    key = stage_key(
        "satellite", [*sorted(inputs), density.digest if density else ""], [settings.model_dump(mode="json", exclude={"deadline_seconds"})], SOURCES
    )
    reference = lookup(hour.folder, "satellite", key)
    if reference is None:
        read = {channel: load(hour.folder, item.reference) for channel, item in used.items() if item.reference is not None}
        late = tuple(channel for channel, item in used.items() if item.granule.state is GranuleState.LATE)
        fields = satellite_fields(read, settings.imager.channels, load(hour.folder, density) if density else None, domain.grid.shape, hour.time, late)
        reference = save(hour.folder, "satellite", key, fields)
    return Product("satellite", reference, degraded)


def _age(item: Item, time: Time) -> float:
    """Minutes from the middle of a scan to the cycle time."""
    assert item.reference is not None  # asked of read scans only
    return minutes(time - parse_time(item.reference.notes["middle"]))


def _fresh(item: Item, domain: Domain, time: Time) -> bool:
    return domain.satellite is not None and _age(item, time) <= domain.satellite.imager.oldest_minutes


def _enough(flashes: Flashes) -> bool:
    return flashes.reference is not None and flashes.reference.notes["files"] >= ENOUGH_LIGHTNING * flashes.reference.notes["wanted"]


def _imager_reasons(images: list[Item], used: dict[str, Item], domain: Domain, time: Time) -> list[Degradation]:
    """Why the imagery is not what it could be, channel by channel, granule by granule."""
    assert domain.satellite is not None
    reasons = []
    for channel in domain.satellite.imager.channels:
        if channel in used:
            continue
        old = next((item for item in images if item.granule.site == channel and item.reference is not None), None)
        why = f"its newest scan is {_age(old, time):.0f} min old" if old is not None else "no scan of it can be used"
        reasons.append(Degradation("satellite", "channel_missing", f"{channel} is absent: {why}."))
    newest = max((parse_time(item.nominal_time) for item in used.values()), default=None)
    for channel, item in sorted(used.items()):
        older = [
            other for other in images if other.granule.site == channel and not other.usable and str(other.granule.valid_time) > str(item.granule.valid_time)
        ]
        behind = newest is not None and newest - parse_time(item.nominal_time) > np.timedelta64(60, "s")
        stopped = minutes(time - parse_time(item.nominal_time)) > 2.0 * domain.satellite.imager.every_minutes
        if older or behind or stopped:
            reasons.append(
                Degradation("satellite", "older_scan", f"{channel} is of an older scan: its middle is {_age(item, time):.0f} min before the cycle time.")
            )
    states = (GranuleState.CORRUPT, GranuleState.MISPLACED, GranuleState.PARTIAL, GranuleState.MISSING)
    return reasons + [Degradation("satellite", f"granule_{item.state}", f"{item.granule.key}: {item.note}") for item in images if item.state in states]


def _lightning_reasons(flashes: Flashes, domain: Domain) -> list[Degradation]:
    """Why the lightning is not what it could be."""
    assert domain.satellite is not None
    if domain.satellite.lightning is None:
        return []
    wanted = domain.satellite.lightning.minutes * 3
    files = flashes.reference.notes["files"] if flashes.reference is not None else 0
    bad = [item for item in flashes.items if item.state in (GranuleState.CORRUPT, GranuleState.MISPLACED, GranuleState.MISSING)]
    why = f" {bad[0].granule.key}: {bad[0].note}" if bad else ""
    partial = [item for item in flashes.items if item.state is GranuleState.PARTIAL]
    told = (
        [Degradation("satellite", "granule_partial", f"{len(partial)} lightning files are partial. {partial[0].granule.key}: {partial[0].note}")]
        if partial
        else []
    )
    if files < ENOUGH_LIGHTNING * wanted:
        return [Degradation("satellite", "lightning_missing", f"Lightning is masked: {files} of {wanted} files are there.{why}")]
    if files < wanted:
        return [Degradation("satellite", "lightning_incomplete", f"{files} of {wanted} lightning files are there.{why}"), *told]
    return told
