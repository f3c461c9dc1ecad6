"""Fetching a pinned granule: temporary name, check against the pin, rename."""

import hashlib
import re
from pathlib import Path

from stormcycle.cycle.files import temporary_beside
from stormcycle.cycle.record import Granule
from stormcycle.domain import Feed
from stormcycle.feeds.layouts import LAYOUTS
from stormcycle.feeds.opening import Place, is_there, open_feed, url_at
from stormcycle.feeds.prefixes import TAGS, content_digest
from stormcycle.feeds.ranges import AND_INDEX, NoIndex, WrongIndex, analysis_messages
from stormcycle.feeds.transient import FeedMissing, patiently
from stormcycle.states import GranuleState
from stormcycle.times import parse_time

MAX_BYTES = 512 * 2**20
"""No granule of a feed we know is larger; a larger one is refused before it fills the disk. Of a file with an index only parts come."""


def local_path(folder: Path, granule: Granule) -> Path:
    """Where a granule's bytes lie below a cycle's folder: by digest, so that no name from outside is a path here.

    A tag of a store says nothing about the bytes of another key: the digest is then of key and tag.
    """
    if re.fullmatch(r"[0-9a-f]{64}", granule.sha256):
        return folder / "inputs" / granule.sha256
    return folder / "inputs" / hashlib.sha256(f"{_file_key(granule)}\n{granule.sha256}".encode()).hexdigest()


def fetch_granule(feed: Feed, granule: Granule, folder: Path) -> tuple[GranuleState, str]:
    """Bring a pinned granule's bytes to the cycle's folder; its state, and a sentence when it is not ok.

    A granule that vanished since it was pinned is missing; one whose bytes changed, or that is too large, is corrupt. Where the
    feed's layout has an index, only what an analysis needs is fetched; a granule without its index is missing, one with a wrong
    index corrupt.
    Raises FeedError when the feed is gone, lets nobody in or stays unreachable: then nothing is lost, a later run goes on.
    """
    path = local_path(folder, granule)
    if path.is_file():
        return GranuleState.OK, ""
    index = LAYOUTS[feed.layout].index
    if granule.size > MAX_BYTES and index is None:
        return GranuleState.CORRUPT, f"{granule.key} has {granule.size} bytes, more than any granule ({MAX_BYTES}); it was not fetched."
    named_time = parse_time(granule.valid_time) if granule.valid_time is not None and LAYOUTS[feed.layout].time_format is not None else None
    url = url_at(feed, named_time)
    place, what = open_feed(feed, url), f"Fetching {granule.key} from the {granule.feed} feed {url}"
    temporary = temporary_beside(path)
    try:
        if not (_transfer_parts(place, granule, temporary, index, what) if index else patiently(lambda: _transfer(place, granule, temporary), what)):
            return GranuleState.CORRUPT, f"{granule.key} has changed since it was pinned; run the cycle with --revise to take the new one."
        temporary.replace(path)
    except NoIndex as error:
        return GranuleState.MISSING, str(error)
    except WrongIndex as error:
        return GranuleState.CORRUPT, str(error)
    except FileNotFoundError:
        if not place.is_http and not is_there(place, what):  # a disk that is not mounted takes no granule away
            raise FeedMissing(f"{what} failed: the feed is gone. Bring it back and run again; nothing is lost.") from None
        return GranuleState.MISSING, f"{granule.key} has vanished from the feed since it was pinned."
    finally:
        temporary.unlink(missing_ok=True)
    return GranuleState.OK, ""


def _file_key(granule: Granule) -> str:
    """The key of the file that holds a granule: frames of one file share it."""
    return granule.key.partition("#")[0]


def _transfer(place: Place, granule: Granule, temporary: Path) -> bool:
    """Copy a granule's bytes to a file; whether they are the pinned ones. Raises ConnectionError when only a part came."""
    source = place.path(_file_key(granule))
    place.filesystem.get_file(source, str(temporary))
    if granule.sha256.startswith(TAGS):
        came = temporary.stat().st_size
        if content_digest(place.filesystem, place.filesystem.info(source)) != granule.sha256:
            return False
        if came < granule.size:  # a connection that is closed without a word of the length looks like an end
            raise ConnectionError(f"{came} of {granule.size} bytes came")
        return came == granule.size
    with temporary.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == granule.sha256


def _transfer_parts(place: Place, granule: Granule, temporary: Path, index: str, what: str) -> bool:
    """Write the parts of a granule that are needed to a file; whether they are of the pinned bytes and index, before and after."""
    if not _unchanged(place, granule, index, what):
        return False
    temporary.write_bytes(analysis_messages(place, granule.key, granule.size, index, what))
    return _unchanged(place, granule, index, what)


def _unchanged(place: Place, granule: Granule, index: str, what: str) -> bool:
    """Whether a file is the pinned one, and its index where it was pinned too. An index that is not there is told by its reader."""
    whole, _, of_index = granule.sha256.partition(AND_INDEX)
    source = place.path(granule.key)
    if patiently(lambda: content_digest(place.filesystem, place.filesystem.info(source)), what) != whole:
        return False
    try:
        return not of_index or patiently(lambda: content_digest(place.filesystem, place.filesystem.info(f"{source}{index}")), what) == of_index
    except FileNotFoundError:
        return True
