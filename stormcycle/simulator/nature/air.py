"""The undisturbed air of a world: how temperature, humidity and wind change with height where no storm is near."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.world import World, generator

LEVELS_HPA = (975, 925, 850, 800)
ZERO_CELSIUS_K = 273.15
GRAVITY = 9.80665
GAS_CONSTANT = 287.05
STRATOSPHERE_LAPSE_K_M = -1e-3


@dataclass(frozen=True)
class Air:
    """Undisturbed air: lapse rate (K m-1) of the lower and of the upper troposphere, which meet at the freezing level;
    height (m) of the tropopause; sea level pressure (Pa); relative humidity (%) at the ground, at its greatest (about
    850 hPa) and of 300-500 hPa; wind of the ground as a share of the steering flow and turned to its left (radians)."""

    lapse: float
    upper_lapse: float
    tropopause_m: float
    pressure: float
    humidity: tuple[float, float, float]
    surface_speed: float
    backing: float


@lru_cache(maxsize=16)
def air_of(world: World) -> Air:
    """The undisturbed air of a world."""
    random = generator(world.seed, "air")
    return Air(
        lapse=random.uniform(5.8e-3, 6.6e-3),
        upper_lapse=random.uniform(6.6e-3, 7.1e-3),
        tropopause_m=random.uniform(11.8e3, 13.2e3),
        pressure=random.uniform(1004e2, 1016e2),
        humidity=(random.uniform(62.0, 74.0), random.uniform(68.0, 80.0), random.uniform(22.0, 38.0)),
        surface_speed=random.uniform(0.35, 0.5),
        backing=np.radians(random.uniform(25.0, 55.0)),
    )


def temperature_at(world: World, height_m: np.ndarray | float) -> np.ndarray:
    """Temperature (K, float32) of the undisturbed air at heights above the sea: 0 degrees C at the world's freezing level."""
    air, height = air_of(world), np.asarray(height_m, "float64")
    below = ZERO_CELSIUS_K + air.lapse * (world.freezing_level_m - np.minimum(height, world.freezing_level_m))
    above = air.upper_lapse * (np.clip(height, world.freezing_level_m, air.tropopause_m) - world.freezing_level_m)
    return (below - above - STRATOSPHERE_LAPSE_K_M * np.maximum(height - air.tropopause_m, 0.0)).astype("float32")


@lru_cache(maxsize=16)
def level_heights(world: World) -> tuple[float, ...]:
    """Heights (m above the sea) of LEVELS_HPA in the undisturbed air: hydrostatic with a constant lapse rate."""
    air = air_of(world)
    surface = ZERO_CELSIUS_K + air.lapse * world.freezing_level_m
    return tuple(surface / air.lapse * (1.0 - (level * 100.0 / air.pressure) ** (GAS_CONSTANT * air.lapse / GRAVITY)) for level in LEVELS_HPA)
