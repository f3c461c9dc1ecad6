"""Decoding volumes: xradar, and Py-ART where xradar cannot read; the choice is made here and nowhere else.

Runs in a child process (stormcycle.feeds.read_each).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from stormcycle.feeds.sniffing import sniff
from stormcycle.radar.nexrad import read_nexrad
from stormcycle.radar.odim import read_odim
from stormcycle.radar.unpack import unpacked
from stormcycle.radar.volume import Sweep, Unreadable, VolumeHeader, WrongKind, assemble_volume, without_path

PYART_NAMES = {
    "reflectivity": "reflectivity",
    "zdr": "differential_reflectivity",
    "kdp": "specific_differential_phase",
    "phidp": "differential_phase",
    "rhohv": "cross_correlation_ratio",
}


def decode_volume(path: Path, kind: Literal["nexrad", "odim"], moments: Sequence[str]) -> xr.Dataset:
    """The polar volume of a NEXRAD Level II or ODIM_H5 file (see stormcycle.radar); `moments` beside reflectivity.

    Raises WrongKind for a file that opens and is no volume (a vertical scan, a forecast), Unreadable with both readers'
    reasons when neither can read it.
    """
    found = sniff(path)
    if found.recognised and found.kind == "unknown":
        raise WrongKind(found.reason)
    with unpacked(path) as plain:
        try:
            return read_nexrad(plain, moments) if kind == "nexrad" else read_odim(plain, moments)
        except Unreadable:
            raise
        except MemoryError:
            raise Unreadable("The file makes its reader ask for more memory than any volume needs; it was not read further.") from None
        except Exception as xradar_error:  # a reader may raise anything on a bad file; both reasons are reported
            try:
                cut = ("The file ends within a record.",) if isinstance(xradar_error, EOFError) else ()
                return _by_pyart(plain, kind, moments, cut)
            except Exception as pyart_error:
                raise Unreadable(f"xradar: {without_path(xradar_error, plain)}; Py-ART: {without_path(pyart_error, plain)}") from None


def _by_pyart(path: Path, kind: str, moments: Sequence[str], gaps: tuple[str, ...]) -> xr.Dataset:
    import pyart

    radar = pyart.io.read_nexrad_archive(str(path)) if kind == "nexrad" else pyart.aux_io.read_odim_h5(str(path))
    start = np.datetime64(str(radar.time["units"]).split("since ")[1].removesuffix("Z"), "ns")
    sweeps = []
    for number in range(radar.nsweeps):
        rays = radar.get_slice(number)
        found = {
            moment: np.ma.filled(radar.fields[PYART_NAMES[moment]]["data"][rays].astype("float64"), np.nan)
            for moment in moments
            if PYART_NAMES[moment] in radar.fields
        }
        if "reflectivity" not in found or np.isnan(found["reflectivity"]).all():
            continue
        sweeps.append(
            Sweep(
                elevation=np.asarray(radar.elevation["data"][rays], "float64"),
                azimuth=np.asarray(radar.azimuth["data"][rays], "float64"),
                time=start + (np.asarray(radar.time["data"][rays]) * 1e9).astype("timedelta64[ns]"),
                gate_centres_m=np.asarray(radar.range["data"], "float64"),
                moments=found,
                undetect=np.isnan(found["reflectivity"]),
            )
        )
    header = VolumeHeader(
        gaps=(*gaps, *(_missing_cuts(path) if kind == "nexrad" else ())),
        site=str(radar.metadata.get("instrument_name", "")).strip(),
        latitude=float(radar.latitude["data"][0]),
        longitude=float(radar.longitude["data"][0]),
        altitude_m=float(radar.altitude["data"][0]),
        declared_time=start.astype("datetime64[s]"),
        reader="Py-ART",
        notes=("Read by Py-ART, which does not tell no echo from not observed: masked gates count as no echo.",),
    )
    return assemble_volume(header, sweeps, moments)


def _missing_cuts(path: Path) -> list[str]:
    """A sentence when a Level II file holds fewer cuts than its plan; Py-ART does not tell whether the radar itself ended it early."""
    from pyart.io.nexrad_level2 import NEXRADLevel2File

    file = NEXRADLevel2File(str(path))
    planned = file.vcp["msg5_header"]["num_cuts"] if file.vcp else 0
    return [f"{file.nscans} of {planned} elevation cuts are there."] if file.nscans < planned else []
