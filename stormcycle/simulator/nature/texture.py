"""Small-scale texture: power-law noise that drifts with the flow and slowly turns into other noise.

As in the STEPS model (Seed, 2003, J. Appl. Meteor. 42, 381-388; Bowler, Pierce and Seed, 2006, QJRMS 132, 2127-2155) the
noise is a cascade of scales, of which the small ones live minutes and the large ones hours. STEPS steps forward in
time; here every scale has generations, each anchored to the flow at its own time and faded in and out, so that any
time can be had alone.

What several purposes share is done once: an octave lives as long and lies as wide for all of them, so a point's place in
its tiles is found once and all tiles are read there together.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.interpolation import BLOCK, bilinear, floor_and_rest
from stormcycle.simulator.nature.world import World, carried, generator

TILE = 256
SAMPLES_A_WAVE = 8
SHORTEST_M = 4e3
SHORTEST_LIFE_S = 1500.0
FIRST_LONG_OCTAVE, ELONGATION = 3, 2.0
"""From this octave on structures are so much longer along the flow than across it, as fronts and bands of rain lie along the
thermal wind, which the flow above follows."""
NONE: Mapping[str, range] = {}


def textures(
    world: World, seconds: float, x: np.ndarray, y: np.ndarray, shown: Mapping[str, range] = NONE, hidden: Mapping[str, range] = NONE
) -> dict[str, np.ndarray]:
    """Textures (purpose -> float32 array) at points (metres from the centre; any shape), each of mean 0 and deviation 1.

    `shown` ones belong to the world's seed, `hidden` ones to its noise: they differ between worlds of the same state.
    Each is asked with its octaves. Octave k holds wavelengths of 4-8 km times 2^k and lives 25 min times 2^(0.8 k) (larger
    lives longer, as in STEPS); power falls with the 2.8th power of the wave number in the plane, as rain fields of
    4-250 km do (Seed, 2003).
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    wanted = {name: (seed, octaves) for seed, group in ((world.seed, shown), (world.noise_seed, hidden)) for name, octaves in group.items()}
    amplitudes = {name: {octave: 2.0 ** (0.4 * octave) for octave in octaves} for name, (_, octaves) in wanted.items()}
    norms = {name: np.sqrt(sum(value**2 for value in of.values())) for name, of in amplitudes.items()}
    totals = {name: np.zeros(x.size, "float32") for name in wanted}
    flat_x, flat_y = x.ravel(), y.ravel()
    for octave in sorted({octave for of in amplitudes.values() for octave in of}):
        names = [name for name in wanted if octave in amplitudes[name]]
        generations = _generations(tuple((wanted[name][0], name) for name in names), octave, seconds)
        scale = np.array([amplitudes[name][octave] / norms[name] for name in names], "float32")
        for first in range(0, x.size, BLOCK):
            block = slice(first, first + BLOCK)
            noise = scale * sum(weight * _read(world, tiles, octave, age, flat_x[block], flat_y[block]) for age, weight, tiles in generations)
            for column, name in enumerate(names):
                totals[name][block] += noise[:, column]
    return {name: total.reshape(x.shape) for name, total in totals.items()}


@lru_cache(maxsize=128)
def _tile(seed: int, purpose: str, octave: int, generation: int) -> np.ndarray:
    """Periodic noise (TILE, TILE) of one octave: wavelengths 1 to 2 times SAMPLES_A_WAVE pixels, mean 0, deviation 1."""
    spectrum = np.fft.rfft2(generator(seed, purpose, octave, generation).standard_normal((TILE, TILE)))
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]) * SAMPLES_A_WAVE
    with np.errstate(divide="ignore"):
        spectrum *= np.exp(-2.0 * (np.log2(frequency) + 0.5) ** 2)
    noise = np.fft.irfft2(spectrum, s=(TILE, TILE))
    return (noise / noise.std()).astype("float32")


@lru_cache(maxsize=64)
def _tiles(purposes: tuple[tuple[int, str], ...], octave: int, generation: int) -> np.ndarray:
    """The tiles of several (seed, purpose), one a column, one row a pixel; one more row and column close the period."""
    tiles = [_tile(seed, purpose, octave, generation) for seed, purpose in purposes]
    return np.stack([np.pad(tile, (0, 1), mode="wrap").ravel() for tile in tiles], axis=1)


def _generations(purposes: tuple[tuple[int, str], ...], octave: int, seconds: float) -> list[tuple[float, np.float32, np.ndarray]]:
    """The two generations of an octave alive at a time: age, weight and tiles. The squares of the weights sum to one."""
    life = SHORTEST_LIFE_S * 2.0 ** (0.8 * octave)
    first = int(np.floor(seconds / life))
    ages = [(seconds - generation * life, generation) for generation in (first, first + 1)]
    return [(age, np.float32(np.cos(np.pi / 2 * age / life)), _tiles(purposes, octave, generation)) for age, generation in ages]


def _read(world: World, tiles: np.ndarray, octave: int, age: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the flow has brought to points (n,) from tiles of an age: (n, purposes)."""
    spacing = SHORTEST_M * 2.0**octave / SAMPLES_A_WAVE
    at_x, at_y = carried(world, x, y, -age)
    if octave >= FIRST_LONG_OCTAVE:
        speed = math.hypot(*world.velocity)
        u, v = world.velocity[0] / speed, world.velocity[1] / speed
        at_x, at_y = (u * at_x + v * at_y) / ELONGATION, u * at_y - v * at_x
    (low_x, right), (low_y, down) = floor_and_rest(at_x / spacing), floor_and_rest(at_y / spacing)
    return bilinear((low_x & TILE - 1, low_y & TILE - 1), (right, down), (TILE + 1, TILE + 1)) @ tiles
