"""Fetching a pinned granule: temporary name, check against the pin, rename."""

import hashlib
import re
from pathlib import Path

import fsspec

from stormcycle.cycle.files import temporary_beside
from stormcycle.cycle.record import Granule
from stormcycle.domain import RadarFeed
from stormcycle.feeds.listing import content_digest, open_feed
from stormcycle.states import GranuleState

MAX_BYTES = 512 * 2**20
"""No granule of a feed we know is larger; a larger one is refused before it fills the disk."""


def local_path(folder: Path, granule: Granule) -> Path:
    """Where a granule's bytes lie below a cycle's folder: by digest, so that no name from outside is a path here."""
    return folder / "inputs" / re.sub(r"[^0-9a-f]", "", granule.sha256)


def fetch_granule(feed: RadarFeed, granule: Granule, folder: Path) -> tuple[GranuleState, str]:
    """Bring a pinned granule's bytes to the cycle's folder; its state, and a sentence when it is not ok.

    A granule that vanished since it was pinned is missing; one whose bytes changed, or that is too large, is corrupt.
    """
    path = local_path(folder, granule)
    if path.is_file():
        return GranuleState.OK, ""
    filesystem, root = open_feed(feed)
    source = f"{root}/{granule.key.split('#')[0]}"
    if granule.size > MAX_BYTES:
        return GranuleState.CORRUPT, f"{granule.key} has {granule.size} bytes, more than any granule ({MAX_BYTES}); it was not fetched."
    temporary = temporary_beside(path)
    try:
        filesystem.get_file(source, str(temporary))
        if _digest(filesystem, source, granule, temporary) != granule.sha256:
            return GranuleState.CORRUPT, f"{granule.key} has changed since it was pinned; run the cycle with --revise to take the new one."
        temporary.replace(path)
    except FileNotFoundError:
        return GranuleState.MISSING, f"{granule.key} has vanished from the feed since it was pinned."
    finally:
        temporary.unlink(missing_ok=True)
    return GranuleState.OK, ""


def _digest(filesystem: fsspec.AbstractFileSystem, source: str, granule: Granule, fetched: Path) -> str:
    """What was fetched, told in the way that the pin tells it: by its bytes, or by the tag that the store gives it now."""
    if granule.sha256.startswith("etag:"):
        return content_digest(filesystem, filesystem.info(source))
    with fetched.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
