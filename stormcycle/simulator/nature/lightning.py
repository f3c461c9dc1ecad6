"""Lightning: flashes in the strong part of every cell's life, as many as its height makes likely."""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.columns import NOISE, WARP_M
from stormcycle.simulator.nature.storms import Cells, cells_of, centres, parents, vigour
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World, generator

STEPS = 48
MINUTE_S = 60.0


@dataclass(frozen=True)
class Flashes:
    """Flashes sorted by time: seconds since 1970, place (projection coordinates, m), greatest extent (m), optical energy
    that reaches the imager (J). float64 (n,) each."""

    seconds: np.ndarray
    x: np.ndarray
    y: np.ndarray
    extent_m: np.ndarray
    energy_j: np.ndarray


def flashes(world: World, start_seconds: float, end_seconds: float) -> Flashes:
    """The flashes of [start, end) in seconds since 1970: the same ones whatever the span they are asked in."""
    parts = [_flashes(world, purpose, index) for purpose, index in parents(world, start_seconds, end_seconds)]
    together = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Flashes)}
    kept = np.flatnonzero((together["seconds"] >= start_seconds) & (together["seconds"] < end_seconds))
    order = kept[np.argsort(together["seconds"][kept], kind="stable")]
    chosen = {name: values[order] for name, values in together.items()}
    return Flashes(**{**chosen, **_warped(world, chosen["seconds"], chosen["x"], chosen["y"])})


def _warped(world: World, seconds: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Places (metres from the centre) moved to where turbulence has bent the rain of their cells, in projection coordinates.

    The warp is that of the minute: the inverse of what `columns` does, to some hundred metres.
    """
    at_x, at_y = x.copy(), y.copy()
    for minute in np.unique(seconds // MINUTE_S):
        now = np.flatnonzero(seconds // MINUTE_S == minute)
        for _ in range(2):
            noise = textures(world, (minute + 0.5) * MINUTE_S, at_x[now], at_y[now], hidden={name: NOISE[name] for name in ("warp x", "warp y")})
            at_x[now], at_y[now] = x[now] - WARP_M * noise["warp x"], y[now] - WARP_M * noise["warp y"]
    return {"x": at_x + world.centre_m[0], "y": at_y + world.centre_m[1]}


def flash_rate(top_m: np.ndarray) -> np.ndarray:
    """Flashes a minute of a continental cell whose top is so high: Price and Rind (1992), J. Geophys. Res. 97(D9), 9919-9933."""
    return 3.44e-5 * (np.asarray(top_m) / 1000.0) ** 4.9


@lru_cache(maxsize=64)
def _flashes(world: World, purpose: str, index: int) -> Flashes:
    """All flashes that the cells of one line or one epoch of showers ever make, in metres from the centre, not warped."""
    random = generator(world.seed, f"flashes of {purpose}", index)
    born = cells_of(world, purpose, index)
    # the chance over a cell's life, in steps; ice makes charge, so nothing flashes below 8 km
    age = (np.arange(STEPS) + 0.5) / STEPS
    strong = vigour(age)[None, :]
    top = 4500.0 + (born.top[:, None] - 4500.0) * strong
    expected = np.where(top > 8000.0, flash_rate(top), 0.0) * born.life[:, None] / 60.0 / STEPS
    count = random.poisson(expected)
    cell, step = np.nonzero(count)
    times = count[cell, step]
    cell, step = np.repeat(cell, times), np.repeat(step, times)
    when = born.birth[cell] + (step + random.uniform(0.0, 1.0, len(cell))) / STEPS * born.life[cell]
    one = Cells(**{field.name: getattr(born, field.name)[cell] for field in fields(Cells)})
    x, y = centres(world, one, when)
    scatter = random.normal(0.0, 0.8, (2, len(cell))) * one.radius
    extent = np.clip(np.exp(random.normal(np.log(11e3), 0.55, len(cell))), 2e3, 150e3)
    energy = np.exp(random.normal(np.log(2.2e-13), 1.0, len(cell))) * (extent / 11e3) ** 1.3
    return Flashes(when, x + scatter[0], y + scatter[1], extent, energy)
