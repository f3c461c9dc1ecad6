"""Listing a feed once: every granule that could belong to a cycle, with what identifies its bytes.

A feed that cannot be listed raises FeedError. A feed that is there and holds nothing for the hour is a list of no
granules, and its prefixes say so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from stormcycle.cycle.record import Granule, Prefix, PrefixState
from stormcycle.domain import Domain
from stormcycle.feeds.layouts import LAYOUTS, PACKED_KINDS, Layout, match_name, prefixes
from stormcycle.feeds.opening import Place, instant, is_there, open_feed, spans
from stormcycle.feeds.prefixes import TAGS, Entry, list_prefix
from stormcycle.feeds.transient import FeedError, FeedMissing
from stormcycle.feeds.wanted import Wanted, radar_wanted, wanted_feeds
from stormcycle.states import GranuleState
from stormcycle.times import HOUR, Time, iso, now, parse_time

LISTINGS = 3
"""How often at most a growing prefix is listed before it is taken as it is."""


@dataclass(frozen=True)
class Listing:
    """What a feed held for an hour: its granules, and the prefixes that were asked."""

    granules: tuple[Granule, ...]
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True)
class Spot:
    """One prefix of one stream at one of the feed's URLs, the times [start, end) of the granules that are taken from it, and
    the first hour that the prefix can hold."""

    site: str
    prefix: str
    place: Place
    start: Time
    end: Time
    hour: Time


def feed_layout(domain: Domain) -> Layout:
    """The layout of a domain's radar feed."""
    return LAYOUTS[domain.radar.feed.layout]


def list_radar_feed(domain: Domain, cycle_time: Time, sleep: Callable[[float], None] = time.sleep) -> Listing:
    """The granules of a domain's radar feed whose time by name lies in the cycle's window, or that tell no time; as `list_feed`."""
    return list_feed(radar_wanted(domain, cycle_time), sleep)


def list_feeds(domain: Domain, cycle_time: Time, sleep: Callable[[float], None] = time.sleep) -> list[tuple[Wanted, Listing]]:
    """Every feed of a domain and what it holds for a cycle. Without radar there is no cycle: its trouble raises FeedError.

    Any other feed that cannot be listed holds no granule, and one prefix, the reason of the trouble, that is `unreachable`.
    """
    found = []
    for wanted in wanted_feeds(domain, cycle_time):
        try:
            found.append((wanted, list_feed(wanted, sleep)))
        except FeedError as error:
            if wanted.name == "radar":
                raise
            found.append((wanted, Listing((), (Prefix(wanted.streams[0], str(error), PrefixState.UNREACHABLE, 0, wanted.name),))))
    return found


def list_feed(wanted: Wanted, sleep: Callable[[float], None] = time.sleep) -> Listing:
    """The granules of a feed whose time by name is wanted, or that tell no time.

    A prefix whose newest granule is younger than the feed's `settle_seconds` is waited for (`sleep`, in seconds) and
    listed again. Raises FeedError when the feed does not exist, lets nobody in, cannot be reached or cannot be read.
    """
    spots = _spots(wanted)
    looks = {spot: _look(wanted, spot) for spot in spots}
    for place in dict.fromkeys(spot.place for spot in spots):
        if all(looks[spot] is None for spot in spots if spot.place == place) and not is_there(place, f"Looking for the {wanted.title}"):
            raise FeedMissing(f"The {wanted.title} has no {place.kind} {place.url}; check `url` in its YAML, or fill the {place.kind}.")
    growing = [spot for spot in spots if _is_young(wanted, looks[spot])]
    for _ in range(LISTINGS - 1):
        if not growing:
            break
        sleep(wanted.feed.settle_seconds)
        before = {spot: looks[spot] for spot in growing}
        looks |= {spot: _look(wanted, spot) for spot in growing}
        growing = [spot for spot in growing if looks[spot] != before[spot] or _is_young(wanted, looks[spot])]
    states = tuple(Prefix(spot.site, spot.prefix, _state(looks[spot], spot in growing), len(looks[spot] or []), wanted.name) for spot in spots)
    return Listing(_without_twins(wanted, looks), states)


def _spots(wanted: Wanted) -> list[Spot]:
    """Where granules of the cycle can lie, by stream and time: each URL is asked only for the prefixes of its own times."""
    feed, layout = wanted.feed, wanted.layout
    template = layout.prefix if feed.prefix is None else feed.prefix
    parts = spans(feed, wanted.start, wanted.end) if layout.time_format is not None else [(feed.url, wanted.start, wanted.end)]
    places = {url: open_feed(feed, url) for url, _, _ in parts}
    second = np.timedelta64(1, "s")
    return [
        Spot(site, prefix, places[url], first, last, hour)
        for site in wanted.streams
        for url, first, last in parts
        for prefix, hour in prefixes(template, site, first, last - second, wanted.every_hours).items()
    ]


def _look(wanted: Wanted, spot: Spot) -> list[Granule] | None:
    """The granules at a spot, by name; None when there is no such prefix."""
    layout, packed = wanted.layout, wanted.packed

    def chosen(name: str) -> bool:
        told = match_name(layout, name, spot.hour)
        if told is None or (packed is not None and name != packed.file.format(site=spot.site)):
            return False
        if told.lead is not None and (told.time is None or told.time + told.lead * HOUR != (wanted.end - np.timedelta64(1, "s"))):
            return False  # a model's file of another hour
        return told.site in (None, spot.site) and (told.time is None or bool(spot.start <= told.time < spot.end))

    entries = list_prefix(spot.place, spot.prefix, layout, chosen, f"Listing {spot.prefix or 'the folder'} of the {wanted.title}")
    return None if entries is None else [granule for entry in entries for granule in _granules(wanted, spot, entry)]


def _granules(wanted: Wanted, spot: Spot, entry: Entry) -> list[Granule]:
    """A file is one granule, but for a packed one, where each frame of the window is one."""
    feed, key = wanted.feed, f"{spot.prefix}/{entry.name}".lstrip("/")
    named = match_name(wanted.layout, entry.name, spot.hour)
    assert named is not None  # only chosen names are entries
    arrived = iso(entry.arrived) if entry.arrived is not None else None
    whole = Granule(wanted.name, key, spot.site, entry.size, entry.digest, iso(named.time) if named.time is not None else None, arrived=arrived)
    if wanted.layout.kind not in PACKED_KINDS:
        minutes_late = np.timedelta64(int(60 * (feed.late_after_minutes or 0)), "s")
        late = feed.late_after_minutes is not None and named.time is not None and entry.arrived is not None and entry.arrived - named.time > minutes_late
        return [replace(whole, state=GranuleState.LATE if late else GranuleState.OK)]
    assert wanted.packed is not None  # the domain refused the feed otherwise
    first, step = instant(wanted.packed.first_frame_time), np.timedelta64(wanted.packed.step_minutes * 60, "s")
    lowest, highest = max(0, int(np.ceil((spot.start - first) / step))), int(np.ceil((spot.end - first) / step))
    return [replace(whole, key=f"{key}#{index:03d}", valid_time=iso(first + index * step)) for index in range(lowest, highest)]


def _is_young(wanted: Wanted, granules: list[Granule] | None) -> bool:
    """Whether the newest granule came so short a time ago that more may follow."""
    came = [parse_time(granule.arrived) for granule in granules or [] if granule.arrived is not None]
    settled_after = np.timedelta64(int(wanted.feed.settle_seconds), "s")
    return wanted.feed.settle_seconds > 0 and bool(came) and bool(now() - max(came) < settled_after)


def _state(granules: list[Granule] | None, growing: bool) -> PrefixState:
    if growing:
        return PrefixState.GROWING
    return PrefixState.MISSING if granules is None else PrefixState.SETTLED if granules else PrefixState.EMPTY


def _without_twins(wanted: Wanted, looks: dict[Spot, list[Granule] | None]) -> tuple[Granule, ...]:
    """All granules, by stream and time; of those of one stream with the same bytes all but the first by key are duplicates, and
    of those of one stream and time whose names tell when they were made all but the newest.
    """
    granules = {granule.key: granule for found in looks.values() for granule in found or []}
    # a web server's tag is its word about one URL (nginx makes it of time and size): it does not compare two
    comparable = {granule.key for spot, found in looks.items() for granule in found or [] if not (spot.place.is_http and granule.sha256.startswith(TAGS))}
    first: dict[tuple[str, str, str], str] = {}
    for key in sorted(comparable):
        granule = granules[key]
        twin = first.setdefault((granule.site, granule.sha256, key.partition("#")[2]), key)
        if twin != key:
            granules[key] = replace(granule, state=GranuleState.DUPLICATE, notes=(f"The same bytes as {twin}.",))
    made = {key: named.created for key in granules if (named := match_name(wanted.layout, key.rpartition("/")[2])) is not None and named.created}
    newest: dict[tuple[str, str | None], str] = {}
    for key in sorted(made, key=lambda key: made[key]):
        newest[granules[key].site, granules[key].valid_time] = key
    for key in made:
        newer = newest[granules[key].site, granules[key].valid_time]
        if newer != key and granules[key].state is not GranuleState.DUPLICATE:
            granules[key] = replace(granules[key], state=GranuleState.DUPLICATE, notes=(f"Made again as {newer}.",))
    return tuple(granules.values())
