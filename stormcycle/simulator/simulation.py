"""From a domain to files: the granules of a span of hours, and the truth behind them."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.domain import Domain
from stormcycle.grids import geolocated, pixel_centres
from stormcycle.simulator.instruments import Scan, observe
from stormcycle.simulator.nature import columns, seconds_of, world_of
from stormcycle.simulator.nature.profiles import FAINTEST_DBZ, reflectivity_at
from stormcycle.simulator.writers import volume_bytes
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.times import HOUR, Time

Granule = tuple[str, Time, str]
LEVELS_M = np.arange(500.0, 15000.0, 500.0)


def granules(domain: Domain, start: Time, hours: int) -> Iterator[Granule]:
    """Key, nominal time and site of every volume of the frame slots (start, start + hours], by time, then site.

    Keys are relative: `<YYYY>/<MM>/<DD>/<site>/<site>_pvol_<YYYYMMDD>T<HHMMSS>Z.h5`.
    """
    step = np.timedelta64(domain.step_minutes, "m")
    for count in range(1, int(hours * HOUR / step) + 1):
        time = (start + count * step).astype("datetime64[s]")
        for site in sorted(domain.radar.sites):
            moment = time.astype(datetime)
            yield f"{moment:%Y/%m/%d}/{site}/{site}_pvol_{moment:%Y%m%dT%H%M%SZ}.h5", time, site


def simulate(
    domain: Domain,
    start: Time,
    hours: int,
    seed: int,
    folder: Path,
    progress: Callable[[str], None] | None = None,
    scan: Scan | None = None,
    workers: int = 1,
) -> list[str]:
    """Write a volume for each site and frame slot of (start, start + hours] under a folder; returns the keys.

    The bytes depend on the domain, the times, the seed and the scan only. A file appears whole or not at all, and one that
    is there is written again. `progress` is called with the key of every file. `workers` > 1 shares the work
    among processes (the calling program must then guard its main module, as spawned processes import it).
    """
    todo = list(granules(domain, start, hours))
    write = partial(_write, domain, seed, folder, scan)
    keys = []
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for key in pool.map(write, todo):
                keys.append(key)
                _report(progress, key)
    else:
        for key in map(write, todo):
            keys.append(key)
            _report(progress, key)
    return keys


def truth(domain: Domain, time: Time, seed: int) -> xr.Dataset:
    """The true column-maximum reflectivity `reflectivity` (y, x; dBZ; NO_ECHO_DBZ where there is none) on the domain's grid.

    Read by tests, training and verification only (docs/architecture.md, law 8).
    """
    world = world_of(domain, seed)
    x, y = np.meshgrid(*pixel_centres(domain.area))
    column = columns(world, seconds_of(time), x, y)
    greatest = np.full(x.shape, NO_ECHO_DBZ, "float32")
    for height in np.append(LEVELS_M, world.freezing_level_m - 200.0):
        dbz, _ = reflectivity_at(column, height, world.freezing_level_m)
        np.maximum(greatest, np.where(dbz > FAINTEST_DBZ, dbz, NO_ECHO_DBZ), out=greatest)
    attributes = {"long_name": "true column-maximum reflectivity of the simulated world", "standard_name": "equivalent_reflectivity_factor", "units": "dBZ"}
    fields = xr.Dataset(
        {"reflectivity": (("y", "x"), greatest, attributes)},
        coords={"time": time.astype("datetime64[ns]")},
        attrs={"seed": seed, "comment": "simulated: not an observation"},
    )
    return geolocated(fields, domain.area, domain.grid.nominal)


def _write(domain: Domain, seed: int, folder: Path, scan: Scan | None, granule: Granule) -> str:
    """Write one granule by a temporary name beside it and a rename; returns its key."""
    key, time, site = granule
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(volume_bytes(observe(domain, site, time, seed, scan)))
    temporary.replace(path)
    return key


def _report(progress: Callable[[str], None] | None, key: str) -> None:
    if progress is not None:
        progress(key)
