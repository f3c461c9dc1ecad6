"""Fetching a pinned granule: temporary name, check against the pin, rename."""

import hashlib
import re
from pathlib import Path

import fsspec

from stormcycle.cycle.files import temporary_beside
from stormcycle.cycle.record import Granule
from stormcycle.home import expand
from stormcycle.states import GranuleState

MAX_BYTES = 512 * 2**20
"""No granule of a feed we know is larger; a larger one is refused before it fills the disk."""


def local_path(folder: Path, granule: Granule) -> Path:
    """Where a granule's bytes lie below a cycle's folder: by digest, so that no name from outside is a path here."""
    return folder / "inputs" / re.sub(r"[^0-9a-f]", "", granule.sha256)


def fetch_granule(url: str, granule: Granule, folder: Path) -> tuple[GranuleState, str]:
    """Bring a pinned granule's bytes to the cycle's folder; its state, and a sentence when it is not ok.

    A granule that vanished since it was pinned is missing; one whose bytes changed, or that is too large, is corrupt.
    """
    path = local_path(folder, granule)
    if path.is_file():
        return GranuleState.OK, ""
    filesystem, root = fsspec.url_to_fs(expand(url))
    source = f"{root}/{granule.key.split('#')[0]}"
    if granule.size > MAX_BYTES:
        return GranuleState.CORRUPT, f"{granule.key} has {granule.size} bytes, more than any granule ({MAX_BYTES}); it was not fetched."
    temporary = temporary_beside(path)
    try:
        filesystem.get_file(source, str(temporary))
        if not granule.sha256.startswith("etag:"):
            with temporary.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != granule.sha256:
                    return GranuleState.CORRUPT, f"{granule.key} has changed since it was pinned; run the cycle with --revise to take the new one."
        temporary.replace(path)
    except FileNotFoundError:
        return GranuleState.MISSING, f"{granule.key} has vanished from the feed since it was pinned."
    finally:
        temporary.unlink(missing_ok=True)
    return GranuleState.OK, ""
