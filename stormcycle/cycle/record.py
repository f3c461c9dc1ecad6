"""The record of a cycle: what its feeds held when it looked, once.

`record-<revision>.json` in the cycle's work folder. Every retry reads the record, not the feeds. `--revise` lists again
and makes a new revision only when the inputs have changed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from stormcycle.cycle.digests import json_digest
from stormcycle.cycle.files import create_file, json_bytes
from stormcycle.states import GranuleState


@dataclass(frozen=True)
class Granule:
    """One pinned granule: its key relative to the feed, what identifies its bytes, its time by name, its state, when it came.

    `sha256` is the digest of the bytes where they were at hand, else a tag of the store (`etag:`, `modified:`).
    """

    feed: str
    key: str
    site: str
    size: int
    sha256: str
    valid_time: str | None
    state: GranuleState = GranuleState.OK
    notes: tuple[str, ...] = ()
    arrived: str | None = None


class PrefixState(StrEnum):
    """What a feed held below one prefix when it was listed: nothing of that name, nothing of the hour, some more to come, all that
    will; or it could not be listed.
    """

    MISSING = "missing"
    EMPTY = "empty"
    GROWING = "growing"
    SETTLED = "settled"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Prefix:
    """One prefix that was listed for a stream of a feed (a site, a channel), and how many granules of the hour it held."""

    site: str
    prefix: str
    state: PrefixState
    granules: int
    feed: str = "radar"


@dataclass(frozen=True)
class CycleRecord:
    """The pinned inputs of a cycle."""

    domain: str
    cycle_time: str
    revision: int
    listing: str
    granules: tuple[Granule, ...]
    prefixes: tuple[Prefix, ...] = ()

    @property
    def inputs_digest(self) -> str:
        """The digest of what was listed: the same inputs and the same feeds out of reach, the same digest, in whichever order and whenever they came."""
        inputs = [{name: value for name, value in asdict(granule).items() if name != "arrived"} for granule in self.granules]
        unreachable = sorted({prefix.feed for prefix in self.prefixes if prefix.state is PrefixState.UNREACHABLE})
        return json_digest([self.listing, sorted(inputs, key=lambda item: (item["feed"], item["key"])), *unreachable])


def newest_record(folder: Path) -> CycleRecord | None:
    """The newest revision of the record in a cycle's work folder, or None before the first."""
    revisions = [int(path.stem.removeprefix("record-")) for path in folder.glob("record-*.json")]
    return read_record(folder, max(revisions)) if revisions else None


def read_record(folder: Path, revision: int) -> CycleRecord:
    """A revision of the record in a cycle's work folder. Raises FileNotFoundError where there is none."""
    raw = json.loads((folder / f"record-{revision}.json").read_text())
    raw.pop("decisions", None)  # older records held an empty list; decisions are a run's, and stand in the manifest
    granules = tuple(Granule(**{**item, "state": GranuleState(item["state"]), "notes": tuple(item["notes"])}) for item in raw.pop("granules"))
    prefixes = tuple(Prefix(**{**item, "state": PrefixState(item["state"])}) for item in raw.pop("prefixes", ()))
    return CycleRecord(**{**raw, "granules": granules, "prefixes": prefixes})


def pinned_record(folder: Path, list_feeds: Callable[[int], CycleRecord], revise: bool) -> CycleRecord:
    """The record of a cycle: the one that is there, or a new listing by `list_feeds(revision)` when there is none.

    `revise` lists again and adds a revision when the inputs changed. Of two racing runs one writes, both read the same.
    """
    current = newest_record(folder)
    if current is not None and not revise:
        return current
    listed = list_feeds(current.revision + 1 if current else 1)
    if current is not None and listed.inputs_digest == current.inputs_digest:
        return current
    create_file(folder / f"record-{listed.revision}.json", json_bytes(asdict(listed)))
    return read_record(folder, listed.revision)
