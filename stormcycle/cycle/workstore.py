"""The work store: what each stage of a cycle made, under a key that says what made it.

`$STORMCYCLE_HOME/work/<domain>/<YYYYMMDDTHHZ>/<stage>/<key>.json` names the Zarr folder beside it and is written last,
by exclusive creation: a thing is done when its JSON is there. Keys hold the digests of the inputs, the settings and the stage's sources, so
that whatever would change the result changes the key, and nothing else does.
"""

import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from stormcycle.cycle.digests import dataset_digest, json_digest, sources_digest
from stormcycle.cycle.files import create_file, json_bytes
from stormcycle.home import home
from stormcycle.times import Time, hour_name


class DamagedError(RuntimeError):
    """A stored output is not what was saved."""


@dataclass(frozen=True)
class Reference:
    """A thing in the work store, small enough to travel between tasks: where, what, in which state."""

    stage: str
    key: str
    digest: str
    path: str
    notes: dict[str, Any] = field(default_factory=dict)


def cycle_folder(domain: str, cycle_time: Time) -> Path:
    """The work store's folder of one cycle of a domain."""
    return home() / "work" / domain / hour_name(cycle_time)


def stage_key(stage: str, inputs: Sequence[str], settings: Any, sources: Sequence[str]) -> str:
    """The key of a stage's output: its inputs' digests, its settings, the hash of its sources (paths in the checkout)."""
    return json_digest([stage, list(inputs), settings, sources_digest(*sources)])[:32]


def lookup(folder: Path, stage: str, key: str) -> Reference | None:
    """The finished output of a stage with this key, or None."""
    done = folder / stage / f"{key}.json"
    try:
        return Reference(**json.loads(done.read_text()))
    except FileNotFoundError:
        return None


def save(folder: Path, stage: str, key: str, fields: xr.Dataset, notes: dict[str, Any] | None = None) -> Reference:
    """Keep a stage's output; notes are what later stages and the manifest read without opening the data.

    Of two runs that made the same thing one is kept, and what is kept is never touched again: it may be being read.
    """
    path = folder / stage / f"{key}.{uuid.uuid4().hex[:8]}.zarr"
    try:
        fields.drop_encoding().to_zarr(path, zarr_format=3, consolidated=False)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    reference = Reference(stage, key, dataset_digest(fields), str(path.relative_to(folder)), notes or {})
    if create_file(folder / stage / f"{key}.json", json_bytes(asdict(reference))):
        return reference
    shutil.rmtree(path)
    kept = lookup(folder, stage, key)
    assert kept is not None  # it was there when ours was refused
    return kept


def load(folder: Path, reference: Reference) -> xr.Dataset:
    """The dataset behind a reference, in memory. Raises DamagedError when it is not what was saved.

    Zarr reads a chunk that is gone as fill values, so only the digest can tell.
    """
    fields = xr.open_zarr(folder / reference.path, consolidated=False, chunks=None).load()
    if dataset_digest(fields) != reference.digest:
        raise DamagedError(f"{folder / reference.path} is damaged; delete the folder {folder / reference.stage} and run the cycle again.")
    return fields
