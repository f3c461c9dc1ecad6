"""Decoding volumes: xradar, and Py-ART where xradar cannot read; the choice is made here and nowhere else.

Runs in a child process (stormcycle.feeds.read_each).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from stormcycle.radar.unpack import unpacked
from stormcycle.radar.volume import Sweep, Unreadable, VolumeHeader, assemble_volume, without_path

ODIM_NAMES = {"reflectivity": ("DBZH", "TH"), "zdr": ("ZDR",), "kdp": ("KDP",)}
"""Our moments by ODIM quantity (OPERA ODIM_H5 2.4, table 16), the preferred one first; xradar names NEXRAD's so too."""
PYART_NAMES = {"reflectivity": "reflectivity", "zdr": "differential_reflectivity", "kdp": "specific_differential_phase"}


def decode_volume(path: Path, kind: Literal["nexrad", "odim"], moments: Sequence[str]) -> xr.Dataset:
    """The polar volume of a NEXRAD Level II or ODIM_H5 file (see stormcycle.radar); `moments` beside reflectivity.

    Raises Unreadable with both readers' reasons when neither can read it.
    """
    with unpacked(path) as plain:
        try:
            return _by_xradar(plain, kind, moments)
        except Unreadable:
            raise
        except Exception as xradar_error:  # a reader may raise anything on a bad file; both reasons are reported
            try:
                return _by_pyart(plain, kind, moments)
            except Exception as pyart_error:
                raise Unreadable(f"xradar: {without_path(xradar_error, plain)}; Py-ART: {without_path(pyart_error, plain)}") from None


def _by_xradar(path: Path, kind: str, moments: Sequence[str]) -> xr.Dataset:
    import xradar

    opener = xradar.io.open_nexradlevel2_datatree if kind == "nexrad" else xradar.io.open_odim_datatree
    tree = opener(str(path))
    names = sorted((name for name in tree.children if name.startswith("sweep_")), key=lambda name: int(name.split("_")[1]))
    header = _nexrad_header(tree) if kind == "nexrad" else _odim_header(path, tree)
    message_1 = kind == "nexrad" and header.latitude is None  # Message 1 tells no location
    reached = _surveillance_gates(path) if message_1 else [None] * len(names)
    sweeps = [_sweep(tree[name].to_dataset(), kind, moments, gates) for name, gates in zip(names, reached, strict=True)]
    if any(_nodata_is_undetect(tree[name].to_dataset()) for name in names):
        header = replace(header, notes=(*header.notes, "nodata and undetect are the same code: no echo and not observed cannot be told apart."))
    return assemble_volume(header, [sweep for sweep in sweeps if sweep], moments)


def _surveillance_gates(path: Path) -> list[int | None]:
    """The gates of reflectivity in each sweep of a Message 1 volume, by its own headers.

    xradar pads reflectivity with the code of no echo to the length of the sweep's velocity.
    """
    from xradar.io.backends.nexrad_level2 import NEXRADLevel2File

    with NEXRADLevel2File(str(path)) as file:
        file.get_data_header()
        return [rays[0].get("sur_nbins") for rays in file.msg_31_header]


def _sweep(fields: xr.Dataset, kind: str, moments: Sequence[str], gates: int | None) -> Sweep | None:
    """A sweep with the moments that it holds, cut at `gates`; None for one without reflectivity (a Doppler cut)."""
    fields = fields.isel(range=slice(gates))
    found = {moment: next((name for name in ODIM_NAMES[moment] if name in fields), None) for moment in moments}
    name = found["reflectivity"]
    if name is None:
        return None
    values, undetect = _values_and_undetect(fields, name, kind)
    others = {}
    for moment, other in found.items():
        if other is not None and moment != "reflectivity":
            measured, empty = _values_and_undetect(fields, other, kind)
            others[moment] = np.where(empty, np.nan, measured)
    return Sweep(
        elevation=np.asarray(fields["elevation"].values, "float64"),
        azimuth=np.asarray(fields["azimuth"].values, "float64"),
        time=fields["time"].values,
        gate_centres_m=np.asarray(fields["range"].values, "float64"),
        moments={"reflectivity": values, **others},
        undetect=undetect,
    )


def _values_and_undetect(fields: xr.Dataset, name: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A moment's values (NaN not observed), and where its own code says that there was nothing to measure."""
    values = fields[name].values
    scale, offset = fields[name].encoding.get("scale_factor", 1.0), fields[name].encoding.get("add_offset", 0.0)
    if kind == "nexrad":  # ICD 2620010: code 0 is below threshold, code 1 range folded
        code = np.rint((values - offset) / scale)
        return np.where(code == 1, np.nan, values), code == 0
    if _nodata_is_undetect(fields):
        return values, np.isnan(values)
    return values, np.isclose(values, offset + scale * fields[name].attrs.get("_Undetect", np.nan), atol=abs(scale) / 4)


def _nodata_is_undetect(fields: xr.Dataset) -> bool:
    name = next((name for name in ODIM_NAMES["reflectivity"] if name in fields), None)
    return name is not None and "_Undetect" in fields[name].attrs and fields[name].attrs["_Undetect"] == fields[name].encoding.get("_FillValue")


def _nexrad_header(tree: xr.DataTree) -> VolumeHeader:
    """Message 1 volumes carry no location (xradar gives zeros); the domain's site stands in for it."""
    latitude, longitude, altitude = (float(tree.coords[name]) for name in ("latitude", "longitude", "altitude"))
    located = (latitude, longitude) != (0.0, 0.0)
    planned = int(tree.attrs.get("number_elevation_cuts") or 0)  # 0 or None in old volumes: the plan is not known
    cuts = int(tree.attrs.get("actual_elevation_cuts", 0))
    missing = (f"{cuts} of {planned} elevation cuts of {tree.attrs.get('scan_name')} are there.",) if cuts < planned else ()
    return VolumeHeader(
        site=str(tree.attrs.get("instrument_name", "")).strip(),
        latitude=latitude if located else None,
        longitude=longitude if located else None,
        altitude_m=altitude if located else None,
        declared_time=np.datetime64(str(tree["time_coverage_start"].values).removesuffix("Z"), "s"),
        reader="xradar",
        gaps=missing,
    )


def _odim_header(path: Path, tree: xr.DataTree) -> VolumeHeader:
    import h5py

    with h5py.File(path, "r") as file:
        what = dict(file["what"].attrs)
    source = _text(what.get("source", ""))
    parts = dict(part.split(":", 1) for part in source.replace(";", ",").split(",") if ":" in part)
    site = next((parts[key].strip() for key in ("NOD", "RAD", "WMO", "WIGOS", "PLC", "CMT") if parts.get(key, "").strip()), source)
    declared = None
    try:
        declared = np.datetime64(datetime.strptime(_text(what["date"]) + _text(what["time"]), "%Y%m%d%H%M%S"), "s")
    except (KeyError, ValueError):
        declared = None  # the sweeps' own times are the truth then
    return VolumeHeader(
        site=site,
        latitude=float(tree.coords["latitude"]),
        longitude=float(tree.coords["longitude"]),
        altitude_m=float(tree.coords["altitude"]),
        declared_time=declared,
        reader="xradar",
    )


def _by_pyart(path: Path, kind: str, moments: Sequence[str]) -> xr.Dataset:
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
        site=str(radar.metadata.get("instrument_name", "")).strip(),
        latitude=float(radar.latitude["data"][0]),
        longitude=float(radar.longitude["data"][0]),
        altitude_m=float(radar.altitude["data"][0]),
        declared_time=start.astype("datetime64[s]"),
        reader="Py-ART",
        notes=("Read by Py-ART, which does not tell no echo from not observed: masked gates count as no echo.",),
    )
    return assemble_volume(header, sweeps, moments)


def _text(value: Any) -> str:
    """An ODIM attribute as text: some vendors write arrays, some Latin-1, some a trailing NUL."""
    first = np.asarray(value).reshape(-1)[0]
    return (first.decode("latin-1") if isinstance(first, bytes) else str(first)).strip("\0 ")
