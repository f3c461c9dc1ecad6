"""What stays the same in a world: its flow, its freezing level, and where its random numbers come from."""

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from scipy.linalg import expm

from stormcycle.domain import Domain
from stormcycle.times import Time


@dataclass(frozen=True)
class World:
    """A world: positions are metres from the domain's centre (x east, y north of the projection), times seconds since 1970.

    The flow is linear, v(x) = velocity + gradient x, so that its trajectories are known exactly for any span of time.
    `sharpness` tells how narrow the fronts between masses of air are. `noise_seed` is the seed of what the state of the air
    does not show: worlds that differ in it alone have the same state and the same storms, but another texture of the rain.
    """

    seed: int
    centre_m: tuple[float, float]
    reach_m: float
    velocity: tuple[float, float]
    gradient: tuple[tuple[float, float], tuple[float, float]]
    freezing_level_m: float
    sharpness: float
    noise_seed: int


def generator(seed: int, purpose: str, *indices: int) -> np.random.Generator:
    """The random numbers of one purpose and index of a seed: independent of all others and of the order of asking."""
    return np.random.default_rng(np.random.SeedSequence([seed % 2**64, crc32(purpose.encode()), *(index % 2**32 for index in indices)]))


def seconds_of(time: Time) -> float:
    """A UTC time as seconds since 1970, the clock of a world."""
    return float(time.astype("datetime64[s]").astype("int64"))


def world_of(domain: Domain, seed: int) -> World:
    """The world of a domain and a seed: weather for its grid and 60 km around it (radars also see what lies outside).

    The mean flow is 7-16 m/s from the south-west to north-west, with 1-3 m/s of rotation and shear over 100 km.
    """
    random = generator(seed, "world")
    speed, heading = random.uniform(7.0, 16.0), np.radians(random.uniform(-35.0, 50.0))
    vorticity, shear, stretch = random.uniform(-2e-5, 2e-5, 3)
    rows, columns = domain.grid.shape
    return World(
        seed=seed,
        centre_m=domain.grid.centre_m,
        reach_m=max(rows, columns) * domain.grid.resolution_m / 2 + 60e3,
        velocity=(float(speed * np.cos(heading)), float(speed * np.sin(heading))),
        gradient=((float(stretch / 2), float(shear - vorticity)), (float(shear + vorticity), float(-stretch / 2))),
        freezing_level_m=float(random.uniform(3200.0, 4000.0)),
        sharpness=float(random.uniform(1.2, 3.0)),
        noise_seed=seed,
    )


def carried(world: World, x: np.ndarray, y: np.ndarray, seconds: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Where the flow carries points (metres from the centre) in so many seconds (a float, or one a point); negative ones lead back upstream.

    Exact: the matrix exponential of the flow written in homogeneous coordinates.
    """
    step = _flow(world, seconds) if isinstance(seconds, float) else _flows(world, np.asarray(seconds))
    return step[..., 0, 0] * x + step[..., 0, 1] * y + step[..., 0, 2], step[..., 1, 0] * x + step[..., 1, 1] * y + step[..., 1, 2]


def _flows(world: World, seconds: np.ndarray) -> np.ndarray:
    rate = np.zeros((3, 3))
    rate[:2, :2], rate[:2, 2] = world.gradient, world.velocity
    return expm(rate * seconds[..., None, None])


@lru_cache(maxsize=256)
def _flow(world: World, seconds: float) -> np.ndarray:
    """The same for one span, which is asked for again and again, block by block."""
    return _flows(world, np.asarray(seconds))
