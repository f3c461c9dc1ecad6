"""Echoes from the ground around a radar: patches near it and ridges farther off, always in the same places."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from stormcycle.simulator.nature.world import generator

PATCH_DBZ, RIDGE_DBZ, ROUGHNESS_DB = 36.0, 38.0, 7.0
RIDGES = 5
FLUCTUATION_DB = 2.0
"""From turn to turn: a strong steady echo among weak moving ones, averaged over the pulses of a radial."""


@dataclass(frozen=True)
class Ground:
    """What the ground sends back to a beam that hits it in full, float32 (rays, gates): reflectivity (dBZ; -inf: nothing),
    differential reflectivity (dB), correlation (1), differential phase (degrees), and the elevation (degrees) up to which it reaches."""

    reflectivity: np.ndarray
    zdr: np.ndarray
    rhohv: np.ndarray
    phase: np.ndarray
    edge_deg: np.ndarray


@lru_cache(maxsize=16)
def ground(site_name: str, rays: int, gates: int, gate_m: float) -> Ground:
    """The ground around a site on the rays and gates of its scan, the same in every world and at every time.

    From gate to gate it is as rough as lognormal, its phase is any and its correlation anything from 0 to 1: Zrnic, Melnikov and
    Ryzhkov (2006), J. Atmos. Oceanic Technol. 23, 381-394, at 11 cm.
    """
    random = generator(0, f"ground {site_name}")
    shape, distance, azimuth = (rays, gates), (np.arange(gates) + 0.5) * gate_m, (np.arange(rays) + 0.5) * 360.0 / rays
    patches = gaussian_filter(random.standard_normal(shape), (rays / 180.0, 1000.0 / gate_m), mode=("wrap", "nearest"))
    near = patches / patches.std() > 0.2 + distance / 15e3
    ridges = np.zeros(shape, bool)
    for _ in range(RIDGES):
        middle, half, reach = random.uniform(0.0, 360.0), random.uniform(3.0, 10.0), random.uniform(25e3, 90e3)
        across = np.mod(azimuth - middle + 180.0, 360.0) - 180.0
        winding = reach * (1.0 + 0.03 * np.sin(across / 2.0 + middle))
        ridges |= (np.abs(across) < half)[:, None] & (np.abs(distance - winding[:, None]) < max(1000.0, 0.5 * gate_m))
    strength = np.where(ridges, RIDGE_DBZ, PATCH_DBZ - distance / 2000.0) + ROUGHNESS_DB * random.standard_normal(shape)
    return Ground(
        reflectivity=np.where(near | ridges, strength, -np.inf).astype("float32"),
        zdr=(3.0 * random.standard_normal(shape)).astype("float32"),
        rhohv=random.beta(2.2, 2.3, shape).astype("float32"),
        phase=random.uniform(0.0, 360.0, shape).astype("float32"),
        edge_deg=np.where(ridges, 0.3, 0.0).astype("float32"),
    )


def ground_in_beam(whole: Ground, gates: int, elevation_deg: float, beam_width_deg: float, random: np.random.Generator) -> Ground:
    """The ground of the first gates as one turn at an elevation sees it: weaker the higher the beam, and fluctuating.

    A Gaussian beam without side lobes, half its power at half its width: Doviak and Zrnic (1993), Doppler Radar and Weather
    Observations, section 3.1; out and back it takes 24 dB from what lies one width off its axis.
    """
    near = Ground(*(values[:, :gates] for values in vars(whole).values()))
    above = np.maximum(elevation_deg - near.edge_deg, 0.0) / beam_width_deg
    fluctuation = FLUCTUATION_DB * random.standard_normal(near.edge_deg.shape)
    return replace(near, reflectivity=(near.reflectivity - 80.0 * np.log10(2.0) * above**2 + fluctuation).astype("float32"))
