"""The truth behind the granules: what tests, training and verification may read (docs/architecture.md, law 8), and nothing else."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from stormcycle.domain import Domain
from stormcycle.grids import geolocated, pixel_centres
from stormcycle.simulator.nature import columns, seconds_of, world_of
from stormcycle.simulator.nature.atmosphere import atmosphere
from stormcycle.simulator.nature.clouds import clouds
from stormcycle.simulator.nature.profiles import FAINTEST_DBZ, reflectivity_at
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.times import Time, frame_slots

LEVELS_M = np.arange(500.0, 15000.0, 500.0)
CHANNELS = (*(f"{quantity}{level}" for quantity in "tuvr" for level in (975, 925, 850, 800)), "t2m", "r2m", "mslp")
SIMULATED = "simulated: not an observation"
COMPRESSED = {"zlib": True, "complevel": 4, "shuffle": True}
HUNDREDTHS = {**COMPRESSED, "dtype": "int16", "scale_factor": 0.01, "_FillValue": -(2**15)}
"""How reflectivity is packed: no radar tells a hundredth of a dB."""


def truth(domain: Domain, time: Time, seed: int) -> xr.Dataset:
    """The true column-maximum reflectivity `reflectivity` (y, x; dBZ; NO_ECHO_DBZ where there is none) on the domain's grid."""
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
        attrs={"seed": seed, "comment": SIMULATED},
    )
    return geolocated(fields, domain.area, domain.grid.nominal)


def true_state(domain: Domain, time: Time, seed: int) -> xr.Dataset:
    """The true state of the air `state` (channel, y, x; K, m s-1 along the grid's axes, %, Pa) on the domain's analysis grid."""
    area = domain.area_of("background")
    x, y = np.meshgrid(*pixel_centres(area))
    air = atmosphere(world_of(domain, seed), seconds_of(time), x, y)
    values = np.stack([*air.temperature, *air.u, *air.v, *air.humidity, air.t2m, air.r2m, air.mslp])
    fields = xr.Dataset(
        {"state": (("channel", "y", "x"), values.astype("float32"))},
        coords={"channel": list(CHANNELS), "time": time.astype("datetime64[ns]")},
        attrs={"seed": seed, "comment": SIMULATED},
    )
    return geolocated(fields, area, domain.grid.nominal)


def true_clouds(domain: Domain, time: Time, seed: int) -> xr.Dataset:
    """The true clouds on the domain's grid: `cloud_top` (m above the sea, 0 = clear), `cloud_top_temperature` (K), `emissivity` (10.3 um)."""
    x, y = np.meshgrid(*pixel_centres(domain.area))
    seen = clouds(world_of(domain, seed), seconds_of(time), x, y)
    fields = xr.Dataset(
        {
            "cloud_top": (("y", "x"), seen.top_m.astype("float32"), {"units": "m"}),
            "cloud_top_temperature": (("y", "x"), np.where(seen.top_m > 0, seen.top_temperature, np.nan).astype("float32"), {"units": "K"}),
            "emissivity": (("y", "x"), seen.emissivity.astype("float32"), {"units": "1"}),
        },
        coords={"time": time.astype("datetime64[ns]")},
        attrs={"seed": seed, "comment": SIMULATED},
    )
    return geolocated(fields, domain.area, domain.grid.nominal)


def truth_key(domain: Domain, time: Time) -> str:
    """Where the truth of the hour that ends at a time lies in the bucket: beside what the feeds carry, under a prefix that no feed has."""
    moment = time.astype("datetime64[s]").astype(datetime)
    return f"truth/{moment:%Y/%m/%d}/truth_{domain.name}_{moment:%Y%m%dT%HZ}.nc"


def truth_bytes(domain: Domain, time: Time, seed: int) -> bytes:
    """The truth of the hour that ends at a time as netCDF: group `radar` the reflectivity of its slots, `clouds` and, of a domain
    with a model, `state` at its end.
    """
    slots = frame_slots(time, domain.step_minutes)
    groups = {
        "radar": xr.concat([truth(domain, slot, seed) for slot in slots], "time", data_vars=["reflectivity"], coords="minimal", compat="override"),
        "clouds": true_clouds(domain, time, seed),
    }
    if domain.background is not None:
        groups["state"] = true_state(domain, time, seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "truth.nc"
        for index, (name, fields) in enumerate(groups.items()):
            fields = fields.drop_vars(("longitude", "latitude"))
            packed = {key: HUNDREDTHS if key == "reflectivity" else COMPRESSED for key, variable in fields.data_vars.items() if variable.ndim >= 2}
            fields.to_netcdf(path, mode="a" if index else "w", group=name, engine="h5netcdf", encoding=packed)
        return path.read_bytes()
