"""Our own releases as training data: the group `radar` of a domain's released hours, joined into unbroken runs of observed frames.

Only the layout of a release is known here (docs/architecture.md): `<root>/<domain>/<YYYY>/<MM>/<DD>T<HH>Z/v<N>/`, a manifest.json for what
is published, beside it release.zarr, which xarray reads from a folder or from any URL of fsspec.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import fsspec
import numpy as np
import xarray as xr
from botocore.exceptions import BotoCoreError

from stormcycle.datasets.runs import unbroken_runs
from stormcycle.datasets.sequence import MOST_VALUES, SEQUENCE_FRAMES
from stormcycle.nowcast.variables import VARIABLES
from stormcycle.states import Provenance
from stormcycle.times import HOUR, Time, hour_folder, iso

MOMENTS = tuple(VARIABLES.values())
Form = tuple[int, tuple[str, ...], bytes, bytes, str]


def read_archive(root: str, domain: str, first: Time, last: Time, storage_options: dict[str, Any] | None = None) -> list[xr.Dataset]:
    """The observed frames of the hours first to last, a dataset an unbroken run, in order, each as `read_sequence` gives one.

    `reflectivity` (dBZ), and `zdr` (dB) and `kdp` (degree km-1) where the domain has them: (time, y, x), float64, NO_ECHO_DBZ no echo,
    NaN where not observed and, of zdr and kdp, where there is no echo. Of each hour the newest published version counts. What was filled
    by advection is no truth and becomes NaN; a frame of which nothing was observed ends a run, as an hour that is missing does, and
    another step, grid or set of moments. Runs of fewer than 20 frames are left out. Attributes: step_minutes, resolution_m, source_variable,
    conversion, selection, providers, licence.
    Raises ValueError with a sentence where there is no such release or run, where one is damaged, or the archive cannot be
    read, or holds more than is read at once.
    """
    if first > last:
        raise ValueError(f"The archive is asked for the hours {iso(first)} to {iso(last)}: the first is later than the last.")
    asked = f"{domain} from {iso(first)} to {iso(last)} below {root}"
    hours = [groups["radar"] for _, groups in released_groups(root, domain, first, last, ("radar",), storage_options)]
    if not hours:
        raise ValueError(f"There is no released hour with radar of {asked}.")
    if sum(hour["reflectivity"].size for hour in hours) > MOST_VALUES:
        raise ValueError(f"The releases of {asked} hold more than the {MOST_VALUES} pixels that are read at once; ask for fewer hours.")
    try:
        runs = [run for form, alike in groupby(hours, _form) for run in _runs(form, list(alike), domain)]
    except (OSError, BotoCoreError) as error:  # s3fs lets a server that cannot be reached through as botocore says it
        raise ValueError(f"The releases of {asked} cannot be read now: {' '.join(str(error).split())[:200]}") from None
    if not runs:
        raise ValueError(f"The {len(hours)} released hours of {asked} have no run of {SEQUENCE_FRAMES} observed frames, ten in and ten out.")
    return runs


def released_groups(
    root: str, domain: str, first: Time, last: Time, groups: Sequence[str], storage_options: dict[str, Any] | None = None
) -> Iterator[tuple[Time, dict[str, xr.Dataset]]]:
    """The groups of each released hour that has all of them, not loaded yet, of the newest published version.

    Raises ValueError for a store that is not what its manifest says, or that cannot be read.
    """
    try:
        yield from _published(root.rstrip("/"), domain, first, last, groups, storage_options)
    except (OSError, BotoCoreError) as error:  # s3fs lets a server that cannot be reached through as botocore says it
        asked = f"{domain} from {iso(first)} to {iso(last)} below {root}"
        raise ValueError(f"The releases of {asked} cannot be read now: {' '.join(str(error).split())[:200]}") from None


def _published(
    root: str, domain: str, first: Time, last: Time, groups: Sequence[str], storage_options: dict[str, Any] | None
) -> Iterator[tuple[Time, dict[str, xr.Dataset]]]:
    files, base = fsspec.url_to_fs(root, **(storage_options or {}))
    files.invalidate_cache()
    for time in np.arange(first, last + HOUR, HOUR):
        folder = f"{domain}/{hour_folder(time)}"
        try:
            names = [path.rstrip("/").rsplit("/", 1)[-1] for path in files.ls(f"{base}/{folder}", detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for version in sorted((int(name[1:]) for name in names if re.fullmatch(r"v\d+", name)), reverse=True):
            try:
                manifest = json.loads(files.cat_file(f"{base}/{folder}/v{version}/manifest.json"))
            except FileNotFoundError:
                continue  # claimed and not published
            if set(groups) <= set(manifest["products"]):
                url = f"{root.removeprefix('file://')}/{folder}/v{version}/release.zarr"
                yield time, {group: _group(url, group, time, storage_options) for group in groups}
            break


def _group(url: str, group: str, time: Time, storage_options: dict[str, Any] | None) -> xr.Dataset:
    try:
        fields = xr.open_zarr(url, group=group, consolidated=True, chunks=None, storage_options=storage_options)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise ValueError(f"The release {url} names {group} in its manifest and its store does not give it: {' '.join(str(error).split())[:200]}") from None
    if np.atleast_1d(fields["valid_time"].values)[-1] != time:  # a chunk that is lost reads as its fill value
        what = "frame" if fields["valid_time"].ndim else group
        raise ValueError(f"The release {url} is damaged: its last {what} is not of {iso(time)}. Restore it, or remove the hour.")
    return fields


def _form(radar: xr.Dataset) -> Form:
    """What the hours of a run share: step in seconds, moments, grid."""
    step = int(HOUR / np.timedelta64(1, "s")) // radar.sizes["valid_time"]
    moments = tuple(name for name in MOMENTS if name in radar)
    return step, moments, radar["y"].values.tobytes(), radar["x"].values.tobytes(), str(radar["crs"].attrs.get("crs_wkt"))


def _runs(form: Form, hours: list[xr.Dataset], domain: str) -> Iterator[xr.Dataset]:
    """The runs of observed frames of hours of one form."""
    step, moments, *_ = form
    wanted = [hour[[*moments, "provenance"]].reset_coords(drop=True).load() for hour in hours]
    joined = xr.concat(wanted, "valid_time", coords="minimal", compat="override", join="override", combine_attrs="override")
    observed = (joined["provenance"].astype("uint16") & int(Provenance.OBSERVED)) > 0
    times = joined["valid_time"].values.astype("datetime64[s]")
    lost = (observed & joined["reflectivity"].isnull()).any(("y", "x")).values
    if lost.any():
        raise ValueError(f"The release of {domain} with the frame of {iso(times[lost][0])} is damaged: it lost values of observed pixels.")
    present = np.flatnonzero(observed.any(("y", "x")).values)
    for run in unbroken_runs(times[present].astype("int64"), step):
        kept = present[run]
        if len(kept) < SEQUENCE_FRAMES:
            continue
        fields = joined[list(moments)].isel(valid_time=kept).where(observed.isel(valid_time=kept)).astype("float64").rename(valid_time="time")
        fields.attrs = {
            "step_minutes": step / 60.0,
            "resolution_m": float(abs(joined["x"][1] - joined["x"][0])),
            "source_variable": "reflectivity",
            "conversion": "none: released as dBZ",
            "selection": f"{len(kept)} observed frames of {domain}, {iso(times[kept[0]])} to {iso(times[kept[-1]])}; filled pixels are not observed",
            **{name: joined.attrs[name] for name in ("providers", "licence")},
        }
        yield fields
