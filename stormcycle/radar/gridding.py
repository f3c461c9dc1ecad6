"""From polar volume to grid by indices that are computed once a geometry and kept between cycles.

For each pixel and sweep the gate whose centre is nearest along the ray of the pixel's azimuth; of all sweeps the
vertical maximum, or a field at one height. Beam paths by the 4/3 earth radius model (Doviak and Zrnic 1993, eq. 2.28).
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import Geod
from pyresample.geometry import AreaDefinition

from stormcycle.cycle.digests import json_digest
from stormcycle.cycle.files import replace_file
from stormcycle.grids import longitudes_latitudes
from stormcycle.radar.quality.flags import REJECTED, rejected_for
from stormcycle.radar.sweeps import AZIMUTH_BINS, rays_by_azimuth
from stormcycle.states import NO_ECHO_DBZ

EFFECTIVE_EARTH_M = 6371000.0 * 4.0 / 3.0
ELEVATION_STEP = 0.1
"""Elevations are rounded to this (degrees) so that antennas that wobble share their indices: 90 m at 19.5 deg and 150 km."""


@dataclass(frozen=True)
class Geometry:
    """What decides which gate a pixel sees: the site and, for each sweep, elevation (deg) and gates (m)."""

    latitude: float
    longitude: float
    altitude_m: float
    elevations: tuple[float, ...]
    first_gates_m: tuple[float, ...]
    gates_m: tuple[float, ...]
    gate_counts: tuple[int, ...]


@dataclass(frozen=True)
class GateIndices:
    """For each pixel its azimuth bin and its distance from the site (m; y, x), and for each sweep its gate (sweep, y, x;
    -1: none) and the beam's height above the sea (m).
    """

    azimuth_bin: np.ndarray
    distance_m: np.ndarray
    gate: np.ndarray
    height_m: np.ndarray


def geometry_of(volume: xr.Dataset, latitude: float, longitude: float, altitude_m: float) -> Geometry:
    """The geometry of a volume at a site (degrees, metres above sea level)."""
    sweep, elevation = volume["sweep"].values, volume["elevation"].values
    elevations = tuple(
        round(round(float(np.median(elevation[sweep == number])) / ELEVATION_STEP) * ELEVATION_STEP, 2) for number in range(volume.sizes["sweeps"])
    )
    return Geometry(
        round(latitude, 5),
        round(longitude, 5),
        round(altitude_m, 1),
        elevations,
        tuple(float(value) for value in volume["first_gate_m"].values),
        tuple(float(value) for value in volume["gate_m"].values),
        tuple(int(value) for value in volume["gates"].values),
    )


def slant_range(ground_distance_m: np.ndarray, elevation_deg: float, altitude_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Slant range (m) at which a beam stands above a point at a ground distance (m), and its height above sea level (m).

    From the triangle of earth's centre, antenna and beam, with 4/3 earth radius.
    """
    angle = ground_distance_m / EFFECTIVE_EARTH_M
    elevation = np.deg2rad(elevation_deg)
    antenna = EFFECTIVE_EARTH_M + altitude_m
    reached = np.cos(angle + elevation)
    return antenna * np.sin(angle) / reached, antenna * np.cos(elevation) / reached - EFFECTIVE_EARTH_M


def gate_indices(geometry: Geometry, grid: AreaDefinition) -> GateIndices:
    """The indices of a geometry on a grid, computed."""
    longitude, latitude = longitudes_latitudes(grid)
    azimuth, _, distance = Geod(ellps="WGS84").inv(
        np.full(longitude.shape, geometry.longitude), np.full(longitude.shape, geometry.latitude), longitude, latitude
    )
    gates, heights = [], []
    for elevation, first, spacing, count in zip(geometry.elevations, geometry.first_gates_m, geometry.gates_m, geometry.gate_counts, strict=True):
        slant, height = slant_range(distance, elevation, geometry.altitude_m)
        gate = np.rint((slant - first) / spacing)
        gates.append(np.where((gate >= 0) & (gate < count), gate, -1).astype("int16"))
        heights.append(height.astype("float32"))
    azimuth_bin = (np.floor(np.mod(azimuth, 360.0) * AZIMUTH_BINS / 360.0).astype("int32") % AZIMUTH_BINS).astype("uint16")
    return GateIndices(azimuth_bin, distance.astype("float32"), np.stack(gates), np.stack(heights))


def kept_indices(geometry: Geometry, grid: AreaDefinition, folder: Path) -> GateIndices:
    """The indices of a geometry on a grid: from the folder where they are kept, else computed and kept there."""
    path = folder / f"{json_digest([asdict(geometry), grid.crs.to_wkt(), grid.shape, grid.area_extent])[:32]}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return GateIndices(*(kept[item.name] for item in fields(GateIndices)))
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile):  # absent, or damaged in any way
        indices = gate_indices(geometry, grid)
    buffer = io.BytesIO()
    np.savez(buffer, **{item.name: getattr(indices, item.name) for item in fields(GateIndices)})
    replace_file(path, buffer.getvalue())
    return indices


def grid_volume(
    volume: xr.Dataset, indices: GateIndices, moments: Sequence[str], cappi_height_m: float | None = None, floor_dbz: float = NO_ECHO_DBZ
) -> xr.Dataset:
    """A cleaned volume (stormcycle.radar.quality.cleaned) on the grid, each (y, x): `reflectivity` and the other `moments`
    (NaN where the volume holds none), `beam_height` (m above the sea) of the lowest beam that looked, `distance` (m) from
    the radar, `rejected` (provenance bits of the gates that quality control rejected above the pixel).

    The vertical maximum with the other moments of its gate; with `cappi_height_m` the field at that height, between the
    beams below and above it in linear units, of the nearest beam where there is none on one side (pseudo-CAPPI), and no
    echo where that falls below `floor_dbz`. NaN where no sweep observed the pixel; NO_ECHO_DBZ where all that looked saw
    nothing.
    """
    found = [_sampled(volume, number, indices) for number in range(volume.sizes["sweeps"])]
    reflectivity = np.stack([sweep["reflectivity"] for sweep in found])
    seen = ~np.isnan(reflectivity)
    height = np.where(seen, indices.height_m, np.nan)
    if cappi_height_m is None:
        chosen = np.where(seen, reflectivity, -np.inf).argmax(axis=0)
        field = _taken(reflectivity, chosen)
    else:
        chosen = np.where(seen, np.abs(indices.height_m - cappi_height_m), np.inf).argmin(axis=0)
        field = _at_height(reflectivity, indices.height_m, seen, cappi_height_m)
        field = np.where(field < floor_dbz, NO_ECHO_DBZ, field)
    looked = seen.any(axis=0)
    others = {
        name: np.where(looked, _taken(np.stack([sweep[name] for sweep in found]), chosen), np.nan) if name in volume else np.full(field.shape, np.nan)
        for name in moments
        if name != "reflectivity"
    }
    flags = np.bitwise_or.reduce([sweep["flags"].astype("uint8") & REJECTED for sweep in found])
    layers = {
        "reflectivity": field.astype("float32"),
        **{name: values.astype("float32") for name, values in others.items()},
        "beam_height": np.fmin.reduce(height).astype("float32"),
        "distance": indices.distance_m,
        "rejected": rejected_for(flags),
    }
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


def _sampled(volume: xr.Dataset, number: int, indices: GateIndices) -> dict[str, np.ndarray]:
    """The fields of one sweep at the pixels (y, x); NaN, or no flag, where it did not look."""
    rays = np.flatnonzero(volume["sweep"].values == number)
    ray, gate = rays_by_azimuth(volume["azimuth"].values[rays])[indices.azimuth_bin], indices.gate[number]
    inside = (ray >= 0) & (gate >= 0)
    where = (rays[ray[inside]], gate[inside])
    sampled = {}
    for name, moment in volume.data_vars.items():
        sampled[str(name)] = np.full(inside.shape, 0.0 if name == "flags" else np.nan, "float32")
        sampled[str(name)][inside] = moment.values[where]
    return sampled


def _taken(stack: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.take_along_axis(stack, chosen[None], axis=0)[0]


def _at_height(reflectivity: np.ndarray, height: np.ndarray, seen: np.ndarray, wanted: float) -> np.ndarray:
    """Reflectivity (sweep, y, x; dBZ) at a height (m), by its linear value between the nearest beams below and above."""
    under, over = seen & (height <= wanted), seen & (height > wanted)
    lower, upper = np.where(under, height, -np.inf).argmax(axis=0), np.where(over, height, np.inf).argmin(axis=0)
    low, high = _taken(height, lower), _taken(height, upper)
    both = under.any(axis=0) & over.any(axis=0)
    weight = np.where(both, (wanted - low) / np.where(both, high - low, 1.0), np.where(over.any(axis=0), 1.0, 0.0))
    z = (1.0 - weight) * linear(_taken(reflectivity, lower)) + weight * linear(_taken(reflectivity, upper))
    return np.where(seen.any(axis=0), decibel(z), np.nan)


def linear(reflectivity: np.ndarray) -> np.ndarray:
    """Reflectivity (dBZ) in mm6 m-3; 0 where there is no echo or nothing was observed."""
    return np.where(reflectivity > NO_ECHO_DBZ, 10.0 ** (np.nan_to_num(reflectivity) / 10.0), 0.0)


def decibel(z: np.ndarray) -> np.ndarray:
    """Reflectivity in dBZ from mm6 m-3; NO_ECHO_DBZ for 0 and for what lies below it."""
    return np.maximum(10.0 * np.log10(np.maximum(z, 1e-9)), NO_ECHO_DBZ)


def is_echo(reflectivity: np.ndarray) -> np.ndarray:
    """Where a beam looked and saw an echo."""
    return np.asarray(reflectivity > NO_ECHO_DBZ)
