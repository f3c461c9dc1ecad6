"""Listing a radar feed once: every granule that could belong to a cycle, with what identifies its bytes.

A feed that cannot be listed raises FeedError, so that nothing is pinned and a later run lists again. A feed that is
there and holds nothing for the hour is a list of no granules, and its prefixes say so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from stormcycle.cycle.record import Granule, Prefix, PrefixState
from stormcycle.domain import Domain
from stormcycle.feeds.layouts import LAYOUTS, PACKED_KINDS, Layout, match_name, prefixes, window
from stormcycle.feeds.opening import Place, instant, is_there, open_feed, spans
from stormcycle.feeds.prefixes import TAGS, Entry, list_prefix
from stormcycle.feeds.transient import FeedMissing
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso, now, parse_time

LISTINGS = 3
"""How often at most a growing prefix is listed before it is taken as it is."""


@dataclass(frozen=True)
class Listing:
    """What a feed held for an hour: its granules, and the prefixes that were asked."""

    granules: tuple[Granule, ...]
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True)
class Spot:
    """One prefix of one site at one of the feed's URLs, and the times [start, end) of the granules that are taken from it."""

    site: str
    prefix: str
    place: Place
    start: Time
    end: Time


def feed_layout(domain: Domain) -> Layout:
    """The layout of a domain's radar feed."""
    return LAYOUTS[domain.radar.feed.layout]


def list_radar_feed(domain: Domain, cycle_time: Time, sleep: Callable[[float], None] = time.sleep) -> Listing:
    """The granules of a domain's radar feed whose time by name lies in the cycle's window, or that tell no time.

    A prefix whose newest granule is younger than the feed's `settle_seconds` is waited for (`sleep`, in seconds) and
    listed again. Raises FeedError when the feed does not exist, lets nobody in, cannot be reached or cannot be read.
    """
    spots = _spots(domain, cycle_time)
    looks = {spot: _look(domain, spot) for spot in spots}
    for place in dict.fromkeys(spot.place for spot in spots):
        if all(looks[spot] is None for spot in spots if spot.place == place) and not is_there(place, f"Looking for the radar feed of {domain.name}"):
            raise FeedMissing(f"The radar feed of {domain.name} has no {place.kind} {place.url}; check `url` in its YAML, or fill the {place.kind}.")
    growing = [spot for spot in spots if _is_young(domain, looks[spot])]
    for _ in range(LISTINGS - 1):
        if not growing:
            break
        sleep(domain.radar.feed.settle_seconds)
        before = {spot: looks[spot] for spot in growing}
        looks |= {spot: _look(domain, spot) for spot in growing}
        growing = [spot for spot in growing if looks[spot] != before[spot] or _is_young(domain, looks[spot])]
    states = tuple(Prefix(spot.site, spot.prefix, _state(looks[spot], spot in growing), len(looks[spot] or [])) for spot in spots)
    return Listing(_without_twins(looks), states)


def _spots(domain: Domain, cycle_time: Time) -> list[Spot]:
    """Where granules of the cycle can lie, by site and time: each URL is asked only for the prefixes of its own times."""
    feed, layout = domain.radar.feed, feed_layout(domain)
    start, end = window(layout, cycle_time, domain.step_minutes)
    template = layout.prefix if feed.prefix is None else feed.prefix
    parts = spans(feed, start, end) if layout.time_format is not None else [(feed.url, start, end)]
    places = {url: open_feed(feed, url) for url, _, _ in parts}
    second = np.timedelta64(1, "s")
    return [
        Spot(site, prefix, places[url], first, last)
        for site in domain.radar.sites
        for url, first, last in parts
        for prefix in prefixes(template, site, first, last - second)
    ]


def _look(domain: Domain, spot: Spot) -> list[Granule] | None:
    """The granules at a spot, by name; None when there is no such prefix."""
    layout, packed = feed_layout(domain), domain.radar.feed.packed

    def wanted(name: str) -> bool:
        told = match_name(layout, name)
        if told is None or (packed is not None and name != packed.file.format(site=spot.site)):
            return False
        return told[0] in (None, spot.site) and (told[1] is None or bool(spot.start <= told[1] < spot.end))

    entries = list_prefix(spot.place, spot.prefix, layout, wanted, f"Listing {spot.prefix or 'the folder'} of the radar feed of {domain.name}")
    return None if entries is None else [granule for entry in entries for granule in _granules(domain, spot, entry)]


def _granules(domain: Domain, spot: Spot, entry: Entry) -> list[Granule]:
    """A file is one granule, but for a packed one, where each frame of the window is one."""
    feed, key = domain.radar.feed, f"{spot.prefix}/{entry.name}".lstrip("/")
    named = match_name(feed_layout(domain), entry.name)
    assert named is not None  # only wanted names are entries
    arrived = iso(entry.arrived) if entry.arrived is not None else None
    whole = Granule("radar", key, spot.site, entry.size, entry.digest, iso(named[1]) if named[1] is not None else None, arrived=arrived)
    if feed_layout(domain).kind not in PACKED_KINDS:
        minutes_late = np.timedelta64(int(60 * (feed.late_after_minutes or 0)), "s")
        late = feed.late_after_minutes is not None and named[1] is not None and entry.arrived is not None and entry.arrived - named[1] > minutes_late
        return [replace(whole, state=GranuleState.LATE if late else GranuleState.OK)]
    assert feed.packed is not None  # the domain refused the feed otherwise
    first, step = instant(feed.packed.first_frame_time), np.timedelta64(feed.packed.step_minutes * 60, "s")
    lowest, highest = max(0, int(np.ceil((spot.start - first) / step))), int(np.ceil((spot.end - first) / step))
    return [replace(whole, key=f"{key}#{index:03d}", valid_time=iso(first + index * step)) for index in range(lowest, highest)]


def _is_young(domain: Domain, granules: list[Granule] | None) -> bool:
    """Whether the newest granule came so short a time ago that more may follow."""
    came = [parse_time(granule.arrived) for granule in granules or [] if granule.arrived is not None]
    settled_after = np.timedelta64(int(domain.radar.feed.settle_seconds), "s")
    return domain.radar.feed.settle_seconds > 0 and bool(came) and bool(now() - max(came) < settled_after)


def _state(granules: list[Granule] | None, growing: bool) -> PrefixState:
    if growing:
        return PrefixState.GROWING
    return PrefixState.MISSING if granules is None else PrefixState.SETTLED if granules else PrefixState.EMPTY


def _without_twins(looks: dict[Spot, list[Granule] | None]) -> tuple[Granule, ...]:
    """All granules, by site and time; of those of one site with the same bytes all but the first by key are duplicates."""
    granules = {granule.key: granule for found in looks.values() for granule in found or []}
    # a web server's tag is its word about one URL (nginx makes it of time and size): it does not compare two
    comparable = {granule.key for spot, found in looks.items() for granule in found or [] if not (spot.place.is_http and granule.sha256.startswith(TAGS))}
    first: dict[tuple[str, str, str], str] = {}
    for key in sorted(comparable):
        granule = granules[key]
        twin = first.setdefault((granule.site, granule.sha256, key.partition("#")[2]), key)
        if twin != key:
            granules[key] = replace(granule, state=GranuleState.DUPLICATE, notes=(f"The same bytes as {twin}.",))
    return tuple(granules.values())
