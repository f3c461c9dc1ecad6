"""Listing a radar feed once: every granule that could belong to a cycle, with what identifies its bytes.

A feed that cannot be listed raises FeedError, so that nothing is pinned and a later run lists again. A feed that is
there and holds nothing for the hour is a list of no granules.
"""

import hashlib
import re

import fsspec
import numpy as np

from stormcycle.cycle.record import Granule
from stormcycle.domain import Domain, RadarFeed
from stormcycle.feeds.layouts import LAYOUTS, Layout, match_name, prefixes
from stormcycle.home import expand
from stormcycle.states import GranuleState
from stormcycle.times import HOUR, Time, iso


class FeedError(RuntimeError):
    """A feed cannot be listed: a folder or bucket that does not exist."""


def feed_layout(domain: Domain) -> Layout:
    """The layout of a domain's radar feed."""
    return LAYOUTS[domain.radar.feed.layout]


def open_feed(feed: RadarFeed) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a feed and its root there; what a listing said before is never believed again."""
    return fsspec.url_to_fs(expand(feed.url), **{"use_listings_cache": False, **feed.storage_options})


def list_radar_feed(domain: Domain, cycle_time: Time) -> list[Granule]:
    """The granules of a domain's radar feed whose time by name lies in the cycle's slots, or that tell no time.

    The window is (T - 60 min - half a step, T + half a step): what a slot could own. Raises FeedError when the
    feed's root does not exist.
    """
    layout = feed_layout(domain)
    half_step = np.timedelta64(domain.step_minutes * 30, "s")
    start, end = cycle_time - HOUR + half_step, cycle_time + half_step
    filesystem, root = open_feed(domain.radar.feed)
    if not filesystem.isdir(root):
        raise FeedError(f"The radar feed of {domain.name} has no folder {expand(domain.radar.feed.url)}; check `url` in its YAML, or fill the folder.")
    template = layout.prefix if domain.radar.feed.prefix is None else domain.radar.feed.prefix
    granules: dict[str, Granule] = {}
    for site in domain.radar.sites:
        for prefix in prefixes(template, site, start, end):
            folder = f"{root}/{prefix}".rstrip("/")
            if not filesystem.isdir(folder):
                continue
            for entry in sorted(filesystem.ls(folder, detail=True), key=lambda item: item["name"]):
                name = entry["name"].rsplit("/", 1)[-1]
                told = match_name(layout, name) if entry["type"] == "file" else None
                if told is None:
                    continue
                named_site, time = told
                if (named_site is not None and named_site != site) or (time is not None and not start <= time < end):
                    continue
                key = f"{prefix}/{name}".lstrip("/")
                if domain.radar.feed.packed is not None and name != domain.radar.feed.packed.file:
                    continue
                digest = content_digest(filesystem, entry)
                for granule in _granules_of_file(domain, layout, key, site, entry["size"], digest, time, start, end):
                    granules[granule.key] = granule
    return list(granules.values())


def _granules_of_file(domain: Domain, layout: Layout, key: str, site: str, size: int, digest: str, time: Time | None, start: Time, end: Time) -> list[Granule]:
    """A file is one granule, but for a packed sequence, where each frame of the window is one."""
    if layout.kind != "sequence":
        return [Granule("radar", key, site, size, digest, iso(time) if time is not None else None, GranuleState.OK)]
    packed = domain.radar.feed.packed
    if packed is None:
        raise FeedError(f"The radar feed of {domain.name} is a packed sequence; its YAML must declare `packed` (file, first_frame_time, step_minutes).")
    first = np.datetime64(packed.first_frame_time.replace(tzinfo=None), "s")
    step = np.timedelta64(packed.step_minutes, "m").astype("timedelta64[s]")
    lowest = max(0, int(np.ceil((start - first) / step)))
    highest = int(np.ceil((end - first) / step))
    return [Granule("radar", f"{key}#{index:03d}", site, size, digest, iso(first + index * step)) for index in range(lowest, highest)]


def content_digest(filesystem: fsspec.AbstractFileSystem, entry: dict[str, object]) -> str:
    """sha256 of a file's bytes where they are at hand, else the ETag that the store gives."""
    if "ETag" in entry:
        return "etag:" + re.sub(r'"', "", str(entry["ETag"]))
    with filesystem.open(entry["name"], "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
