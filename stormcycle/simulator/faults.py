"""Faults on demand, by name: what real feeds do to their granules. Which granule is hit follows from its key and the seed."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from stormcycle.domain import Domain
from stormcycle.simulator.instruments import Scan
from stormcycle.simulator.instruments.radar import Volume
from stormcycle.simulator.making import File, files_of, volume_file, volume_of
from stormcycle.simulator.nature.world import generator
from stormcycle.simulator.plan import Unit
from stormcycle.times import HOUR

FAULTS = {
    "late": "some granules arrive three quarters of an hour late",
    "missing": "some granules never arrive",
    "truncated": "some files end too early",
    "duplicate": "some files come twice, under two names",
    "sweep-gap": "some volumes lack a part of a sweep",
    "moved-bucket": "in the middle of the span the feeds move: later granules lie in `<to>-moved`",
    "wrong-clock": "the clock of the first radar is an hour ahead",
}
SHARE = 0.15
"""Of the granules, how many a fault hits that hits some."""
LATE = np.timedelta64(45 * 60, "s")
KEPT_SHARE = 0.6
VOLUME_TITLE_BYTES, CONTROL_WORD_BYTES = 24, 4
CREATED = re.compile(r"(_c\d{7})(\d{7})(\.nc)")
GAP_SWEEP, GAP_RAYS = 1, slice(100, 160)


def known_faults(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once. Raises ValueError with a sentence for one that is no fault."""
    chosen = tuple(dict.fromkeys(name.strip().replace("_", "-") for name in names if name.strip()))
    if unknown := [name for name in chosen if name not in FAULTS]:
        raise ValueError(f"There is no fault {unknown[0]!r}; known are {', '.join(FAULTS)}.")
    return chosen


def faulty_files(domain: Domain, seed: int, unit: Unit, faults: Collection[str] = (), scan: Scan | None = None) -> list[File]:
    """The files of a unit as its feed brings them with faults; the truth has none."""
    if not faults or unit.feed == "truth":
        return files_of(domain, seed, unit, scan)
    files = [_volume(domain, seed, unit, faults, scan)] if unit.feed == "radar" else files_of(domain, seed, unit, scan)
    brought = []
    for file in files:
        hit = {name for name in faults if name in ("late", "missing", "truncated", "duplicate") and _hit(name, file.key, seed)}
        if "missing" in hit:
            continue
        if "truncated" in hit:
            file = replace(file, content=file.content[: int(KEPT_SHARE * len(file.content))])
        if "late" in hit:
            file = replace(file, arrives=file.arrives + LATE)
        brought += [file, *(_twin(file) if "duplicate" in hit else ())]
    return brought


def _hit(fault: str, key: str, seed: int) -> bool:
    return bool(generator(seed, f"fault {fault} {key}").uniform() < SHARE)


def _volume(domain: Domain, seed: int, unit: Unit, faults: Collection[str], scan: Scan | None) -> File:
    """A volume with the faults that lie in the radar itself."""
    volume = volume_of(domain, seed, unit, scan)
    gap = "sweep-gap" in faults and _hit("sweep-gap", f"{unit.site} {unit.time}", seed)
    if "wrong-clock" in faults and unit.site == min(domain.radar.sites):
        sweeps = tuple(replace(sweep, start=sweep.start + HOUR, end=sweep.end + HOUR) for sweep in volume.sweeps)
        volume = replace(volume, time=volume.time + HOUR, sweeps=sweeps)
    if gap and domain.radar.feed.layout != "nexrad":
        volume = _with_gap(volume)
    file = volume_file(domain, volume, unit)
    return replace(file, content=_without_record(file.content)) if gap and domain.radar.feed.layout == "nexrad" else file


def _with_gap(volume: Volume) -> Volume:
    """A volume in which a sweep measured nothing along some rays."""
    sweep = volume.sweeps[GAP_SWEEP]
    there = np.ones(sweep.measured.shape, bool)
    there[GAP_RAYS] = False
    moments = {name: np.where(there, values, np.nan).astype("float32") for name, values in sweep.moments.items()}
    lacking = replace(sweep, moments=moments, measured=sweep.measured & there, echo=sweep.echo & there)
    return replace(volume, sweeps=(*volume.sweeps[:GAP_SWEEP], lacking, *volume.sweeps[GAP_SWEEP + 1 :]))


def _without_record(content: bytes) -> bytes:
    """A Level II file without the record in its middle: radials that never came."""
    records, at = [], VOLUME_TITLE_BYTES
    while at < len(content):
        size = CONTROL_WORD_BYTES + abs(int.from_bytes(content[at : at + CONTROL_WORD_BYTES], "big", signed=True))
        records.append(content[at : at + size])
        at += size
    middle = len(records) // 2
    return content[:VOLUME_TITLE_BYTES] + b"".join(records[:middle] + records[middle + 1 :])


def _twin(file: File) -> tuple[File, ...]:
    """The same bytes under another name of the same time: made a second later, or a volume named a second later."""
    key = CREATED.sub(lambda found: f"{found[1]}{int(found[2]) + 10:07d}{found[3]}", file.key)
    if key == file.key:
        key = re.sub(r"(\d{5})(\d)((_V06|Z\.h5)$)", lambda found: f"{found[1]}{(int(found[2]) + 1) % 10}{found[3]}", file.key)
    return (replace(file, key=key),) if key != file.key else ()
