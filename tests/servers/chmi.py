"""What CHMI's server holds, under the same keys: volumes of two radars by moment, a run of ALADIN; from the simulated world."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from moment_files import cut

from stormcycle.domain import Domain
from stormcycle.simulator.instruments.model import Run, model_run
from stormcycle.simulator.instruments.model_grid import lambert_grid
from stormcycle.simulator.instruments.radar import Scan, observe
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.writers.grib import CODES, field_bytes, run_keys
from stormcycle.simulator.writers.odim import volume_bytes
from stormcycle.times import Time, parse_time

SCAN = Scan(elevations_deg=(0.5, 1.5, 4.0), rays=90, gate_m=2000.0, range_m=200e3, duration_s=240)
MOMENTS = {"vol_z": ("PAGZ", "DBZH"), "vol_zdr": ("PAKZ", "ZDR"), "vol_rhohv": ("PALZ", "RHOHV"), "vol_phidp": ("PAQZ", "PHIDP")}
NUMBERS = {"brd": 60, "ska": 50}
"""The numbers of the sites in the names of bulletins."""


LENGTH = np.timedelta64(251, "s")
"""From the start of a volume to its end, which its name tells."""


def name_time(start: Time) -> str:
    """The time in the name of a volume that began at a time."""
    return f"{(start + LENGTH).astype(object):%Y%m%d%H%M%S}"


def arrival(start: Time) -> int:
    """When the server has the volume: a minute after its end, in seconds since 1970."""
    return int((start + LENGTH).astype("int64")) + 60


def put_volumes(folder: Path, domain: Domain) -> dict[str, list[str]]:
    """What CHMI's server holds of three volumes of each radar, by moment; the names tell the end of a volume. By site: the keys."""
    keys: dict[str, list[str]] = {}
    for site, number in NUMBERS.items():
        for clock in ("0840", "0850", "0900"):
            whole = folder / f"{site}{clock}.h5"
            start = parse_time(f"2026-07-01T{clock[:2]}:{clock[2:]}:00Z")
            whole.write_bytes(volume_bytes(observe(domain, site, start, 7, SCAN)))
            for moment, (bulletin, quantity) in MOMENTS.items():
                key = f"{site}/{moment}/hdf5/T_{bulletin}{number}_C_OKPR_{name_time(start)}.hdf"
                (folder / "sites" / key).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(cut(whole, folder, quantity), folder / "sites" / key)
                os.utime(folder / "sites" / key, (arrival(start),) * 2)
                keys.setdefault(site, []).append(key)
            for other in (f"vol_z/hdf5/T_PAYB{number}_C_OKPR_20260701{clock}25.hdf", f"vol_v/hdf5/T_PAHZ{number}_C_OKPR_20260701{clock}11.hdf"):
                (folder / "sites" / site / other).parent.mkdir(parents=True, exist_ok=True)
                (folder / "sites" / site / other).write_bytes(b"a single sweep, or velocities: not asked for")
    return keys


def put_aladin(folder: Path, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run of 06 UTC as CHMI publishes it: no field at 975 hPa, but those of 1000 and 950; others that no analysis needs."""
    run = model_run(world_of(domain, 7), domain.grid.projection, lambert_grid(49.8, 15.3, (56, 68), 10000.0), parse_time("2026-07-01T06:00:00Z"), 7, (2, 3, 4))
    keys = run_keys(run.base_time)
    for quantity, slope in (("t", 40.0), ("u", -8.0), ("v", 5.0), ("r", 30.0)):
        for level in (1000, 950):
            name = CODES[f"{quantity}975"].name.replace("P97500", f"P{level * 100 % 100000:05d}")
            monkeypatch.setitem(CODES, f"{quantity}{level}", dataclasses.replace(CODES[f"{quantity}975"], name=name, level=level))
            run.fields[f"{quantity}{level}"] = run.fields[f"{quantity}975"] + np.float32(slope * np.log(level / 975))
            keys[f"{quantity}{level}"] = keys[f"{quantity}975"].replace("P97500", f"P{level * 100 % 100000:05d}")
    for channel, key in keys.items():
        path = folder / key.removeprefix("nwp_aladin/Lambert_2.3km/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if "975" not in channel:
            path.write_bytes(field_bytes(run, channel))
    (folder / "06/ALADLAMB4opendata_2026070106_SURFPREC_TOTAL.grb.bz2").write_bytes(b"rain: not asked for")
    return run
