"""The steps of a domain in their order, and a volume as they leave it."""

from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.domain import Quality, Radar, Site
from stormcycle.home import expand
from stormcycle.radar.polarimetry import kdp_from_phidp
from stormcycle.radar.quality.attenuation import path_attenuation
from stormcycle.radar.quality.blockage import beam_blockage, read_terrain
from stormcycle.radar.quality.clutter import non_meteorological, speckle, static_clutter
from stormcycle.radar.quality.flags import REJECTED, GateFlag
from stormcycle.radar.quality.limits import noise_floor, range_limit
from stormcycle.radar.quality.outliers import outlier_gates, read_mask
from stormcycle.states import NO_ECHO_DBZ


def read_files(radar: Radar) -> None:
    """Read the terrain and the masks that a domain names, so that what is wrong with them is said before any work. Raises
    TerrainError or MaskError.
    """
    if radar.quality.beam_blockage is not None:
        read_terrain(Path(expand(radar.quality.beam_blockage.terrain)))
    for site in radar.sites if radar.quality.outlier_mask is not None else ():
        read_mask(_mask_path(radar.quality, site))


def needed_moments(radar: Radar) -> tuple[str, ...]:
    """The moments that a volume must be decoded with: those of the products, and those that quality control looks at."""
    helpers = (*(("rhohv",) if radar.quality.non_meteorological else ()), *(("phidp",) if "kdp" in radar.moments else ()))
    return (*radar.moments, *helpers)


def checked(volume: xr.Dataset, quality: Quality, site_name: str, site: Site, moments: tuple[str, ...]) -> xr.Dataset:
    """What quality control finds in a volume: `flags` (ray, gate; GateFlag), `attenuation` (dB) where it is switched on,
    `kdp` (degree km-1) where it is wanted, not in the volume, and its phase is.

    What lies below the noise floor is no echo, whatever it is like; speckle and attenuation see what the steps before left.
    Raises TerrainError or MaskError for a file that is not there.
    """
    flags = range_limit(volume, quality.max_range_km) | noise_floor(volume, quality.noise_floor_dbz)
    quiet = (flags & GateFlag.BELOW_NOISE) > 0
    if quality.non_meteorological is not None:
        flags |= np.where(quiet, 0, non_meteorological(volume, quality.non_meteorological)).astype("uint8")
    if quality.static_clutter is not None:
        flags |= static_clutter(volume, quality.static_clutter, quality.noise_floor_dbz)
    if quality.speckle is not None:
        flags |= speckle(volume, quality.speckle, flags > 0)
    if quality.beam_blockage is not None:
        flags |= beam_blockage(volume, quality.beam_blockage, read_terrain(Path(expand(quality.beam_blockage.terrain))), site)
    if quality.outlier_mask is not None:
        flags |= outlier_gates(volume, read_mask(_mask_path(quality, site_name)))
    found = {"flags": flags}
    unused = (flags & ~np.uint8(GateFlag.BELOW_NOISE)) > 0
    if quality.attenuation is not None:
        room = np.maximum(quality.attenuation.highest_dbz - volume["reflectivity"].values, 0.0)  # wradlib's constraints bound what causes it, not the sum
        found["attenuation"] = np.fmin(path_attenuation(volume, quality.attenuation, unused), room)
    if "kdp" in moments and "kdp" not in volume and "phidp" in volume:
        found["kdp"] = kdp_from_phidp(volume, unused)
    return xr.Dataset({name: (("ray", "gate"), values) for name, values in found.items()})


def _mask_path(quality: Quality, site: str) -> Path:
    assert quality.outlier_mask is not None  # asked only where the step is on
    return Path(expand(quality.outlier_mask.file.replace("{site}", site)))


def cleaned(volume: xr.Dataset, found: xr.Dataset, moments: tuple[str, ...]) -> xr.Dataset:
    """The volume's `moments` as `checked` leaves them: beyond range and rejected gates are not observed, below noise is
    no echo, attenuation is added back; `flags` stand beside them.
    """
    flags = found["flags"].values
    unseen, quiet = (flags & (GateFlag.BEYOND_RANGE | REJECTED)) > 0, (flags & GateFlag.BELOW_NOISE) > 0
    fields = {}
    for name in moments:
        source = volume if name in volume else found
        if name not in source:
            continue
        values = source[name].values.copy()
        if name == "reflectivity" and "attenuation" in found:
            values = np.where(values > NO_ECHO_DBZ, values + found["attenuation"].values, values)
        values[quiet] = NO_ECHO_DBZ if name == "reflectivity" else np.nan
        values[unseen] = np.nan
        fields[name] = (("ray", "gate"), values.astype("float32"))
    return volume.drop_vars(list(volume.data_vars)).assign({**fields, "flags": (("ray", "gate"), flags)})
