"""From a domain to its feeds: the granules of a span of hours in a bucket, and the truth beside them."""

import multiprocessing
import os
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import fsspec
import numpy as np

from stormcycle.domain import Domain
from stormcycle.simulator.faults import faulty_files
from stormcycle.simulator.instruments import Scan
from stormcycle.simulator.making import File
from stormcycle.simulator.plan import Unit, units
from stormcycle.times import HOUR, Time

MOVED = "-moved"


def simulate(
    domain: Domain,
    start: Time,
    hours: int,
    seed: int,
    to: Path | str,
    progress: Callable[[str], None] | None = None,
    scan: Scan | None = None,
    workers: int = 1,
    faults: Collection[str] = (),
) -> list[str]:
    """Write what every feed of the domain would carry for the cycles of (start, start + hours] into a bucket; returns the keys.

    The bytes depend on the domain, the times, the seed, the scan and the faults only. `to`: a folder, or a URL that fsspec can
    write; in a folder a file appears whole or not at all and carries the time at which a real feed would have brought it.
    `progress` is called with the feed and time of every unit that is done. `workers` > 1 shares the work among processes (the
    calling program must then guard its main module, as spawned processes import it).
    """
    middle = start + np.timedelta64(int(hours * HOUR / np.timedelta64(1, "s")) // 2, "s")
    write = partial(_write, domain, seed, str(to), scan, tuple(faults), middle)
    todo = _longest_first(units(domain, start, hours))
    keys = []
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for unit, written in zip(todo, pool.map(write, todo), strict=True):
                keys += written
                _report(progress, unit)
    else:
        for unit in todo:
            keys += write(unit)
            _report(progress, unit)
    return sorted(keys)


def _longest_first(todo: list[Unit]) -> list[Unit]:
    """Model runs take longest: begun first, no worker waits for the last of them."""
    return sorted(todo, key=lambda unit: unit.feed != "background")


def _write(domain: Domain, seed: int, to: str, scan: Scan | None, faults: tuple[str, ...], middle: Time, unit: Unit) -> list[str]:
    """Write the files of one unit; returns their keys."""
    files = faulty_files(domain, seed, unit, faults, scan)
    for file in files:
        moved = "moved-bucket" in faults and unit.feed != "truth" and file.time > middle
        _put(f"{to.rstrip('/')}{MOVED if moved else ''}", file)
    return [file.key for file in files]


def _put(root: str, file: File) -> None:
    """Put one file below a root: in a folder by a temporary name beside it and a rename, with its time of arrival."""
    if "://" in root:
        fsspec.open(f"{root}/{file.key}", "wb").fs.pipe_file(f"{root}/{file.key}", file.content)
        return
    path = Path(root) / file.key
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(file.content)
    seconds = int(file.arrives.astype("datetime64[s]").astype("int64"))
    os.utime(temporary, (seconds, seconds))
    temporary.replace(path)


def _report(progress: Callable[[str], None] | None, unit: Unit) -> None:
    if progress is not None:
        progress(f"{unit.feed} {unit.time}")
