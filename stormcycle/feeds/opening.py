"""Opening a feed: which URL holds the granules of a time, and the file system there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fsspec
import numpy as np
from fsspec.utils import get_protocol

from stormcycle.domain import Feed
from stormcycle.feeds.transient import FeedForbidden, patiently
from stormcycle.home import expand
from stormcycle.times import Time

HTTP = ("http", "https")
S3 = ("s3", "s3a")
S3_OPTIONS: dict[str, Any] = {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 1, "mode": "standard"}}}
HTTP_OPTIONS: dict[str, Any] = {"client_kwargs": {"timeout": {"sock_connect": 10, "sock_read": 60}}}
DEFAULT_OPTIONS = {**dict.fromkeys(S3, S3_OPTIONS), **dict.fromkeys(HTTP, HTTP_OPTIONS)}
"""By protocol; a domain's `storage_options` go over them. One try a request: ours (feeds.transient) are the ones that count."""


@dataclass(frozen=True)
class Place:
    """A feed's URL, opened: the file system, the root there; over HTTP a folder is a page of links."""

    filesystem: fsspec.AbstractFileSystem
    root: str
    url: str
    is_http: bool

    @property
    def kind(self) -> str:
        """What the URL names, as people say it."""
        return "bucket" if get_protocol(self.url) in S3 else "folder"

    def path(self, key: str) -> str:
        """Where a key or a prefix lies on the file system; the empty prefix is the root."""
        return f"{self.root}/{key}".rstrip("/")


def open_feed(feed: Feed, url: str) -> Place:
    """One of a feed's URLs, opened; what a listing said before is never believed again."""
    location = expand(url)
    protocol = get_protocol(location)
    options = _merged({"use_listings_cache": False, **DEFAULT_OPTIONS.get(protocol, {})}, feed.storage_options)
    if protocol in HTTP:
        from aiohttp import ClientTimeout

        options["client_kwargs"] = {**options["client_kwargs"], "timeout": ClientTimeout(**options["client_kwargs"]["timeout"])}
    filesystem, root = fsspec.url_to_fs(location, **options)
    if protocol in S3:
        filesystem.retries = 1  # s3fs has no option for it
    return Place(filesystem, root.rstrip("/"), location, protocol in HTTP)


def is_there(place: Place, what: str) -> bool:
    """Whether a feed's folder or bucket exists. A web server's root may be closed where its folders are open: it is there."""
    try:
        info = patiently(lambda: place.filesystem.info(place.root + "/" * place.is_http), what)
    except FileNotFoundError:
        return False
    except FeedForbidden:
        if place.is_http:
            return True
        raise
    return place.is_http or info["type"] == "directory"


def url_at(feed: Feed, time: Time | None) -> str:
    """Where a feed's granules of a time lie: the first of `formerly` that had not ended yet, else `url`; without a time `url`."""
    return next((former.url for former in feed.formerly if time is not None and time < instant(former.until)), feed.url)


def spans(feed: Feed, start: Time, end: Time) -> list[tuple[str, Time, Time]]:
    """[start, end) cut where the feed moved: for each URL that holds granules of it the part that it holds, in order of time."""
    found = []
    for former in feed.formerly:
        until = min(instant(former.until), end)
        if start < until:
            found.append((former.url, start, until))
            start = until
    return [*found, (feed.url, start, end)] if start < end else found


def instant(moment: datetime) -> Time:
    """A time as the library's; without a zone it is UTC, whatever the zone of the machine."""
    return np.datetime64((moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None), "s")


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Options laid over defaults, mapping by mapping, so that one timeout can be given and the others stay."""
    both = {key: _merged(defaults[key], value) if isinstance(value, dict) and isinstance(defaults.get(key), dict) else value for key, value in given.items()}
    return {**defaults, **both}
