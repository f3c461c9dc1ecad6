"""The small domain `sky` of the tests, with every feed that a domain can have, what its feeds hold for one cycle, and houses to run it in."""

import multiprocessing
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from house import FIRST

from stormcycle.background import analysis_fields, unpacking
from stormcycle.domain import Domain, parse_domain
from stormcycle.feeds import reading
from stormcycle.simulator import Scan, units
from stormcycle.simulator.instruments.model import Run, model_run
from stormcycle.simulator.making import files_of, model_grid_of
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.plan import Unit
from stormcycle.simulator.writers import grib
from stormcycle.times import HOUR, Time, parse_time
from tasks.pin import pin
from tasks.seam import Hour

SEED = 7
SKY = """
name: sky
title: A small simulated domain with satellite and model for tests
providers: ["stormcycle simulator: not an observation"]
licence: Apache-2.0
grid: {projection: "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m", shape: [96, 96], resolution_m: 4000}
step_minutes: 15
radar:
  feed: {url: "${STORMCYCLE_HOME}/bucket", layout: odim}
  sites:
    sima: {latitude: 35.33, longitude: -98.16, altitude_m: 430}
    simb: {latitude: 35.24, longitude: -96.84, altitude_m: 320}
  quality: {max_range_km: 120, noise_floor_dbz: 3}
satellite:
  imager:
    feed: {url: "${STORMCYCLE_HOME}/bucket", layout: abi-l1b-m1}
    reader: abi_l1b
    channels: [C09, C13]
  lightning:
    feed: {url: "${STORMCYCLE_HOME}/bucket", layout: glm}
background:
  feed: {url: "${STORMCYCLE_HOME}/bucket", layout: aladin, prefix: "nwp_aladin/Lambert_2.3km/{time:%H}"}
  grid: {projection: "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m", shape: [33, 33], resolution_m: 12000}
nowcast: {members: 4}
simulation: {seed: 7}
schedule: {active: false}
"""
LOOK = Scan(elevations_deg=(0.5, 2.0), rays=180, gate_m=2000.0, range_m=120000.0)
NEWEST, BEFORE, TOO_OLD = "1255", "1250", "1235"
"""When the imager's scans in the bucket began."""
CHANNELS = ("C09", "C13")
NEWEST_RUN, OLDER_RUN = "06", "00"
"""Base hours of the model's runs in the bucket."""
QUICK = multiprocessing.get_context("forkserver")
QUICK.set_forkserver_preload(
    [
        *("stormcycle", "stormcycle.satellite", "stormcycle.background", "h5netcdf", "netCDF4", "eccodes", "pyresample", "wradlib", "xradar"),
        *("satpy", "satpy.readers.abi_l1b", "satpy.composites.abi", "satpy.modifiers"),
    ]
)


@dataclass(frozen=True)
class Sky:
    """One test's own world: its STORMCYCLE_HOME and its folder of domains, in which lies the domain `sky`.

    Files of the bucket are links to those of all tests: `put` and `unlink` them, never write into them.
    """

    home: Path
    domains: Path

    @property
    def bucket(self) -> Path:
        """The bucket of every feed."""
        return self.home / "bucket"

    def hour(self) -> Hour:
        """The hour of the tests with its feeds pinned as they are now."""
        return pin("sky", FIRST, False)

    def scan(self, channel: str, start: str) -> Path:
        """The file of a channel of the scan that began at a time of day."""
        (path,) = self.bucket.glob(f"ABI-L1b-RadM/2026/182/*/OR_ABI-L1b-RadM1-M6{channel}_G19_s2026182{start}*.nc")
        return path

    def flashes(self) -> list[Path]:
        """The files of the lightning mapper, oldest first."""
        return sorted(self.bucket.glob("GLM-L2-LCFA/2026/182/*/*.nc"))

    def field(self, run: str, channel: str) -> Path:
        """The file of a channel (t975, ..., mslp) of the model's run of an hour."""
        return self.bucket / grib.run_keys(parse_time(f"2026-07-01T{run}:00Z"))[channel]

    def settings(self, **changes: Any) -> None:
        """Change keys of the domain, named from the top by `__` between them; None takes a key away."""
        domain = yaml.safe_load((self.domains / "sky.yaml").read_text())
        for name, value in changes.items():
            *above, key = name.split("__")
            section = domain
            for step in above:
                section = section[step]
            section.pop(key, None)
            if value is not None:
                section[key] = value
        (self.domains / "sky.yaml").write_text(yaml.safe_dump(domain))


def sky_domain() -> Domain:
    """The domain `sky`."""
    return parse_domain(SKY, "sky.yaml")


def sky_house(folder: Path, bucket: Path, patch: pytest.MonkeyPatch) -> Sky:
    """A house in a folder, with the domain `sky` and links to the files of a bucket, for as long as the patch holds."""
    made = Sky(folder / "home", folder / "domains")
    made.domains.mkdir(parents=True)
    (made.domains / "sky.yaml").write_text(SKY)
    shutil.copytree(bucket, made.bucket, copy_function=os.link)
    patch.setenv("STORMCYCLE_HOME", str(made.home))
    patch.setenv("STORMCYCLE_DOMAINS", str(made.domains))
    for name in ("PREFECT_API_URL", "TRITON_URL"):
        patch.delenv(name, raising=False)
    return made


def quick_children(patch: pytest.MonkeyPatch) -> None:
    """Let readers' processes be forked from one that has imported what readers need: each would take seconds for it."""
    patch.setattr(reading, "multiprocessing", SimpleNamespace(get_context=lambda _: QUICK))


def put(path: Path, content: bytes) -> None:
    """Make a file anew, at the time of arrival of the one that was there."""
    arrived = path.stat().st_mtime if path.exists() else 0.0
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (arrived, arrived))


def bounded_analysis(*arguments: Any) -> xr.Dataset:
    """`analysis_fields` in a process where a file that unpacks to more than 1 MiB is one too many: a real bomb takes half a minute."""
    unpacking.unpacked.__wrapped__.__defaults__ = (2**20,)  # type: ignore[attr-defined]
    return analysis_fields(*arguments)


def fill_bucket(folder: Path) -> None:
    """Write what the feeds of `sky` hold for one cycle: volumes, three scans, a quarter of an hour of lightning, two runs of the model."""
    domain, time = sky_domain(), parse_time(FIRST)
    for unit in _wanted(domain, time):
        if unit.feed == "background":
            run = short_run(domain, unit.time)
            contents = {key: grib.field_bytes(run, channel) for channel, key in grib.run_keys(unit.time).items()}
            arrives = unit.time + 4 * HOUR
        else:
            files = files_of(domain, SEED, unit, LOOK)
            contents, arrives = {file.key: file.content for file in files}, files[0].arrives
        for key, content in contents.items():
            put(folder / key, content)
            os.utime(folder / key, (int(arrives.astype("datetime64[s]").astype("int64")),) * 2)


def short_run(domain: Domain, base_time: Time) -> Run:
    """A run of the model of which only the leads about the tests' hour are computed: all of them take seconds."""
    lead = int((parse_time(FIRST) - base_time) / HOUR)
    return model_run(world_of(domain, SEED), domain.grid.projection, model_grid_of(domain), base_time, SEED, (lead - 1, lead, lead + 1))


def _wanted(domain: Domain, time: Time) -> Iterable[Unit]:
    scans = {parse_time(f"2026-07-01T{start[:2]}:{start[2:]}Z") for start in (NEWEST, BEFORE, TOO_OLD)}
    lightning = time - np.timedelta64(15 * 60, "s")
    for unit in units(domain, time - HOUR, 1):
        if unit.feed in ("radar", "background") or (unit.feed == "imager" and unit.time in scans) or (unit.feed == "lightning" and unit.time >= lightning):
            yield unit
