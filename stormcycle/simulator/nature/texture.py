"""Small-scale texture: power-law noise that drifts with the flow and slowly turns into other noise.

As in the STEPS model (Seed, 2003, J. Appl. Meteor. 42, 381-388; Bowler, Pierce and Seed, 2006, QJRMS 132, 2127-2155) the
noise is a cascade of scales, of which the small ones live minutes and the large ones hours. STEPS steps forward in
time; here every scale has generations, each anchored to the flow at its own time and faded in and out, so that any
time can be had alone.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates

from stormcycle.simulator.nature.world import World, carried, generator

TILE = 256
SAMPLES_A_WAVE = 8
SHORTEST_M = 4e3
SHORTEST_LIFE_S = 1500.0


@lru_cache(maxsize=256)
def _tile(seed: int, purpose: str, octave: int, generation: int) -> np.ndarray:
    """Periodic noise (TILE, TILE) of one octave: wavelengths 1 to 2 times SAMPLES_A_WAVE pixels, mean 0, deviation 1."""
    spectrum = np.fft.rfft2(generator(seed, purpose, octave, generation).standard_normal((TILE, TILE)))
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]) * SAMPLES_A_WAVE
    with np.errstate(divide="ignore"):
        spectrum *= np.exp(-2.0 * (np.log2(frequency) + 0.5) ** 2)
    noise = np.fft.irfft2(spectrum, s=(TILE, TILE))
    return (noise / noise.std()).astype("float32")


def _octave(world: World, purpose: str, octave: int, seconds: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One octave at points: the two generations alive at the time, whose squared weights sum to one."""
    life, spacing = SHORTEST_LIFE_S * 2.0 ** (0.8 * octave), SHORTEST_M * 2.0**octave / SAMPLES_A_WAVE
    total = np.zeros(x.shape, "float32")
    first = int(np.floor(seconds / life))
    for generation in (first, first + 1):
        age = seconds - generation * life
        at_x, at_y = carried(world, x, y, -age)
        weight = np.cos(np.pi / 2 * age / life)
        total += weight * map_coordinates(_tile(world.seed, purpose, octave, generation), (at_y / spacing, at_x / spacing), order=1, mode="grid-wrap")
    return total


def texture(world: World, purpose: str, seconds: float, x: np.ndarray, y: np.ndarray, octaves: range = range(7)) -> np.ndarray:
    """Texture at points (metres from the centre; any shape), mean 0, deviation 1.

    Octave k holds wavelengths of 4-8 km times 2^k and lives 25 min times 2^(0.8 k) (larger lives longer, as in STEPS);
    power falls with the 2.8th power of the wave number in the plane, as rain fields of 4-250 km do (Seed, 2003).
    """
    amplitudes = {octave: 2.0 ** (0.4 * octave) for octave in octaves}
    norm = np.sqrt(sum(amplitude**2 for amplitude in amplitudes.values()))
    total = np.zeros(x.shape, "float32")
    for octave, amplitude in amplitudes.items():
        total += np.float32(amplitude / norm) * _octave(world, purpose, octave, seconds, x, y)
    return total
