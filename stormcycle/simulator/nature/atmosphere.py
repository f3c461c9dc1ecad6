"""The state of the air near the ground: what a model's analysis would hold, with the storms' marks upon it.

Large-scale gradients and masses of air are carried by the flow; storms stand where the air is moist and lifted, saturate
their updraughts, draw air in and leave cold pools behind. What a radar sees of them also follows from texture that the
state does not show (columns.py).
"""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.air import GAS_CONSTANT, GRAVITY, LEVELS_HPA, Air, air_of, level_heights, temperature_at
from stormcycle.simulator.nature.influence import Influence, influence
from stormcycle.simulator.nature.interpolation import BLOCK
from stormcycle.simulator.nature.masses import MASSES, Masses, masses_of
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World

__all__ = ["LEVELS_HPA", "NATURE", "Atmosphere", "Physics", "atmosphere"]

WARMTH = {"warmth": range(3, 6)}
STEERING_M = 3000.0
"""Above this height the wind is the flow that carries everything."""
FLOW_M = 500e3
"""The flow's gradient is bounded far beyond this distance."""
LAYERS_M = (550.0, 580.0, 600.0, 470.0)
"""The depth of air that each level stands for, where temperatures are summed up to pressure."""


@dataclass(frozen=True)
class Physics:
    """Constants that another model of the same world has otherwise: factors of the storms' moistening, of their cold pools,
    of their inflow and of the shear between the levels; the share of cells that it does not know, and which (a seed)."""

    moistening: float = 1.0
    cold_pool: float = 1.0
    inflow: float = 1.0
    shear: float = 1.0
    missed_share: float = 0.0
    missed_seed: int = 0


NATURE = Physics()


@dataclass(frozen=True)
class Atmosphere:
    """Temperature (K), wind along the projection's x and y (m s-1) and relative humidity over water (%) at LEVELS_HPA, each
    (4, *shape); temperature and humidity at 2 m, pressure at sea level (Pa), each of the shape asked. All float32."""

    temperature: np.ndarray
    u: np.ndarray
    v: np.ndarray
    humidity: np.ndarray
    t2m: np.ndarray
    r2m: np.ndarray
    mslp: np.ndarray


def atmosphere(world: World, seconds: float, x: np.ndarray, y: np.ndarray, physics: Physics = NATURE) -> Atmosphere:
    """The state above points (projection coordinates in metres, any shape) at a time (seconds since 1970)."""
    x, y = np.asarray(x, "float64") - world.centre_m[0], np.asarray(y, "float64") - world.centre_m[1]
    whole = np.empty((19, x.size), "float32")
    for first in range(0, x.size, BLOCK):
        block = slice(first, first + BLOCK)
        whole[:, block] = _block(world, seconds, x.ravel()[block], y.ravel()[block], physics)
    fields = whole.reshape(19, *x.shape)
    return Atmosphere(fields[0:4], fields[4:8], fields[8:12], fields[12:16], *fields[16:])


def _block(world: World, seconds: float, x: np.ndarray, y: np.ndarray, physics: Physics) -> np.ndarray:
    """The 19 fields of `Atmosphere` at points (n,) in metres from the centre."""
    noise = textures(world, seconds, x, y, shown={**MASSES, **WARMTH})
    air, masses = air_of(world), masses_of(world, noise)
    storms = influence(world, seconds, x, y, physics.missed_share, physics.missed_seed)
    change, change_2m = _temperature_change(masses, noise["warmth"], storms, physics)
    humidity, humidity_2m = _humidity(air, masses, storms, physics)
    u, v = _wind(world, air, x, y, storms, physics)
    mean = temperature_at(world, np.array(level_heights(world)))[:, None]
    pressure = _pressure(world, air, x, y, masses, storms, change)
    return np.concatenate([mean + change, u, v, humidity, [temperature_at(world, 2.0) + change_2m, humidity_2m, pressure]])


def _column(*values: float) -> np.ndarray:
    """One number a level, to be multiplied with fields."""
    return np.array(values, "float32")[:, None]


def _temperature_change(masses: Masses, warmth: np.ndarray, storms: Influence, physics: Physics) -> tuple[np.ndarray, np.ndarray]:
    """What masses of air and storms add to the mean temperature (K) at the levels and at 2 m: cold pools are shallow,
    condensing updraughts warm above."""
    updraught = 1.0 - np.exp(-storms.updraught - 0.5 * storms.ridge)
    levels = (
        _column(2.2, 2.2, 1.9, 1.6) * masses.mass
        + 0.4 * warmth
        + _column(1.2, 1.2, 0.9, 0.5) * storms.ahead
        - np.float32(physics.cold_pool) * _column(5.5, 3.2, 0.8, -0.3) * storms.pool
        + np.float32(physics.moistening) * _column(0.0, 0.2, 0.8, 1.0) * updraught
    )
    ground = 2.4 * masses.mass + 0.5 * warmth + 1.4 * storms.ahead - np.float32(physics.cold_pool) * (7.0 * storms.pool + 1.0 * storms.sheet)
    return levels, ground


def _humidity(air: Air, masses: Masses, storms: Influence, physics: Physics) -> tuple[np.ndarray, np.ndarray]:
    """Relative humidity (%) at the levels and at 2 m: rain and rising air bring it nearer to saturation, never beyond."""
    ground, most, _ = air.humidity
    spread = masses.moisture * 7.0 + masses.mass * 6.0 + masses.front * 7.0
    dry = _column(0.7 * ground + 0.3 * most, 0.3 * ground + 0.7 * most, most, most - 4.0) + _column(0.8, 1.0, 1.1, 1.1) * spread
    dry = dry + _column(7.0, 7.0, 5.0, 3.0) * storms.ahead - _column(2.0, 5.0, 12.0, 14.0) * storms.rear
    wet = (
        _column(0.6, 1.1, 1.8, 2.0) * (storms.updraught + 0.6 * storms.ridge)
        + _column(0.4, 0.6, 0.9, 1.1) * storms.sheet
        + _column(0.6, 0.4, 0.1, 0.0) * storms.pool
    )
    levels = 100.0 - (100.0 - np.clip(dry, 5.0, 98.0)) * np.exp(-np.float32(physics.moistening) * wet)
    dry = np.clip(ground + 0.7 * spread + 6.0 * storms.ahead, 10.0, 97.0)
    return levels, 100.0 - (100.0 - dry) * np.exp(-np.float32(physics.moistening) * (0.9 * storms.pool + 0.5 * storms.sheet + 0.3 * storms.updraught))


def _wind(world: World, air: Air, x: np.ndarray, y: np.ndarray, storms: Influence, physics: Physics) -> tuple[np.ndarray, np.ndarray]:
    """Wind (m s-1) at the levels: the flow, slower and backed towards the ground, with what storms draw in and send out."""
    bound = 1.0 / np.sqrt(1.0 + (x**2 + y**2) / FLOW_M**2)
    (along_x, across_x), (along_y, across_y) = world.gradient
    flow_u = world.velocity[0] + (along_x * x + across_x * y) * bound
    flow_v = world.velocity[1] + (along_y * x + across_y * y) * bound
    nearness = np.clip(1.0 - np.array(level_heights(world))[:, None] / STEERING_M, 0.0, 1.0)
    share, turn = 1.0 - (1.0 - air.surface_speed) * nearness, air.backing * nearness
    low_u, low_v = share * (flow_u * np.cos(turn) - flow_v * np.sin(turn)), share * (flow_u * np.sin(turn) + flow_v * np.cos(turn))
    inflow, outflow, eddy = physics.inflow * _column(1.0, 0.9, 0.5, 0.1), physics.cold_pool * _column(1.0, 0.5, 0.0, 0.0), _column(0.8, 0.9, 1.0, 1.0)
    u = flow_u + physics.shear * (low_u - flow_u) + inflow * storms.inflow_u + outflow * storms.outflow_u + eddy * storms.eddy_u
    v = flow_v + physics.shear * (low_v - flow_v) + inflow * storms.inflow_v + outflow * storms.outflow_v + eddy * storms.eddy_v
    return u, v


def _pressure(world: World, air: Air, x: np.ndarray, y: np.ndarray, masses: Masses, storms: Influence, change: np.ndarray) -> np.ndarray:
    """Pressure at sea level (Pa): it falls to the left of the flow, in fronts and ahead of lines, and is what the
    temperature of the air above makes it (hydrostatic): a cold pool is a small high."""
    speed = np.hypot(*world.velocity)
    left = (world.velocity[0] * y - world.velocity[1] * x) / speed
    tilt = -450.0 * np.tanh(left / 500e3)
    mean = temperature_at(world, 1000.0)
    weight = -air.pressure * GRAVITY / (GAS_CONSTANT * mean**2) * sum(depth * level for depth, level in zip(LAYERS_M, change, strict=True))
    return air.pressure + tilt - 120.0 * masses.front - 60.0 * storms.ahead + weight
