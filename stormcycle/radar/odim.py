"""ODIM_H5 polar volumes and scans (OPERA ODIM_H5 2.4) by xradar, and what vendors make of the standard."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.radar.volume import Sweep, Unreadable, VolumeHeader, assemble_volume
from stormcycle.times import Time, iso

QUANTITIES = {"reflectivity": ("DBZH", "TH"), "zdr": ("ZDR",), "kdp": ("KDP",), "phidp": ("PHIDP",), "rhohv": ("RHOHV",)}
"""Our moments by ODIM quantity (table 16), the preferred one first."""
FAR_FROM_SWEEPS = np.timedelta64(15, "m")
"""A root time further than this from every sweep is wrong: no volume takes longer."""
SITE_KEYS = ("NOD", "RAD", "WMO", "WIGOS", "PLC", "CMT")


def read_odim(path: Path, moments: Sequence[str]) -> xr.Dataset:
    """The polar volume of an ODIM_H5 PVOL or SCAN file (see stormcycle.radar).

    Sweeps that the radar marks with `how/malfunc` are left out and make the volume partial. Raises Unreadable when all
    are marked.
    """
    import xradar

    tree = xradar.io.open_odim_datatree(str(path))
    names = sorted((name for name in tree.children if name.startswith("sweep_")), key=lambda name: int(name.split("_")[1]))
    header, malfunctioning, rays = _header(path, tree)
    if len(malfunctioning) == len(names):
        raise Unreadable("The radar reports a malfunction (how/malfunc) in every sweep.")
    good = [(number, tree[name].to_dataset()) for number, name in enumerate(names) if number not in malfunctioning]
    sweeps = [_sweep(fields, moments, rays[number]) for number, fields in good]
    notes, declared = [], header.declared_time
    own = [np.datetime64(str(fields["time"].values.min()), "s") for _, fields in good]
    if declared is not None and min(abs(declared - time) for time in own) > FAR_FROM_SWEEPS:
        notes.append(f"The root time {iso(declared)} is far from the sweeps' own, from {iso(min(own))} on, which are believed.")
        declared = None
    gaps = [f"The radar reports a malfunction (how/malfunc) in sweep {number}, which is left out." for number in malfunctioning]
    if any(_nodata_is_undetect(fields) for _, fields in good):
        notes.append("nodata and undetect are the same code: no echo and not observed cannot be told apart.")
    header = replace(header, declared_time=declared, notes=tuple(notes), gaps=tuple(gaps))
    return assemble_volume(header, [sweep for sweep in sweeps if sweep], moments)


def _sweep(fields: xr.Dataset, moments: Sequence[str], declared_rays: int | None) -> Sweep | None:
    """A sweep with the moments that it holds; None for one without reflectivity."""
    found = {moment: next((name for name in QUANTITIES[moment] if name in fields), None) for moment in moments}
    name = found["reflectivity"]
    if name is None:
        return None
    values, undetect = _values_and_undetect(fields, name)
    others = {}
    for moment, other in found.items():
        if other is not None and moment != "reflectivity":
            measured, empty = _values_and_undetect(fields, other)
            others[moment] = np.where(empty, np.nan, measured)
    return Sweep(
        elevation=np.asarray(fields["elevation"].values, "float64"),
        azimuth=np.asarray(fields["azimuth"].values, "float64"),
        time=fields["time"].values,
        gate_centres_m=np.asarray(fields["range"].values, "float64"),
        moments={"reflectivity": values, **others},
        undetect=undetect,
        declared_rays=declared_rays,
    )


def _values_and_undetect(fields: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A moment's values (NaN not observed), and where its own code says that there was nothing to measure."""
    values = fields[name].values
    if _nodata_is_undetect(fields):
        return values, np.isnan(values)
    scale, offset = fields[name].encoding.get("scale_factor", 1.0), fields[name].encoding.get("add_offset", 0.0)
    return values, np.isclose(values, offset + scale * fields[name].attrs.get("_Undetect", np.nan), atol=abs(scale) / 4)


def _nodata_is_undetect(fields: xr.Dataset) -> bool:
    name = next((name for name in QUANTITIES["reflectivity"] if name in fields), None)
    return name is not None and "_Undetect" in fields[name].attrs and fields[name].attrs["_Undetect"] == fields[name].encoding.get("_FillValue")


def _header(path: Path, tree: xr.DataTree) -> tuple[VolumeHeader, list[int], list[int | None]]:
    """What the file says of itself, the numbers of sweeps that malfunctioned, and for each sweep the rays that it declares."""
    import h5py

    with h5py.File(path, "r") as file:
        what = dict(file["what"].attrs)
        names = sorted((name for name in file if name.startswith("dataset")), key=lambda name: int(name.removeprefix("dataset")))
        whole = _malfunctions(file)
        malfunctioning = [number for number, name in enumerate(names) if whole or _malfunctions(file[name])]
        rays = [_declared_rays(file[name]) for name in names]
    source = _text(what.get("source", ""))
    parts = dict(part.split(":", 1) for part in source.replace(";", ",").split(",") if ":" in part)
    header = VolumeHeader(
        site=next((parts[key].strip() for key in SITE_KEYS if parts.get(key, "").strip()), source),
        latitude=float(tree.coords["latitude"]),
        longitude=float(tree.coords["longitude"]),
        altitude_m=float(tree.coords["altitude"]),
        declared_time=_declared_time(what),
        reader="xradar",
    )
    return header, malfunctioning, rays


def _malfunctions(group: Any) -> bool:
    return "how" in group and _text(group["how"].attrs.get("malfunc", "False")).lower() == "true"


def _declared_rays(dataset: Any) -> int | None:
    rays = dataset["where"].attrs.get("nrays") if "where" in dataset else None
    return int(np.asarray(rays).reshape(-1)[0]) if rays is not None else None


def _declared_time(what: dict[str, Any]) -> Time | None:
    """The nominal time of the root; None where it is absent or no time: the sweeps' own times are the truth then."""
    try:
        return np.datetime64(datetime.strptime(_text(what["date"]) + _text(what["time"]), "%Y%m%d%H%M%S"), "s")
    except (KeyError, ValueError):
        return None


def _text(value: Any) -> str:
    """An ODIM attribute as text: some vendors write arrays, some Latin-1, some a trailing NUL."""
    first = np.asarray(value).reshape(-1)[0]
    return (first.decode("latin-1") if isinstance(first, bytes) else str(first)).strip("\0 ")
