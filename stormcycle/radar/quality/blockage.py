"""Beam blockage by terrain."""

from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import Geod

from stormcycle.domain import BeamBlockage, Site
from stormcycle.radar.quality.flags import GateFlag
from stormcycle.radar.sweeps import gate_ranges, sweeps_by_azimuth
from stormcycle.radar.volume import without_path


class TerrainError(ValueError):
    """A terrain file that is not there or does not hold what it should."""


def read_terrain(path: Path) -> xr.DataArray:
    """Terrain `elevation` (latitude, longitude; m above the sea, degrees WGS 84), both axes rising. Raises TerrainError."""
    if not path.is_file():
        raise TerrainError(f"There is no terrain file {path}; check `radar.quality.beam_blockage.terrain` in the domain's YAML.")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            terrain = file["elevation"].transpose("latitude", "longitude").load()
    except (OSError, KeyError, ValueError) as error:
        reason = without_path(error, path)
        raise TerrainError(f"The terrain file {path.name} holds no `elevation` over latitude and longitude: {reason}; check `beam_blockage.terrain`.") from None
    return terrain.sortby(["latitude", "longitude"])


def beam_blockage(volume: xr.Dataset, settings: BeamBlockage, terrain: xr.DataArray, site: Site) -> np.ndarray:
    """Gates of which more than `greatest_share` of the beam's cross-section is cut off by terrain before or at the gate.

    Source: Bech et al. (2003), J. Atmos. Oceanic Technol. 20, 845, eq. 2 and appendix, as wradlib has it; beam paths
    by the 4/3 earth radius. Beyond the terrain file nothing is blocked.
    """
    from wradlib.georef import bin_altitude, bin_distance
    from wradlib.qual import beam_block_frac, cum_beam_block_frac
    from wradlib.util import half_power_radius

    flags = np.zeros(volume["reflectivity"].shape, "uint8")
    highest = float(terrain.max())
    for number, rays, gates in sweeps_by_azimuth(volume):
        slant = gate_ranges(volume, number)
        elevation = float(np.median(volume["elevation"].values[rays]))
        height = bin_altitude(slant, elevation, site.altitude_m)
        radius = half_power_radius(slant, settings.beam_width_deg)
        if (height - radius).min() > highest:
            continue  # this beam passes over everything
        below = _heights(terrain, site, volume["azimuth"].values[rays], bin_distance(slant, elevation, site.altitude_m))
        with np.errstate(invalid="ignore"):  # far above or below the beam its formula has no value, and no share of the beam is cut
            partial = beam_block_frac(below, np.broadcast_to(height, below.shape), np.broadcast_to(radius, below.shape))
        share = cum_beam_block_frac(np.clip(np.nan_to_num(partial), 0.0, 1.0))
        flags[rays, :gates] = np.where(share > settings.greatest_share, GateFlag.BEAM_BLOCKED, 0)
    return flags


def _heights(terrain: xr.DataArray, site: Site, azimuth: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Terrain (m) below gates (ray, gate), by linear interpolation; far below the sea where the file does not reach."""
    shape = (len(azimuth), len(ground))
    start = np.broadcast_to(site.longitude, shape), np.broadcast_to(site.latitude, shape)
    longitude, latitude, _ = Geod(ellps="WGS84").fwd(*start, np.broadcast_to(azimuth[:, None], shape), np.broadcast_to(ground, shape))
    where = {"latitude": (("ray", "gate"), latitude), "longitude": (("ray", "gate"), longitude)}
    return np.nan_to_num(terrain.interp({name: xr.DataArray(values, dims=dims) for name, (dims, values) in where.items()}).values, nan=-1e4)
