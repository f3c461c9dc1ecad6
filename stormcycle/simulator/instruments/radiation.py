"""How much infrared light leaves the top of the atmosphere: a simple radiative transfer, a formula a kind of channel.

What it holds: Planck's law of ground and cloud top, their emissivity, absorption that grows toward the limb and lies below
or above a cloud, the level from which upper-tropospheric vapour radiates, and by day the sun at 3.9 um. What it does not
hold: scattering, a profile of temperature and moisture other than through the arguments, kinds of ground.
"""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.clouds import Clouds

VAPOUR_DEPTH_K = 13.0
"""Over so many kelvin of the air below its emission level the vapour above thins by a factor e: 1.9 km at 6.9 K km-1."""
SUN_K = 5800.0
SUN_STERADIAN = 6.79e-5


@dataclass(frozen=True)
class Planck:
    """Planck's law of a channel: radiance = fk1 / (exp(fk2 / (bc1 + bc2 T)) - 1) in mW m-2 sr-1 (cm-1)-1."""

    fk1: float
    fk2: float
    bc1: float
    bc2: float


@dataclass(frozen=True)
class SeesGround:
    """A channel that sees the ground: optical depth of the air at the zenith, how much colder (K) than what lies below it
    radiates, its scale height (m), and how well (0 to 1) ground, water and ice clouds reflect the sun."""

    depth: float
    colder_k: float
    scale_m: float
    reflectance: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class SeesVapour:
    """A channel that sees the vapour of the upper troposphere: how much warmer (K) its level is than the one of 6.7 um."""

    warmer_k: float


def planck_radiance(planck: Planck, temperature: np.ndarray | float) -> np.ndarray:
    """Radiance (mW m-2 sr-1 (cm-1)-1) of a black body of a temperature (K)."""
    return planck.fk1 / np.expm1(planck.fk2 / (planck.bc1 + planck.bc2 * temperature))


def planck_temperature(planck: Planck, radiance: np.ndarray) -> np.ndarray:
    """Brightness temperature (K) of a radiance (mW m-2 sr-1 (cm-1)-1); NaN where it is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (planck.fk2 / np.log1p(planck.fk1 / np.where(radiance > 0, radiance, np.nan)) - planck.bc1) / planck.bc2


def window_radiance(planck: Planck, air: SeesGround, seen: Clouds, cosine: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Radiance of a channel that sees the ground: `cosine` of the satellite's, `sun` of the sun's zenith angle.

    Ground and cloud top radiate what they do not reflect; the air above each takes its share and gives back what its colder
    temperature radiates. A cloud's emissivity grows with the length of the way through it.
    """
    ground, water, ice = air.reflectance
    cover = 1.0 - (1.0 - np.minimum(seen.emissivity, 1.0)) ** (1.0 / cosine)
    glaciated = np.clip((263.0 - seen.top_temperature) / 25.0, 0.0, 1.0)
    cloud = _through(planck, air, seen.top_temperature, np.exp(-seen.top_m / air.scale_m), water + (ice - water) * glaciated, cosine, sun)
    below = _through(planck, air, seen.surface_temperature, 1.0, ground, cosine, sun)
    return cover * cloud + (1.0 - cover) * below


def _through(
    planck: Planck, air: SeesGround, temperature: np.ndarray, share: np.ndarray | float, reflectance: np.ndarray | float, cosine: np.ndarray, sun: np.ndarray
) -> np.ndarray:
    """Radiance of a surface through the share (0 to 1) of the air's depth that lies above it."""
    passes = np.exp(-air.depth * share / cosine)
    up = passes * (1.0 - reflectance) * planck_radiance(planck, temperature) + (1.0 - passes) * planck_radiance(planck, temperature - air.colder_k)
    if not any(air.reflectance):
        return up
    day = np.maximum(sun, 0.0)
    sunlight = planck_radiance(planck, SUN_K) * SUN_STERADIAN / np.pi * day * np.exp(-air.depth * share / np.maximum(day, 0.05))
    return up + passes * reflectance * sunlight


def vapour_radiance(planck: Planck, air: SeesVapour, seen: Clouds, cosine: np.ndarray) -> np.ndarray:
    """Radiance of a channel that sees the vapour of the upper troposphere.

    Clear air: ln(humidity / cosine) = 31.5 - 0.115 T (Soden and Bretherton, 1996, J. Geophys. Res. 101, 9333-9343, for 6.7 um).
    A cloud shows as far as it reaches above that level: its depth of vapour falls by e a VAPOUR_DEPTH_K.
    """
    clear = (31.5 - np.log(np.maximum(seen.upper_humidity, 1.0) / cosine)) / 0.115 + air.warmer_k
    passes = np.exp(-np.exp(np.clip((seen.top_temperature - clear) / VAPOUR_DEPTH_K, -20.0, 4.0)))
    cloud = passes * planck_radiance(planck, seen.top_temperature) + (1.0 - passes) * planck_radiance(planck, np.minimum(clear, seen.top_temperature))
    return seen.emissivity * cloud + (1.0 - seen.emissivity) * planck_radiance(planck, clear)
