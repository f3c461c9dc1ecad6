"""Where the gates of a radar lie: height and ground distance of the beam, and its places in a projection."""

import numpy as np
from pyproj import CRS, Transformer

from stormcycle.domain import Site

EARTH_RADIUS_M = 6371e3
EFFECTIVE_RADIUS_M = EARTH_RADIUS_M * 4 / 3


def beam_height_and_distance(range_m: np.ndarray, elevation_deg: float, altitude_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Height above the sea and distance along the ground (m) of places at a slant range (m) on a beam.

    Standard refraction, an earth of 4/3 its radius: Doviak and Zrnic (1993), Doppler Radar and Weather Observations,
    eqs. 2.28b and 2.28c.
    """
    sine, cosine = np.sin(np.radians(elevation_deg)), np.cos(np.radians(elevation_deg))
    height = np.sqrt(range_m**2 + EFFECTIVE_RADIUS_M**2 + 2.0 * range_m * EFFECTIVE_RADIUS_M * sine) - EFFECTIVE_RADIUS_M
    distance = EFFECTIVE_RADIUS_M * np.arcsin(range_m * cosine / (EFFECTIVE_RADIUS_M + height))
    return height + altitude_m, distance


def gate_places(projection: str, site: Site, azimuth_deg: np.ndarray, distance_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projection coordinates x, y (m), each (rays, gates), of ground distances (gates,) along azimuths (rays,) from a site."""
    around_site = CRS.from_proj4(f"+proj=aeqd +lat_0={site.latitude} +lon_0={site.longitude} +datum=WGS84 +units=m +no_defs")
    azimuth = np.radians(azimuth_deg)[:, None]
    x, y = distance_m[None, :] * np.sin(azimuth), distance_m[None, :] * np.cos(azimuth)
    return Transformer.from_crs(around_site, CRS.from_user_input(projection), always_xy=True).transform(x, y)
