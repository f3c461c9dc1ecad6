"""Publishing a release: claim a version, write, check, create its manifest, move the pointer.

    <root>/<domain>/<YYYY>/<MM>/<DD>T<HH>Z/v<N>/claim.json      which digest this version is for
                                               /release.zarr    the products
                                               /quicklook.png, quicklook.gif, item.json (analysis.png)
                                               /manifest.json   created last and exclusively: the version is published
    <root>/<domain>/latest.json                                 the newest (cycle time, version), moves only forward
    <root>/<domain>/status.json                                 how the domain does, written after it

A version belongs to one digest. Two runs with the same digest may write the same bytes side by side; one creates the
manifest. A crashed run's claim is taken up by whoever brings the same digest, and skipped by others.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.cycle.files import json_bytes
from stormcycle.release.targets import Target, TargetError
from stormcycle.times import HOUR, Time, hour_folder, iso, parse_time


@dataclass(frozen=True)
class Published:
    """A published release: where it is and what its manifest says."""

    url: str
    path: str
    version: int
    new: bool
    manifest: dict[str, Any]


def find_published(target: Target, domain: str, cycle_time: Time) -> Published | None:
    """The newest published version of an hour, or None."""
    folder = f"{domain}/{hour_folder(cycle_time)}"
    for version in sorted((int(name[1:]) for name in target.names(folder) if re.fullmatch(r"v\d+", name)), reverse=True):
        path = f"{folder}/v{version}"
        content = target.read(f"{path}/manifest.json")
        if content is not None:
            return Published(target.url(f"{path}/release.zarr"), path, version, False, json.loads(content[0]))
    return None


def publish(target: Target, domain: str, cycle_time: Time, staged: Path, manifest: dict[str, Any], check: Callable[[str, str], None]) -> Published:
    """Publish the staged folder (release.zarr and pictures) as the next version of its hour.

    `manifest["digest"]` decides: a release that is published already with this digest is returned, with nothing
    written. `check(url, digest)` reads the written store back and raises when it is not what was staged, or when the
    run has lost its token. Raises TargetError when the target fails.
    """
    newest = find_published(target, domain, cycle_time)
    while newest is None or newest.manifest["digest"] != manifest["digest"]:
        claimed = _claim(target, f"{domain}/{hour_folder(cycle_time)}", newest.version + 1 if newest else 1, manifest["digest"])
        if claimed is not None:
            break
        newest = find_published(target, domain, cycle_time)  # somebody published this digest in between
    else:
        return newest
    path, version = claimed
    target.put_tree(staged, path)
    url = target.url(f"{path}/release.zarr")
    check(url, manifest["digest"])
    complete = {**manifest, "version": version, "url": url}
    if not target.create(f"{path}/manifest.json", json_bytes(complete)):
        winner = find_published(target, domain, cycle_time)
        assert winner is not None  # a manifest that exists can be read
        return winner
    return Published(url, path, version, True, complete)


def _claim(target: Target, folder: str, version: int, digest: str) -> tuple[str, int] | None:
    """The first version from `version` on that is free or claimed for the same digest; None when that one is published."""
    while True:
        path = f"{folder}/v{version}"
        if target.create(f"{path}/claim.json", json_bytes({"digest": digest})):
            return path, version
        claim = target.read(f"{path}/claim.json")
        if claim is not None and json.loads(claim[0])["digest"] == digest:
            return None if target.read(f"{path}/manifest.json") else (path, version)
        version += 1


def latest_release(target: Target, domain: str) -> dict[str, Any] | None:
    """What a domain's pointer says (url, cycle_time, version, sequence, digest, state), or None before the first release."""
    content = target.read(f"{domain}/latest.json")
    return json.loads(content[0]) if content is not None else None


def announce(target: Target, release: Published, present: Time, schedule_minute: int, feeds: Sequence[Mapping[str, Any]] = ()) -> None:
    """Move the pointer to a published release, and tell the status, where they are behind it; else change nothing. `feeds`: how
    the feeds of the hour are, as the status tells it; none where that is not known.
    """
    domain = release.manifest["domain"]
    moved = move_pointer(target, domain, release)
    status = target.read(f"{domain}/status.json")
    if moved or status is None or json.loads(status[0])["last_released"] < release.manifest["cycle_time"]:
        write_status(target, domain, release, present, schedule_minute, feeds)


def move_pointer(target: Target, domain: str, release: Published) -> bool:
    """Point latest.json at a release unless it points at this or a later (cycle time, version); True when it moved."""
    manifest = release.manifest
    pointer = {key: manifest[key] for key in ("domain", "cycle_time", "version", "digest", "state", "products")} | {"url": release.url}

    def newer(old: dict[str, Any] | None) -> dict[str, Any] | None:
        behind = old is None or (old["cycle_time"], old["version"]) < (pointer["cycle_time"], pointer["version"])
        return pointer if behind else None

    return forward(target, f"{domain}/latest.json", newer)


def forward(target: Target, path: str, update: Callable[[dict[str, Any] | None], dict[str, Any] | None], attempts: int = 50) -> bool:
    """Change a small JSON file by compare-and-swap to `update(old)`, counting its `sequence` up; whether it changed.

    `update` sees what is there (None: no file) and gives None where nothing is to change. The sequence makes every
    content different, so that a store which tags by content sees A-B-A.
    """
    for _ in range(attempts):
        current = target.read(path)
        old = json.loads(current[0]) if current else None
        content = update(old)
        if content is None:
            return False
        updated = {**content, "sequence": (old["sequence"] if old else 0) + 1}
        if target.swap(path, json_bytes(updated), current[1] if current else None):
            return True
    raise TargetError(f"{target.url(path)} was changed by others {attempts} times in a row; run the cycle again.")


def write_status(target: Target, domain: str, release: Published, present: Time, schedule_minute: int, feeds: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write status.json: last complete hour, last released hour, the next expected, whether that is live, late or stale, the feeds.

    Live: the newest released hour is the newest that was due. Late: one hour is owed. Stale: more. `expected_minute`
    lets a reader judge again later without us.
    """
    cycle_time = release.manifest["cycle_time"]

    def updated(old: dict[str, Any] | None) -> dict[str, Any]:
        known = old or {}
        last_released = max(cycle_time, known.get("last_released") or "")
        last_complete = max(cycle_time if release.manifest["state"] == "complete" else "", known.get("last_complete") or "") or None
        newest_due = (present - np.timedelta64(schedule_minute, "m")).astype("datetime64[h]").astype("datetime64[s]")
        owed = int((newest_due - parse_time(last_released)) / HOUR)
        return {
            "domain": domain,
            "last_complete": last_complete,
            "last_released": last_released,
            "next_expected": iso(parse_time(last_released) + HOUR),
            "expected_minute": schedule_minute,
            "state": "live" if owed <= 0 else "late" if owed == 1 else "stale",
            "as_of": iso(present),
            "feeds": [dict(row) for row in feeds] or known.get("feeds", []),
        }

    forward(target, f"{domain}/status.json", updated)
