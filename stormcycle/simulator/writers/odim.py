"""Polar volumes as ODIM_H5: Michelson et al. (2019), EUMETNET OPERA weather radar information model for implementation
with the HDF5 file format, version 2.3."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import h5py
import numpy as np

from stormcycle.simulator.instruments.radar import Scan, Sweep, Volume
from stormcycle.times import Time


@dataclass(frozen=True)
class Packing:
    """How a quantity is packed: value = gain * raw + offset; raw 0 is undetect, the greatest raw is nodata."""

    dtype: str
    gain: float
    offset: float

    @property
    def nodata(self) -> int:
        """The raw value of a gate that was not measured."""
        return int(np.iinfo(self.dtype).max)


UNDETECT = 0
PACKINGS = {
    "DBZH": Packing("uint8", 0.5, -32.0),
    "ZDR": Packing("uint8", 0.06, -4.06),
    "RHOHV": Packing("uint8", 0.004, -0.004),
    "PHIDP": Packing("uint16", 0.2, -0.2),
    "KDP": Packing("uint16", 0.05, -20.05),
}
"""ODIM quantity -> packing. The 16-bit steps are far below the noise, and no finer, so that they compress."""


def volume_bytes(volume: Volume) -> bytes:
    """A volume as the bytes of an ODIM_H5 2.3 PVOL file; the same volume gives the same bytes (no wall clock, fixed compression)."""
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        _text(file, "Conventions", "ODIM_H5/V2_3")
        _attributes(file, "what", object="PVOL", version="H5rad 2.3", source=_source(volume.site_name), date=_date(volume.time), time=_clock(volume.time))
        _attributes(file, "where", lat=volume.site.latitude, lon=volume.site.longitude, height=float(volume.site.altitude_m))
        scan = volume.scan
        _attributes(
            file,
            "how",
            system="stormcycle simulator",
            simulated="True",
            comment="simulated: not an observation",
            wavelength=scan.wavelength_cm,
            beamwH=scan.beam_width_deg,
            beamwV=scan.beam_width_deg,
        )
        for index, sweep in enumerate(volume.sweeps, start=1):
            _write_sweep(file.create_group(f"dataset{index}"), sweep, scan, index, len(volume.sweeps))
    return buffer.getvalue()


def packed(values: np.ndarray, measured: np.ndarray, echo: np.ndarray, packing: Packing) -> np.ndarray:
    """Raw values (rays, gates): nodata where not measured, undetect where measured without echo, else the nearest
    step, kept within what the packing can hold."""
    steps = np.clip(np.rint((np.where(echo, values, 0.0) - packing.offset) / packing.gain), UNDETECT + 1, packing.nodata - 1)
    return np.where(measured, np.where(echo, steps, UNDETECT), packing.nodata).astype(packing.dtype)


def _write_sweep(group: h5py.Group, sweep: Sweep, scan: Scan, index: int, count: int) -> None:
    """One /datasetN: its product, times and geometry, and a /dataK for each quantity."""
    rays, gates = sweep.echo.shape
    _attributes(group, "what", product="SCAN", startdate=_date(sweep.start), starttime=_clock(sweep.start), enddate=_date(sweep.end), endtime=_clock(sweep.end))
    _attributes(group, "where", elangle=sweep.elevation_deg, nbins=gates, rstart=0.0, rscale=scan.gate_m, nrays=rays, a1gate=0)
    _attributes(group, "how", scan_index=index, scan_count=count)
    for number, (quantity, packing) in enumerate(PACKINGS.items(), start=1):
        data_group = group.create_group(f"data{number}")
        _attributes(data_group, "what", quantity=quantity, gain=packing.gain, offset=packing.offset, nodata=float(packing.nodata), undetect=float(UNDETECT))
        raw = packed(sweep.moments[quantity], sweep.measured, sweep.echo, packing)
        data = data_group.create_dataset(
            "data", data=raw, chunks=raw.shape, compression="gzip", compression_opts=6, shuffle=raw.itemsize > 1, track_times=False
        )
        if packing.dtype == "uint8":
            _text(data, "CLASS", "IMAGE")
            _text(data, "IMAGE_VERSION", "1.2")


def _attributes(parent: h5py.Group, name: str, **values: str | int | float | np.ndarray) -> None:
    """A metadata group in the types that ODIM_H5 asks for: fixed-length text, 64-bit integers and floats."""
    group = parent.create_group(name)
    for key, value in values.items():
        if isinstance(value, str):
            _text(group, key, value)
        else:
            group.attrs.create(key, value, dtype="int64" if isinstance(value, int) else "float64")


def _source(site_name: str) -> str:
    """The source identifier: the node is the site's name in the domain."""
    return f"NOD:{site_name},PLC:{site_name},CMT:stormcycle simulator"


def _text(parent: h5py.HLObject, key: str, value: str) -> None:
    """A text attribute of fixed length ended by a null, as ODIM_H5 wants it; h5py's own would be padded, not ended."""
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(len(value) + 1)
    kind.set_strpad(h5py.h5t.STR_NULLTERM)
    parent.attrs.create(key, np.bytes_(value), dtype=h5py.Datatype(kind))


def _date(time: Time) -> str:
    return f"{time.astype('datetime64[s]').astype(datetime):%Y%m%d}"


def _clock(time: Time) -> str:
    return f"{time.astype('datetime64[s]').astype(datetime):%H%M%S}"
