"""Where the air is moist, where it is warm, and where masses of air meet: what storms take advantage of, and what the state shows."""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World

MASSES = {"moisture": range(3, 6), "air mass": range(6, 8)}
"""Textures of the world's seed: the state shows them. Moisture has waves of 32-256 km, masses of air 256 km to 1000 km."""


@dataclass(frozen=True)
class Masses:
    """float32 arrays of one shape: moisture (mean 0, deviation 1), mass of air (-1 cold and dry, 1 warm and moist), front (0
    within a mass, 1 where two meet)."""

    moisture: np.ndarray
    mass: np.ndarray
    front: np.ndarray


def masses(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> Masses:
    """The masses of air at points (metres from the centre; any shape) at a time."""
    return masses_of(world, textures(world, seconds, x, y, shown=MASSES))


def masses_of(world: World, noise: dict[str, np.ndarray]) -> Masses:
    """Masses of air from their textures. A front is where a large-scale texture changes its sign, which sharpening makes narrow."""
    mass = np.tanh(world.sharpness * noise["air mass"])
    return Masses(noise["moisture"], mass, 1.0 - mass**2)
