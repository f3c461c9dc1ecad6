"""How tests spoil granules, and how they read what a cycle released all the same."""

import gzip
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from house import FIRST, SMALL, House

from flows.cycle import cycle
from tasks.release import Outcome

TIMES = (*(f"12{minute:02d}00" for minute in range(6, 60, 6)), "130000")
"""The times of day of the ten frames of the cycle 2026-07-01T13:00Z, oldest first."""


def truncate(path: Path, share: float = 0.5) -> None:
    """Cut a file, as a broken upload leaves it."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def remove_frames(house: House, times: tuple[str, ...]) -> None:
    """Remove the volumes of all sites at these times of day."""
    for time in times:
        for path in house.granules(time):
            path.unlink()


def dry(path: Path) -> None:
    """Rewrite a volume as if its beams had met nothing: every measured gate holds the undetect code."""
    with h5py.File(path, "r+") as file:
        for name in (name for name in file if name.startswith("dataset")):
            for quantity in (item for item in file[name] if item.startswith("data")):
                raw = file[f"{name}/{quantity}/data"]
                nodata, undetect = (file[f"{name}/{quantity}/what"].attrs[key] for key in ("nodata", "undetect"))
                raw[...] = np.where(raw[...] == nodata, nodata, undetect).astype(raw.dtype)


def forget_sweep(path: Path, number: int) -> None:
    """Rewrite a sweep (from 1) as if nothing had been measured in it: every gate holds the nodata code."""
    with h5py.File(path, "r+") as file:
        for quantity in (item for item in file[f"dataset{number}"] if item.startswith("data")):
            group = file[f"dataset{number}/{quantity}"]
            group["data"][...] = int(group["what"].attrs["nodata"])


def forget_rays(path: Path, count: int) -> None:
    """Rewrite a volume as if its first rays had not been measured: their gates hold the nodata code."""
    with h5py.File(path, "r+") as file:
        for name in (name for name in file if name.startswith("dataset")):
            for quantity in (file[name][item] for item in file[name] if item.startswith("data")):
                quantity["data"][:count] = int(quantity["what"].attrs["nodata"])


def one_code(path: Path) -> None:
    """Rewrite a volume as some vendors write theirs: nodata is undetect."""
    with h5py.File(path, "r+") as file:
        for name in (name for name in file if name.startswith("dataset")):
            for quantity in (item for item in file[name] if item.startswith("data")):
                what, raw = file[f"{name}/{quantity}/what"].attrs, file[f"{name}/{quantity}/data"]
                raw[...] = np.where(raw[...] == what["nodata"], what["undetect"], raw[...]).astype(raw.dtype)
                what["nodata"] = what["undetect"]


def malfunction(path: Path, group: str = "how") -> None:
    """Mark a volume, or the group of one of its sweeps, as malfunctioning."""
    with h5py.File(path, "r+") as file:
        file.require_group(group).attrs["malfunc"] = np.bytes_("True")


def gzip_bomb(path: Path, size: int) -> None:
    """Write a small file that unpacks to a NEXRAD head and then to zeros without end."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"AR2V0006.001" + bytes(12))
        for _ in range(size // 2**20):
            file.write(bytes(2**20))


def set_object(path: Path, word: str) -> None:
    """Rewrite what a file says that it is (ELEV: a vertical scan)."""
    with h5py.File(path, "r+") as file:
        _set_text(file["what"], "object", word)


def set_clock(path: Path, time: str, sweeps: bool = True) -> None:
    """Rewrite the time of day (HHMMSS) that a volume declares and, if wanted, that of its sweeps."""
    with h5py.File(path, "r+") as file:
        _set_text(file["what"], "time", time)
        for name in (name for name in file if name.startswith("dataset") and sweeps):
            for key in ("starttime", "endtime"):
                _set_text(file[name]["what"], key, time)


def _set_text(group: h5py.Group, key: str, text: str) -> None:
    group.attrs.modify(key, np.bytes_(text))


@cache
def undisturbed(bucket: Path) -> Outcome:
    """The first hour of the simulated bucket, run once for all tests in a house beside it, with nothing spoiled."""
    home, domains = bucket.with_name("undisturbed"), bucket.with_name("undisturbed-domains")
    shutil.copytree(bucket, home / "buckets/small")
    domains.mkdir()
    (domains / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_HOME", str(home))
        patch.setenv("STORMCYCLE_DOMAINS", str(domains))
        return cycle.fn("small", FIRST)


def product(outcome: Outcome, name: str) -> xr.Dataset:
    """A released product, as a reader without our code opens it."""
    return xr.open_zarr(outcome.url, group=name, consolidated=False).load()


def manifest(outcome: Outcome) -> dict[str, Any]:
    """The manifest beside a release."""
    content: dict[str, Any] = json.loads((Path(outcome.url).parent / "manifest.json").read_text())
    return content


def products(outcome: Outcome) -> set[str]:
    """The names of the released products, as the manifest and the store agree on them."""
    named = set(manifest(outcome)["products"])
    assert named == {path.name for path in Path(outcome.url).iterdir() if path.is_dir()}
    return named


def input_states(outcome: Outcome) -> dict[str, str]:
    """The states in the manifest of the inputs that are not ok, by the file's name."""
    return {item["key"].rsplit("/", 1)[-1]: item["state"] for item in manifest(outcome)["inputs"] if item["state"] != "ok"}


def codes(outcome: Outcome) -> list[str]:
    """The codes of the reasons why a release is degraded."""
    return [reason.code for reason in outcome.degraded]
