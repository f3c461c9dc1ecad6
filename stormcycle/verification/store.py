"""The score store: one JSON record of mergeable sums a cycle, below `<root>/<domain>/<YYYY>/<MM>/<DD>T<HH>Z.json`.

A record is written whole or not at all; a later verification of the same cycle replaces it.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.cycle.files import replace_file
from stormcycle.times import HOUR, Time, hour_folder, iso, parse_time
from stormcycle.verification.hourly import hourly_scores
from stormcycle.verification.sums import merge

Record = dict[str, Any]

KEYS = frozenset(("domain", "cycle_time", "release_version", "digest", "truth", "latency_minutes", "in_sample", "models", "sums", "probability_sums"))
"""What a record holds: `truth` lists the releases verified against ({"cycle_time", "digest"}), `latency_minutes` is publication
minus cycle time, `in_sample` says that a model was trained on this event, the sums are `to_json`'s, of reflectivity; `probability_sums` may be null."""
MOMENTS, HOURLY = "moments", "hourly"
"""What a record may hold beside them: the sums of other variables that were forecast and observed, by their words (zdr, kdp); those of the hour's
reflectivity as the radar operator says it of the `background` and of the `analysis` (verification.hourly)."""

DTYPES = ("int64", "float64", "str")


def score_path(root: Path, domain: str, cycle_time: Time) -> Path:
    """Where the record of a cycle lies."""
    return root / domain / f"{hour_folder(cycle_time)}.json"


def to_json(sums: xr.Dataset) -> dict[str, Any]:
    """A dataset of int64, float64 and text as a JSON object that `from_json` turns back exactly.

    Raises ValueError for another dtype and for NaN or infinity, which JSON does not have and sums never hold.
    """
    return {
        "coords": {str(name): _variable_to_json(str(name), coordinate) for name, coordinate in sums.coords.items()},
        "data_vars": {str(name): _variable_to_json(str(name), variable) for name, variable in sums.data_vars.items()},
    }


def from_json(document: dict[str, Any]) -> xr.Dataset:
    """The dataset of a `to_json` object. Raises ValueError when the object is not one."""
    try:
        parts = {part: {name: _variable_from_json(name, value) for name, value in document[part].items()} for part in ("coords", "data_vars")}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The sums are not as this version writes them ({type(error).__name__}: {error}); verify the cycle again.") from None
    return xr.Dataset(parts["data_vars"], parts["coords"])


def write_scores(path: Path, record: Record) -> None:
    """Writes a record in one step: a reader sees the old record or the new one, whole.

    Raises ValueError when the record lacks a key, has one too many, or holds what JSON cannot say.
    """
    _check(record, path)
    try:
        text = json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The record for {path.name} cannot be written as JSON: {error}.") from None
    replace_file(path, text.encode())


def read_scores(path: Path) -> Record:
    """The record of a file. Raises ValueError when it is no score record, FileNotFoundError when there is no file."""
    try:
        record = json.loads(path.read_text())
    except ValueError:
        raise ValueError(f"{path.name} is not JSON; delete it and verify the cycle again.") from None
    _check(record, path)
    return record


def scores_between(root: Path, domain: str, start: Time, end: Time) -> Iterator[Record]:
    """The records of the cycle times from `start` up to, but not including, `end`, in order; hours without one are passed over.

    Raises ValueError when a record stands in the place of another cycle, which would count an hour twice.
    """
    first = start.astype("datetime64[h]")
    for hour in np.arange(first if first >= start else first + HOUR, end, HOUR):
        path = score_path(root, domain, hour.astype("datetime64[s]"))
        try:
            record = read_scores(path)
        except FileNotFoundError:
            continue
        if record["domain"] != domain or parse_time(record["cycle_time"]) != hour:
            raise ValueError(f"The record in the place of {domain} {iso(hour)} is of {record['domain']} {record['cycle_time']}; delete it and verify again.")
        yield record


def out_of_sample(records: Iterable[Record]) -> Iterator[Record]:
    """The records of events that no model was trained on: those that show skill."""
    return (record for record in records if not record["in_sample"])


def aggregate(records: Iterable[Record]) -> tuple[xr.Dataset, xr.Dataset | None]:
    """The merged sums and probability sums of the out-of-sample records (law 9); no probabilities give None.

    For in-sample figures call `aggregate_all` and say what they are. Raises ValueError when no record is left.
    """
    return aggregate_all(out_of_sample(records))


def aggregate_all(records: Iterable[Record]) -> tuple[xr.Dataset, xr.Dataset | None]:
    """The merged sums and probability sums of all the records given, in sample or not. Raises ValueError when there is none."""
    sums, probabilities = [], []
    for record in records:
        sums.append(from_json(record["sums"]))
        if record["probability_sums"] is not None:
            probabilities.append(from_json(record["probability_sums"]))
    if not sums:
        raise ValueError("There is no score record to aggregate: nothing was verified in this period, or all of it is in sample.")
    return merge(sums), merge(probabilities) if probabilities else None


def aggregate_moments(records: Iterable[Record]) -> dict[str, xr.Dataset]:
    """The merged sums of the other variables of all the records given, in sample or not, by word; empty where none holds any."""
    found: dict[str, list[xr.Dataset]] = {}
    for record in records:
        for word, sums in record.get(MOMENTS, {}).items():
            found.setdefault(word, []).append(from_json(sums))
    return {word: merge(sums) for word, sums in found.items()}


def aggregate_hourly(records: Iterable[Record]) -> dict[str, xr.Dataset]:
    """The scores of the hour's reflectivity of all the records given, by what it was said of: background, analysis; empty where none holds any."""
    found: dict[str, list[xr.Dataset]] = {}
    for record in records:
        for word, sums in record.get(HOURLY, {}).items():
            found.setdefault(word, []).append(from_json(sums))
    return {word: hourly_scores(sums) for word, sums in found.items()}


def effective_leads(record: Record) -> xr.DataArray:
    """The leads that a reader really had, by nominal `lead`: minutes from publication to valid time, below 0 when it came too late."""
    lead = from_json(record["sums"])["lead"]
    attributes = {"units": "minutes", "long_name": "lead that a reader really had: nominal lead minus latency"}
    return (lead - float(record["latency_minutes"])).rename("effective_lead").assign_attrs(attributes)


def _check(record: Any, path: Path) -> None:
    keys = set(record) - {MOMENTS, HOURLY} if isinstance(record, dict) else set()
    if keys != KEYS:
        wrong = f"lacks {sorted(KEYS - keys) or 'nothing'} and has {sorted(keys - KEYS) or 'nothing'} too many"
        raise ValueError(f"{path.name} is not a score record: it {wrong}.")


def _variable_to_json(name: str, variable: xr.DataArray) -> dict[str, Any]:
    values = variable.values
    dtype = "str" if values.dtype.kind in "UTO" and all(isinstance(value, str) for value in values.flat) else str(values.dtype)
    if dtype not in DTYPES:
        raise ValueError(f"The variable {name!r} is {dtype}; sums are int64, float64 or text.")
    if dtype == "float64" and not np.isfinite(values).all():
        raise ValueError(f"The variable {name!r} holds NaN or infinity; sums are finite, so a method must have forecast an infinite value.")
    return {"dims": list(map(str, variable.dims)), "shape": list(values.shape), "dtype": dtype, "attrs": dict(variable.attrs), "data": values.ravel().tolist()}


def _variable_from_json(name: str, value: dict[str, Any]) -> tuple:
    if value["dtype"] not in DTYPES:
        raise ValueError(f"The variable {name!r} claims dtype {value['dtype']!r}; sums are int64, float64 or text.")
    return value["dims"], np.array(value["data"], value["dtype"]).reshape(value["shape"]), value["attrs"]
