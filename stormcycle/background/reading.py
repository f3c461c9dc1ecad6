"""An analysis from files that may kill their reader: ecCodes aborts on some damaged headers instead of saying so."""

from collections.abc import Sequence
from pathlib import Path

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
    (found,) = read_each(analysis_fields, [(tuple(files), valid_time, area, base_time)])
    if not _died(found) or len(files) == 1:
        return found
    alone = read_each(described, list(files))
    deadly = {name: told.reason for (_, name), told in zip(files, alone, strict=True) if isinstance(told, ReadFailure) and _died(told)}
    others = [(path, name) for path, name in files if name not in deadly]
    if not deadly or not others:
        return found
    (found,) = read_each(analysis_fields, [(tuple(others), valid_time, area, base_time)])
    if isinstance(found, ReadFailure):
        return found
    sentences = {name: f"{name}: {reason}" for name, reason in deadly.items()}
    granules = {name: {"state": str(GranuleState.CORRUPT), "notes": [sentence]} for name, sentence in sentences.items()}
    return found.assign_attrs(
        state=str(GranuleState.PARTIAL), notes=[*found.attrs["notes"], *sentences.values()], granules={**found.attrs["granules"], **granules}
    )


def _died(found: object) -> bool:
    return isinstance(found, ReadFailure) and not found.error
