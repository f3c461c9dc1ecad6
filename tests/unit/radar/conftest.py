"""A polar volume whose every gate is known, in memory and as ODIM_H5 codes."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

GAIN, OFFSET, NODATA, UNDETECT = 0.5, -32.0, 255, 0


@pytest.fixture
def polar() -> Callable[..., xr.Dataset]:
    """Makes a volume: `values` (sweep, ray, gate) of reflectivity, rays evenly round the circle from the north."""

    def made(values: np.ndarray, elevations=(0.5,), gate_m: float = 1000.0, first_gate_m: float = 500.0, azimuth=None, **moments: np.ndarray) -> xr.Dataset:
        sweeps, rays, gates = values.shape
        azimuth = (np.arange(rays) + 0.5) * 360.0 / rays if azimuth is None else np.asarray(azimuth)
        fields = {"reflectivity": values, **moments}
        return xr.Dataset(
            {name: (("ray", "gate"), np.asarray(field, "float32").reshape(sweeps * rays, gates)) for name, field in fields.items()},
            coords={
                "azimuth": ("ray", np.tile(azimuth, sweeps).astype("float32")),
                "elevation": ("ray", np.repeat(elevations, rays).astype("float32")),
                "sweep": ("ray", np.repeat(np.arange(sweeps, dtype="int16"), rays)),
                "first_gate_m": ("sweeps", np.full(sweeps, first_gate_m)),
                "gate_m": ("sweeps", np.full(sweeps, gate_m)),
                "gates": ("sweeps", np.full(sweeps, gates, "int32")),
            },
        )

    return made


@pytest.fixture
def odim(tmp_path: Path) -> Callable[..., Path]:
    """Writes an ODIM_H5 volume of one or more sweeps from raw codes (sweep, ray, gate); other quantities beside DBZH."""

    def written(
        codes: np.ndarray, time: str = "120000", start: str = "120002", nodata: int = NODATA, source: str = "WMO:02092,NOD:selul", **others: np.ndarray
    ) -> Path:
        path = tmp_path / "volume.h5"
        with h5py.File(path, "w") as file:
            file.attrs["Conventions"] = np.bytes_(b"ODIM_H5/V2_2")
            attributes(file, "what", object="PVOL", version="H5rad 2.2", source=source, date="20140812", time=time)
            attributes(file, "where", lat=65.431, lon=21.865, height=68.0)
            for number, sweep in enumerate(codes, start=1):
                group = file.create_group(f"dataset{number}")
                attributes(group, "what", product="SCAN", startdate="20140812", starttime=start, enddate="20140812", endtime="120052")
                attributes(group, "where", elangle=0.5 * number, nbins=sweep.shape[1], nrays=sweep.shape[0], rscale=2000.0, rstart=0.0, a1gate=0)
                for index, (quantity, raw) in enumerate({"DBZH": sweep, **{name: other[number - 1] for name, other in others.items()}}.items(), start=1):
                    data = group.create_group(f"data{index}")
                    attributes(data, "what", quantity=quantity, gain=GAIN, offset=OFFSET, nodata=float(nodata), undetect=float(UNDETECT))
                    data["data"] = raw.astype("uint8")
        return path

    return written


def attributes(parent: h5py.Group, name: str, **values: object) -> None:
    group = parent.create_group(name)
    for key, value in values.items():
        group.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else value
