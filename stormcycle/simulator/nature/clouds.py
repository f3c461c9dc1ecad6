"""Clouds as a satellite meets them: their tops, what shines through them, and the ground below.

Anvils grow out of strong cells downwind, outlive them, and are wider than the rain; lines have one along their whole length.
Below lie towers, layers of rain and cumulus. What is returned is the one cloud that looks like all layers together.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.air import air_of, temperature_at
from stormcycle.simulator.nature.columns import NOISE, WARP_M, columns
from stormcycle.simulator.nature.influence import add_bells, fading, influence, raster_axis, read_raster
from stormcycle.simulator.nature.interpolation import BLOCK
from stormcycle.simulator.nature.masses import MASSES, masses_of
from stormcycle.simulator.nature.storms import cells, centres, line_coordinates, line_ends, line_vigour, lines, smooth_step, vigour
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World

SHOWN = {**MASSES, "upper air": range(5, 8)}
HIDDEN = {"warp x": NOISE["warp x"], "warp y": NOISE["warp y"], "cumulus": range(3), "cirrus": range(1, 5)}
ANVIL_LIFE_S = 5400.0
ANVIL_WARP = 2.5
"""Anvils are so much more ragged than rain."""
UPPER_WIND = 0.35
"""How much faster than the steering flow the wind is that carries anvils away."""
OVERSHOOT_M, OVERSHOOT_WIDTH_M, OVERSHOOT_LAPSE = 1500.0, 3500.0, 7.5e-3


@dataclass(frozen=True)
class Clouds:
    """Cloud top (m above the sea, 0 where it is clear), its temperature (K), emissivity at 10.3 um (0 to 1), temperature of
    the ground (K), relative humidity (%) of 300-500 hPa. float32 arrays of the shape asked."""

    top_m: np.ndarray
    top_temperature: np.ndarray
    emissivity: np.ndarray
    surface_temperature: np.ndarray
    upper_humidity: np.ndarray


def clouds(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> Clouds:
    """The clouds above points (projection coordinates in metres, any shape) at a time (seconds since 1970)."""
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    whole = np.empty((5, x.size), "float32")
    for first in range(0, x.size, BLOCK):
        block = slice(first, first + BLOCK)
        whole[:, block] = _block(world, seconds, x.ravel()[block], y.ravel()[block])
    return Clouds(*whole.reshape(5, *x.shape))


def cloud_top_temperature(world: World, top_m: np.ndarray) -> np.ndarray:
    """Temperature (K) of cloud tops: that of the air, but what overshoots the tropopause goes on cooling as it rises."""
    tropopause = air_of(world).tropopause_m
    return temperature_at(world, np.minimum(top_m, tropopause)) - np.float32(OVERSHOOT_LAPSE) * np.maximum(top_m - tropopause, 0.0).astype("float32")


def _block(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields of `Clouds` at points (n,)."""
    rain = columns(world, seconds, x, y)
    x, y = x - world.centre_m[0], y - world.centre_m[1]
    noise = textures(world, seconds, x, y, SHOWN, HIDDEN)
    masses, pool = masses_of(world, noise), influence(world, seconds, x, y).pool
    raster = _anvils(world, seconds)
    at_x, at_y = WARP_M * noise["warp x"], WARP_M * noise["warp y"]
    overshoot = read_raster(world, raster, x + at_x, y + at_y)[:, 2]
    opaque, height, _ = read_raster(world, raster, x + ANVIL_WARP * at_x, y + ANVIL_WARP * at_y).T
    layers = (
        (0.85 * smooth_step((0.8 * noise["cumulus"] + 0.6 * masses.moisture - 0.9) / 0.8) * (1.0 - pool), 2000.0 + 400.0 * noise["cumulus"]),
        (0.97 * smooth_step((rain.stratiform + 14.0) / 16.0), rain.stratiform_top),
        (smooth_step((rain.convective + 5.0) / 12.0), rain.convective_top),
        (0.99 * smooth_step(opaque * (1.15 + 0.2 * noise["cirrus"])), height / np.maximum(opaque, 1e-3) + overshoot + 120.0 * noise["cirrus"]),
    )
    emissivity, top = np.zeros(x.shape, "float32"), np.zeros(x.shape, "float32")
    for share, level in layers:
        # a layer hides what is below it as far as it is opaque
        top, emissivity = top * (1.0 - share) + share * level, emissivity * (1.0 - share) + share
    cloudy = emissivity > 0.02
    emissivity, top = np.where(cloudy, emissivity, 0.0), np.where(cloudy, top / np.maximum(emissivity, 1e-3), 0.0)
    ground = temperature_at(world, 0.0) + 3.0 + 2.4 * masses.mass + 1.5 * _land(world, x, y) - 6.0 * pool
    humidity = air_of(world).humidity[2] + 9.0 * noise["upper air"] + 6.0 * masses.mass + 55.0 * opaque
    return top, cloud_top_temperature(world, top), emissivity, ground, np.clip(humidity, 3.0, 100.0)


def _land(world: World, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What differs from place to place and does not move: the texture of a moment that never passes."""
    return textures(world, 0.0, x, y, shown={"land": range(1, 5)})["land"]


@lru_cache(maxsize=4)
def _anvils(world: World, seconds: float) -> np.ndarray:
    """On the raster (nodes, 3): opacity of anvils (0 to 1), the same times their height (m), overshoot above it (m)."""
    axis, tropopause = raster_axis(world), air_of(world).tropopause_m
    clear, weights, heights, overshoot = np.ones((4, len(axis), len(axis))) * np.array([1.0, 1e-9, 0.0, 0.0])[:, None, None]

    def put(part: tuple[slice, ...], opacity: np.ndarray, height: np.ndarray | float) -> None:
        weight = opacity * np.exp((height - tropopause) / 700.0)  # the higher one is seen
        clear[part] *= 1.0 - opacity
        weights[part] += weight
        heights[part] += weight * height

    known = cells(world, seconds, ANVIL_LIFE_S)
    lived = seconds - known.birth
    grown, dead = np.maximum(lived - 0.3 * known.life, 0.0), np.maximum(lived - known.life, 0.0)
    x, y = centres(world, known, seconds)
    x, y = x + UPPER_WIND * world.velocity[0] * grown, y + UPPER_WIND * world.velocity[1] * grown
    radius = 4e3 + 22e3 * known.strong * (1.0 - np.exp(-grown / 2400.0))
    dense = 0.95 * smooth_step((known.top - 7500.0) / 2500.0) * smooth_step(grown / 1200.0) * (1.0 - smooth_step(dead / ANVIL_LIFE_S))
    for i in np.flatnonzero(dense > 0):
        part = tuple(slice(*np.searchsorted(axis, (centre - 1.25 * radius[i], centre + 1.25 * radius[i]))) for centre in (y[i], x[i]))
        distance = np.hypot(axis[part[0]][:, None] - y[i], axis[part[1]][None, :] - x[i]) / radius[i]
        put(part, dense[i] * smooth_step((1.25 - distance) / 0.9), np.minimum(0.93 * known.top[i], tropopause + 300.0) - 400.0 * distance**2)
    for line in lines(world, seconds):
        ahead, along = line_coordinates(world, line, seconds, *np.meshgrid(axis, axis))
        behind = np.maximum(-ahead, 0.0) / line.trailing_m
        opacity = np.sqrt(line_vigour(line, seconds)) * smooth_step((45e3 - ahead) / 35e3) * (1.0 - smooth_step((behind - 1.2) / 0.9))
        put((slice(None), slice(None)), 0.95 * opacity * line_ends(line, along), tropopause - 700.0 - 2500.0 * smooth_step(behind / 2.0))

    alive = np.clip(lived / known.life, 0.0, 1.0)
    rising = OVERSHOOT_M * known.strong * smooth_step((vigour(alive) - 0.6) / 0.3) * smooth_step((known.top - 9000.0) / 2000.0)
    add_bells(overshoot, axis, *centres(world, known, seconds), rising, np.full(len(x), OVERSHOOT_WIDTH_M))
    opaque = (1.0 - clear) * fading(world)
    return np.stack([field.ravel() for field in (opaque, opaque * heights / weights, np.minimum(overshoot, 2000.0))], axis=1).astype("float32")
