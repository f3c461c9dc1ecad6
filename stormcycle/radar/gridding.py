"""From polar volume to grid by indices that are computed once a geometry and kept between cycles.

For each pixel and sweep the gate whose centre is nearest along the ray of the pixel's azimuth; of all sweeps the
vertical maximum. Beam paths by the 4/3 earth radius model (Doviak and Zrnic 1993, eq. 2.28).
"""

import io
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import Geod
from pyresample.geometry import AreaDefinition

from stormcycle.cycle.digests import json_digest
from stormcycle.cycle.files import replace_file
from stormcycle.grids import longitudes_latitudes
from stormcycle.states import NO_ECHO_DBZ

EFFECTIVE_EARTH_M = 6371000.0 * 4.0 / 3.0
AZIMUTH_BINS = 3600
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
    """For each pixel its azimuth bin (y, x), and for each sweep its gate (sweep, y, x; -1: none) and beam height (m)."""

    azimuth_bin: np.ndarray
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
    return GateIndices(azimuth_bin, np.stack(gates), np.stack(heights))


def kept_indices(geometry: Geometry, grid: AreaDefinition, folder: Path) -> GateIndices:
    """The indices of a geometry on a grid: from the folder where they are kept, else computed and kept there."""
    path = folder / f"{json_digest([asdict(geometry), grid.crs.to_wkt(), grid.shape, grid.area_extent])[:32]}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return GateIndices(kept["azimuth_bin"], kept["gate"], kept["height_m"])
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile):  # absent, or damaged in any way
        indices = gate_indices(geometry, grid)
    buffer = io.BytesIO()
    np.savez(buffer, azimuth_bin=indices.azimuth_bin, gate=indices.gate, height_m=indices.height_m)
    replace_file(path, buffer.getvalue())
    return indices


def rays_by_azimuth(azimuth: np.ndarray) -> np.ndarray:
    """The nearest ray for each azimuth bin (AZIMUTH_BINS,); -1 where the nearest is further than 1.5 ray spacings (a gap)."""
    order = np.argsort(azimuth)
    rising = np.concatenate([azimuth[order[-1:]] - 360.0, azimuth[order], azimuth[order[:1]] + 360.0])
    rays = np.concatenate([order[-1:], order, order[:1]])
    centres = (np.arange(AZIMUTH_BINS) + 0.5) * 360.0 / AZIMUTH_BINS
    right = np.clip(np.searchsorted(rising, centres), 1, len(rising) - 1)
    nearest = np.where(centres - rising[right - 1] <= rising[right] - centres, right - 1, right)
    spacing = float(np.median(np.diff(rising))) if len(azimuth) > 2 else 1.0
    return np.where(np.abs(rising[nearest] - centres) <= 1.5 * spacing, rays[nearest], -1)


def grid_volume(volume: xr.Dataset, indices: GateIndices) -> xr.Dataset:
    """The vertical maximum of a volume on the grid: `reflectivity` (y, x), the other moments at the gate of the maximum,
    and `beam_height` (m) of the lowest beam that looked.

    NaN where no sweep observed the pixel; NO_ECHO_DBZ where all that looked saw nothing.
    """
    shape = indices.azimuth_bin.shape
    best = np.full(shape, np.nan, "float32")
    lowest = np.full(shape, np.nan, "float32")
    others = {str(name): np.full(shape, np.nan, "float32") for name in volume.data_vars if name != "reflectivity"}
    sweep = volume["sweep"].values
    for number in range(volume.sizes["sweeps"]):
        rays = np.flatnonzero(sweep == number)
        ray = rays_by_azimuth(volume["azimuth"].values[rays])[indices.azimuth_bin]
        gate = indices.gate[number]
        inside = (ray >= 0) & (gate >= 0)
        where = (rays[ray[inside]], gate[inside])
        seen = np.full(shape, np.nan, "float32")
        seen[inside] = volume["reflectivity"].values[where]
        lowest = np.fmin(lowest, np.where(np.isnan(seen), np.nan, indices.height_m[number]))
        higher = ~np.isnan(seen) & ~(seen <= best)
        best[higher] = seen[higher]
        for name, values in others.items():
            moment = np.full(shape, np.nan, "float32")
            moment[inside] = volume[name].values[where]
            values[higher] = moment[higher]
    fields = {"reflectivity": best, **others, "beam_height": lowest}
    return xr.Dataset({name: (("y", "x"), values) for name, values in fields.items()})


def is_echo(reflectivity: np.ndarray) -> np.ndarray:
    """Where a beam looked and saw an echo."""
    return np.asarray(reflectivity > NO_ECHO_DBZ)
