"""An analysis from files that may kill their reader: ecCodes aborts on some damaged headers instead of saying so."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from pyresample.geometry import AreaDefinition

from stormcycle.background.analysis import analysis_fields
from stormcycle.background.describe import described
from stormcycle.feeds.reading import ReadFailure, read_each
from stormcycle.states import GranuleState
from stormcycle.times import Time


def read_analysis(files: Sequence[tuple[Path, str]], valid_time: Time, area: AreaDefinition, base_time: Time | None = None) -> xr.Dataset | ReadFailure:
    """`analysis_fields` in a child process, or why there is none (`error`: Unreadable, WrongKind, or "" where the reader died).

    When the child dies, each file is read alone; those that kill their reader are left out, as `corrupt` in `granules`.
    """
    with tempfile.TemporaryDirectory(prefix="stormcycle-") as folder:  # ours, as a child that dies tidies nothing
        (found,) = read_each(_keeping_to, [(folder, analysis_fields, tuple(files), valid_time, area, base_time)])
        if not _died(found) or len(files) == 1:
            return found
        alone = read_each(_keeping_to, [(folder, described, path, name) for path, name in files])
        deadly = {name: told.reason for (_, name), told in zip(files, alone, strict=True) if isinstance(told, ReadFailure) and _died(told)}
        others = tuple((path, name) for path, name in files if name not in deadly)
        if not deadly or not others:
            return found
        (found,) = read_each(_keeping_to, [(folder, analysis_fields, others, valid_time, area, base_time)])
    if isinstance(found, ReadFailure):
        return found
    sentences = {name: f"{name}: {reason}" for name, reason in deadly.items()}
    granules = {name: {"state": str(GranuleState.CORRUPT), "notes": [sentence]} for name, sentence in sentences.items()}
    return found.assign_attrs(
        state=str(GranuleState.PARTIAL), notes=[*found.attrs["notes"], *sentences.values()], granules={**found.attrs["granules"], **granules}
    )


def _keeping_to(folder: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a reader that writes its temporary files to a folder; in a child process."""
    tempfile.tempdir = folder
    return function(*arguments)


def _died(found: object) -> bool:
    return isinstance(found, ReadFailure) and not found.error
