"""NEXRAD Level II volumes (Messages 1 and 31) by xradar's file object: codes as they stand, one pass over the file.

Formats: interface control documents 2620010 (archive II user) and 2620002 (messages of the radar).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.radar.volume import Sweep, VolumeHeader, assemble_volume
from stormcycle.times import Time

BLOCKS = {"reflectivity": "REF", "zdr": "ZDR", "phidp": "PHI", "rhohv": "RHO"}
BELOW_THRESHOLD, RANGE_FOLDED = 0, 1
END_OF_VOLUME = 4
SPLIT_CUT_DEG = 0.2
"""Cuts nearer in elevation are the two halves of a split cut."""
BINARY_ANGLE_DEG = 180.0 / 32768.0
DAY_ZERO = np.datetime64("1969-12-31T00:00:00.000", "ms")
"""The day before day 1 of the modified Julian dates that headers carry."""


def read_nexrad(path: Path, moments: Sequence[str]) -> xr.Dataset:
    """The polar volume of an unpacked Level II file (see stormcycle.radar).

    A volume without its end-of-volume radial, or with a cut missing between others, is partial. One with fewer cuts than
    its plan that has that radial was ended early by the radar itself (AVSET) and is whole.
    """
    from xradar.io.backends.nexrad_level2 import NEXRADLevel2File

    with NEXRADLevel2File(str(path)) as file:
        radials = file.msg_31_header
        header, judged = _header(file, radials), _judged_elevations(file, radials)
        sweeps = [_sweep(file, number, rays, moments) for number, rays in enumerate(radials) if not _is_doppler_half(file, number, rays, judged)]
    return assemble_volume(header, [sweep for sweep in sweeps if sweep], moments)


def _judged_elevations(file: Any, radials: list[list[dict[str, Any]]]) -> list[float]:
    """The elevations (degrees) of the cuts that measured polarisation."""
    return [_elevation(file, number, rays) for number, rays in enumerate(radials) if "RHO" in file.data[number]["msg_31_data_header"]]


def _is_doppler_half(file: Any, number: int, rays: list[dict[str, Any]], judged: list[float]) -> bool:
    """Whether a cut repeats another for its velocity: its reflectivity comes without what tells clutter from weather, and is not needed."""
    if "RHO" in file.data[number]["msg_31_data_header"]:
        return False
    return any(abs(_elevation(file, number, rays) - elevation) < SPLIT_CUT_DEG for elevation in judged)


def _elevation(file: Any, number: int, rays: list[dict[str, Any]]) -> float:
    angle = BINARY_ANGLE_DEG if file.data[number]["msg_type"] == 1 else 1.0
    return float(np.median([ray["elevation_angle"] for ray in rays])) * angle


def _sweep(file: Any, number: int, rays: list[dict[str, Any]], moments: Sequence[str]) -> Sweep | None:
    """One cut, or None for a Doppler cut without reflectivity."""
    cut = file.data[number]
    blocks = cut["msg_31_data_header"]
    if "REF" not in blocks:
        return None
    names = [moment for moment in moments if BLOCKS.get(moment) in blocks]
    file.get_sweep(number, [BLOCKS[name] for name in names])
    file.get_data(number, [BLOCKS[name] for name in names])
    data = {name: cut["sweep_data"][BLOCKS[name]] for name in names}
    codes = {name: np.stack(data[name]["data"][: len(rays)]) for name in names}
    angle = BINARY_ANGLE_DEG if cut["msg_type"] == 1 else 1.0
    first, spacing = data["reflectivity"]["first_gate"], data["reflectivity"]["gate_spacing"]
    gates = codes["reflectivity"].shape[1]
    return Sweep(
        elevation=np.array([ray["elevation_angle"] for ray in rays]) * angle,
        azimuth=np.array([ray["azimuth_angle"] for ray in rays]) * angle,
        time=np.array([_time(ray["collect_date"], ray["collect_ms"]) for ray in rays]),
        gate_centres_m=first + spacing * np.arange(gates, dtype="float64"),
        moments={name: _values(codes[name], data[name], gates) for name in names},
        undetect=codes["reflectivity"] == BELOW_THRESHOLD,
    )


def _values(codes: np.ndarray, block: dict[str, Any], gates: int) -> np.ndarray:
    """A moment in its unit (ray, gates): NaN where the gate was folded, below threshold, or beyond the moment's range."""
    values = np.full((len(codes), gates), np.nan, "float32")
    measured = codes.astype("float32")
    reach = min(gates, codes.shape[1])  # dual-polarisation moments reach less far than reflectivity
    values[:, :reach] = np.where(codes > RANGE_FOLDED, (measured - block["offset"]) / block["scale"], np.nan)[:, :reach]
    return values


def _header(file: Any, radials: list[list[dict[str, Any]]]) -> VolumeHeader:
    """Message 1 volumes carry no location (xradar gives zeros); the domain's site stands in for it."""
    place = file.data[0]["msg_31_data_header"]["VOL"]
    located = (place["lat"], place["lon"]) != (0, 0)
    return VolumeHeader(
        site=file.volume_header["icao"].decode("ascii", "replace").strip("\0 "),
        latitude=float(place["lat"]) if located else None,
        longitude=float(place["lon"]) if located else None,
        altitude_m=float(place["height"] + place["feedhorn_height"]) if located else None,
        declared_time=_time(radials[0][0]["collect_date"], radials[0][0]["collect_ms"]).astype("datetime64[s]"),
        reader="xradar",
        gaps=tuple(_missing_cuts(file, radials)),
    )


def _missing_cuts(file: Any, radials: list[list[dict[str, Any]]]) -> list[str]:
    """Sentences on what the volume lacks: cuts between others, its end."""
    numbers = {rays[0]["elevation_number"] for rays in radials}
    absent = sorted(set(range(1, max(numbers) + 1)) - numbers)
    sentences = [f"Elevation cuts are missing: {', '.join(map(str, absent))}."] if absent else []
    if radials[-1][-1]["radial_status"] != END_OF_VOLUME:
        plan = file.msg_5 or {}
        planned = plan.get("number_elevation_cuts") or "an unknown number of"
        sentences.append(f"The volume has no end: {len(numbers)} of {planned} elevation cuts of VCP {plan.get('pattern_number') or 'unknown'} are there.")
    return sentences


def _time(day: int, milliseconds: int) -> Time:
    return DAY_ZERO + np.timedelta64(day, "D") + np.timedelta64(milliseconds, "ms")
