"""One prefix of a feed: the files directly below it, with what identifies their bytes and when they came.

A listing may change between two calls: what went in between is not there, and never an exception.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import fsspec

from stormcycle.feeds.indexes import index_names, is_index
from stormcycle.feeds.layouts import Layout
from stormcycle.feeds.opening import Place, instant
from stormcycle.feeds.ranges import AND_INDEX
from stormcycle.feeds.transient import FeedError, patiently
from stormcycle.times import Time

TAGS = ("etag:", "modified:")
"""How a digest begins that is not a sha256 of the bytes: the store's own word for them."""


@dataclass(frozen=True)
class Entry:
    """A file below a prefix: its name, its size in bytes, what identifies its bytes, when it came."""

    name: str
    size: int
    digest: str
    arrived: Time | None


def list_prefix(place: Place, prefix: str, layout: Layout, wanted: Callable[[str], bool], what: str) -> list[Entry] | None:
    """The files directly below a prefix whose name is `wanted`, by name; None when the prefix does not exist.

    Nothing is asked about a file that is not wanted. Raises FeedError as feeds.transient does, and when a web server's
    page holds no listing that we can read.
    """
    folder = place.path(prefix)
    try:
        listed = patiently(lambda: _index(place, folder, layout) if place.is_http else place.filesystem.ls(folder, detail=True), what)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if any(item["name"] == folder and item["type"] == "file" for item in listed):
        return None  # a file of the prefix's name is no folder
    below = {item["name"].removeprefix(f"{folder}/"): item for item in listed if item["type"] == "file"}
    found = [_entry(place, name, below[name], what) for name in sorted(below) if wanted(name)]
    entries = [entry for entry in found if entry is not None]
    return entries if layout.index is None else [_with_index(place, entry, below.get(f"{entry.name}{layout.index}"), what) for entry in entries]


def content_digest(filesystem: fsspec.AbstractFileSystem, info: dict[str, Any]) -> str:
    """sha256 of a file's bytes where they are at hand, else the tag that the store gives (ETag, Last-Modified), else sha256 by reading."""
    if info.get("ETag"):
        return "etag:" + re.sub(r'"', "", str(info["ETag"]))
    if info.get("Last-Modified"):
        return f"modified:{info['Last-Modified']}:{info['size']}"
    return _read(filesystem, info["name"])[1]


def _index(place: Place, folder: str, layout: Layout) -> list[dict[str, Any]]:
    """What an index page links to, as a file system lists it; sizes are not told there."""
    page = place.filesystem.cat_file(f"{folder}/").decode("utf-8", errors="replace")
    names = index_names(page, f"{folder}/")
    if not is_index(page) and not any(layout.name.fullmatch(name) for name in names):
        raise FeedError(f"The page {folder}/ holds no listing of files that we can read; check `url`, or ask the server for an HTML index.")
    return [{"name": f"{folder}/{name}", "type": "file", "size": None} for name in names]


def _entry(place: Place, name: str, listed: dict[str, Any], what: str) -> Entry | None:
    """A listed file with what the store tells of it; None when it has gone since."""
    try:
        info = listed if listed["size"] is not None else patiently(lambda: place.filesystem.info(listed["name"]), what)
        if info["size"] is not None:
            return Entry(name, info["size"], patiently(lambda: content_digest(place.filesystem, info), what), _arrived(info))
        size, digest = patiently(lambda: _read(place.filesystem, listed["name"]), what)  # without a size no tag could tell a cut file
        return Entry(name, size, digest, _arrived(info))
    except FileNotFoundError:
        return None


def _with_index(place: Place, entry: Entry, index: dict[str, Any] | None, what: str) -> Entry:
    """A file identified together with the index beside it, by which its parts are found; `none` where there is no index yet."""
    beside = _entry(place, index["name"].rpartition("/")[2], index, what) if index is not None else None
    return replace(entry, digest=f"{entry.digest}{AND_INDEX}{beside.digest if beside is not None else 'none'}")


def _read(filesystem: fsspec.AbstractFileSystem, path: str) -> tuple[int, str]:
    """A file's size and the sha256 of its bytes, by reading it block by block."""
    size, digest = 0, hashlib.sha256()
    with filesystem.open(path, "rb") as file:
        while block := file.read(2**20):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


def _arrived(info: dict[str, Any]) -> Time | None:
    """When a file came, by the store's word; None where it says nothing."""
    told = info.get("LastModified") or info.get("Last-Modified") or info.get("mtime")
    if isinstance(told, str):
        try:
            told = parsedate_to_datetime(told)
        except ValueError:
            return None
    return instant(told if isinstance(told, datetime) else datetime.fromtimestamp(told, UTC)) if told is not None else None
