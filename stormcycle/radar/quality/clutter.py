"""Echo that is not weather: by dual polarisation, by its texture and outline, by its size."""

import numpy as np
import xarray as xr
from scipy import ndimage

from stormcycle.domain import NonMeteorological, Speckle, StaticClutter
from stormcycle.radar.quality.flags import GateFlag
from stormcycle.radar.sweeps import sweeps_by_azimuth
from stormcycle.states import NO_ECHO_DBZ

TOUCHING = np.ones((3, 3))
JUST_BELOW_DB = 0.01
"""wradlib's outlines are of what exceeds a threshold; an echo of exactly the floor is one too."""


def non_meteorological(volume: xr.Dataset, settings: NonMeteorological) -> np.ndarray:
    """Echo gates whose copolar correlation is below `least_rhohv`, or below `doubtful_rhohv` where the texture of
    reflectivity (dB, wradlib, 3x3 gates) exceeds `greatest_texture_db`; gates without a correlation are not judged.

    Sources: Gourley et al. (2007), J. Atmos. Oceanic Technol. 24, 1439 (RhoHV and texture against clutter and chaff);
    Park et al. (2009), Weather Forecast. 24, 730 (hail and melting snow reach down to 0.85 and are smooth).
    """
    from wradlib.util import texture

    flags = np.zeros(volume["reflectivity"].shape, "uint8")
    if "rhohv" not in volume:
        return flags
    for _, rays, gates in sweeps_by_azimuth(volume):
        reflectivity, rhohv = volume["reflectivity"].values[rays, :gates], volume["rhohv"].values[rays, :gates]
        echo = reflectivity > NO_ECHO_DBZ
        with np.errstate(invalid="ignore"):  # a gate alone has no texture
            rough = np.nan_to_num(texture(np.where(echo, reflectivity, np.nan))) > settings.greatest_texture_db
        bad = echo & ((rhohv < settings.least_rhohv) | ((rhohv < settings.doubtful_rhohv) & rough))  # comparisons with NaN are false
        flags[rays, :gates] = np.where(bad, GateFlag.NOT_WEATHER, 0)
    return flags


def static_clutter(volume: xr.Dataset, settings: StaticClutter, floor_dbz: float) -> np.ndarray:
    """Echo gates (at least `floor_dbz`) that stand out from too many of their neighbours, or that belong to an echo of
    which the outline is long for its area.

    Source: Gabella and Notarpietro (2002), Proc. ERAD, 305, as wradlib has it.
    """
    from wradlib.classify import filter_gabella

    flags = np.zeros(volume["reflectivity"].shape, "uint8")
    for _, rays, gates in sweeps_by_azimuth(volume):
        reflectivity = volume["reflectivity"].values[rays, :gates]
        known = np.where(np.isnan(reflectivity), NO_ECHO_DBZ, reflectivity)
        with np.errstate(invalid="ignore", divide="ignore"):
            twice = filter_gabella(
                np.concatenate([known, known]),  # twice around: in one of the turns an echo across north is whole
                wsize=settings.window,
                thrsnorain=floor_dbz - JUST_BELOW_DB,
                tr1=settings.similar_db,
                n_p=settings.least_similar,
                tr2=settings.least_compactness,
            )
        found = twice[: len(rays)] & twice[len(rays) :]
        flags[rays, :gates] = np.where(found & (known >= floor_dbz) & (known > NO_ECHO_DBZ), GateFlag.STATIC_CLUTTER, 0)
    return flags


def speckle(volume: xr.Dataset, settings: Speckle, ignored: np.ndarray) -> np.ndarray:
    """Echo gates of connected echoes with fewer than `least_gates` gates; `ignored` gates (ray, gate) count as no echo.

    Rays touch across north. Source: the despeckling of Py-ART and of wradlib, by connected components.
    """
    flags = np.zeros(volume["reflectivity"].shape, "uint8")
    for _, rays, gates in sweeps_by_azimuth(volume):
        echo = (volume["reflectivity"].values[rays, :gates] > NO_ECHO_DBZ) & ~ignored[rays, :gates]
        labels, _ = ndimage.label(np.concatenate([echo, echo]), TOUCHING)  # twice around: in one of the turns an echo across north is whole
        sizes = np.bincount(labels.ravel())[labels]
        size = np.maximum(sizes[: len(rays)], sizes[len(rays) :])
        flags[rays, :gates] = np.where(echo & (size < settings.least_gates), GateFlag.SPECKLE, 0)
    return flags
