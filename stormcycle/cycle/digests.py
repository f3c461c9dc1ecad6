"""Digests of data, settings and sources: the names by which the work store knows what made a thing."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "scipy", "pysteps", "pyresample", "xradar", "arm_pyart", "wradlib", "satpy", "eccodes")
"""Libraries whose version can change a field; part of every stage key."""


def _plain(value: Any) -> Any:
    """What json cannot write: numpy numbers and arrays, times, paths."""
    if isinstance(value, np.generic):
        return value.item() if not isinstance(value, np.datetime64 | np.timedelta64) else str(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def json_digest(value: Any) -> str:
    """sha256 of a value's canonical JSON (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dataset_digest(fields: xr.Dataset) -> str:
    """sha256 of a dataset's variables (name, dims, type, values, attributes) and attributes, in order of name.

    Every NaN counts as the same NaN, and chunks and encodings do not count.
    """
    total = hashlib.sha256(json_digest(fields.attrs).encode())
    for name in sorted(map(str, fields.variables)):
        variable = fields.variables[name]
        values = np.ascontiguousarray(variable.values)
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
        if values.dtype.kind in "mM":
            values = values.astype(f"{values.dtype.kind}8[ns]")
        if values.dtype.kind in "OUT":
            values = values.astype("U")
            content = json.dumps(values.tolist()).encode()
            kind = "text"
        else:
            content, kind = values.tobytes(), values.dtype.str
        total.update(json_digest([name, list(variable.dims), kind, list(values.shape), variable.attrs]).encode())
        total.update(content)
    return total.hexdigest()


def tree_digest(digests: Mapping[str, str]) -> str:
    """The digest of several named digests."""
    return json_digest(dict(digests))


@cache
def sources_digest(*names: str) -> str:
    """sha256 of the sources under the given files or folders of the checkout (`stormcycle/radar`) and of the libraries' versions."""
    total = hashlib.sha256(json_digest({library: version(library) for library in LIBRARIES}).encode())
    for name in names:
        path = ROOT / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            total.update(f"{file.relative_to(ROOT)}\0".encode())
            total.update(file.read_bytes())
    return total.hexdigest()
