"""The work store: what each stage of a cycle made, under a key that says what made it.

`$STORMCYCLE_HOME/work/<domain>/<YYYYMMDDTHHZ>/<stage>/<key>.zarr`, with `<key>.json` beside it, written last:
a thing is done when its JSON is there. Keys hold the digests of the inputs, the settings and the stage's sources, so
that whatever would change the result changes the key, and nothing else does.
"""

import errno
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from stormcycle.cycle.digests import dataset_digest, json_digest, sources_digest
from stormcycle.cycle.files import json_bytes, replace_file, temporary_beside
from stormcycle.home import home
from stormcycle.times import Time, hour_name


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
    """Keep a stage's output; notes are what later stages and the manifest read without opening the data."""
    path = folder / stage / f"{key}.zarr"
    temporary = temporary_beside(path)
    try:
        fields.drop_encoding().to_zarr(temporary, zarr_format=3, consolidated=False)
        shutil.rmtree(path, ignore_errors=True)  # half a store of a killed run: without its JSON it does not count
        temporary.replace(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # a racing run put the same bytes there first
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    reference = Reference(stage, key, dataset_digest(fields), str(path.relative_to(folder)), notes or {})
    replace_file(folder / stage / f"{key}.json", json_bytes(asdict(reference)))
    return reference


def load(folder: Path, reference: Reference) -> xr.Dataset:
    """The dataset behind a reference, in memory."""
    return xr.open_zarr(folder / reference.path, consolidated=False, chunks=None).load()
