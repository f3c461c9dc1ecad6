"""What storms do to the air around them: updraughts, cold pools, the wind that feeds them and that they send out.

It is smooth, so it is worked out once for a time on a raster that covers the world's reach, and read there at any points.
The raster shows no texture of the rain and no warp of its outlines: the state knows less than a radar sees.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.interpolation import bilinear, floor_and_rest
from stormcycle.simulator.nature.masses import masses
from stormcycle.simulator.nature.storms import cells, centres, line_coordinates, line_ends, line_sheet, line_vigour, lines, smooth_step
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World

SPACING_M = 2000.0
EDGE_M = 50e3
"""Over so much at the rim of the raster influence fades to nothing, which it is beyond."""
FAR_M = 80e3
"""Winds of storms die out over this distance."""
UPDRAUGHT_M = 4500.0
POOL_LIFE_S = 3600.0
POOL_START_M, POOL_SPEED, POOL_CHILL = 5000.0, 2.0, 1.2
CELL_CONVERGENCE, LINE_CONVERGENCE, FRONT_CONVERGENCE = 1.1e-3, 4e-4, 4e-5
"""Convergence (s-1) near the ground below a strong cell, a strong line's ridge and a front."""
CELL_DIVERGENCE = 6e-4
GUST = 6.0
SWIRL = 3e4
SWIRL_OCTAVES = range(4, 7)


@dataclass(frozen=True)
class Influence:
    """Float32 arrays of one shape. Without unit: updraughts of cells (1 is a strong one, several add up), ridges of lines,
    cold pools (0 to 1), rain sheets, warm air ahead of lines, dry air in their rear. Winds (m s-1) that feed storms, that
    cold pools send out, and of eddies, each along x and y."""

    updraught: np.ndarray
    ridge: np.ndarray
    pool: np.ndarray
    sheet: np.ndarray
    ahead: np.ndarray
    rear: np.ndarray
    inflow_u: np.ndarray
    inflow_v: np.ndarray
    outflow_u: np.ndarray
    outflow_v: np.ndarray
    eddy_u: np.ndarray
    eddy_v: np.ndarray


def influence(world: World, seconds: float, x: np.ndarray, y: np.ndarray, missed_share: float = 0.0, missed_seed: int = 0) -> Influence:
    """The influence of storms at points (n,) (metres from the centre), without the share of cells that is missed."""
    return Influence(*read_raster(world, _raster(world, seconds, missed_share, missed_seed), x, y).T)


def raster_axis(world: World) -> np.ndarray:
    """Places (m from the centre) of the raster's rows and of its columns."""
    half = np.ceil((world.reach_m + EDGE_M) / SPACING_M) * SPACING_M
    return np.arange(-half, half + SPACING_M / 2, SPACING_M)


def read_raster(world: World, raster: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fields (nodes, fields) of a raster at points (n,): (n, fields). Beyond the raster it is what its rim is: nothing."""
    axis = raster_axis(world)
    (low_x, right), (low_y, down) = (floor_and_rest(np.clip((place - axis[0]) / SPACING_M, 0.0, len(axis) - 1.001)) for place in (x, y))
    return bilinear((low_x, low_y), (right, down), (len(axis), len(axis))) @ raster


def fading(world: World) -> np.ndarray:
    """1 within a raster, falling smoothly to 0 before its rim (rows, columns)."""
    axis = raster_axis(world)
    along = smooth_step((axis[-3] - np.abs(axis)) / EDGE_M)
    return along[:, None] * along[None, :]


def add_bells(field: np.ndarray, axis: np.ndarray, x: np.ndarray, y: np.ndarray, height: np.ndarray, width: np.ndarray) -> None:
    """Add Gaussian bells of heights and widths (standard deviations, m) at places to a raster (rows, columns), in place."""
    for i in range(len(x)):
        columns, rows = (slice(*np.searchsorted(axis, (centre - 3.5 * width[i], centre + 3.5 * width[i]))) for centre in (x[i], y[i]))
        along_x, along_y = (np.exp(-0.5 * ((axis[part] - centre) / width[i]) ** 2) for part, centre in ((columns, x[i]), (rows, y[i])))
        field[rows, columns] += height[i] * along_y[:, None] * along_x[None, :]


@lru_cache(maxsize=8)
def _raster(world: World, seconds: float, missed_share: float, missed_seed: int) -> np.ndarray:
    """All fields of `Influence` on the raster: (nodes, fields)."""
    axis, fade = raster_axis(world), fading(world)
    x, y = np.meshgrid(axis, axis)
    updraught, chill, spread = _cells(world, seconds, axis, missed_share, missed_seed)
    ridge, cold, sheet, ahead, rear, gust_u, gust_v = _lines(world, seconds, x, y)
    front = masses(world, seconds, x, y).front
    convergence = CELL_CONVERGENCE * updraught + LINE_CONVERGENCE * ridge + FRONT_CONVERGENCE * (front - front.mean())
    inflow_u, inflow_v = irrotational(-convergence * fade)
    spread_u, spread_v = irrotational(spread * fade)
    # a wind of eddies is along the contours of a stream function, and has no divergence
    stream = SWIRL * fade * textures(world, seconds, x, y, shown={"stream": SWIRL_OCTAVES})["stream"]
    along_y, along_x = np.gradient(stream, SPACING_M)
    marks = (updraught, ridge, 1.0 - np.exp(-chill - cold), sheet, ahead, rear, inflow_u, inflow_v, spread_u + gust_u, spread_v + gust_v)
    return np.stack([*((fade * mark).ravel() for mark in marks), -along_y.ravel(), along_x.ravel()], axis=1).astype("float32")


def _cells(world: World, seconds: float, axis: np.ndarray, missed_share: float, missed_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Updraughts of cells, their cold pools, and the divergence (s-1) of these, on the raster."""
    known = cells(world, seconds, POOL_LIFE_S, missed_share, missed_seed)
    x, y = centres(world, known, seconds)
    age, dead = (seconds - known.birth) / known.life, np.maximum(seconds - known.birth - known.life, 0.0)
    strong = 0.25 + 0.75 * known.strong
    # rising air comes first; rain cools the air below later, and the cold air spreads and outlives its cell
    rising = strong * np.sin(np.pi * np.clip(age / 0.8, 0.0, 1.0))
    chilled = strong * smooth_step((age - 0.3) / 0.5) * (1.0 - smooth_step(dead / POOL_LIFE_S))
    width = POOL_START_M + POOL_SPEED * np.maximum(seconds - known.birth - 0.4 * known.life, 0.0)
    updraught, chill, spread = (np.zeros((len(axis), len(axis))) for _ in range(3))
    add_bells(updraught, axis, x, y, rising, np.full(len(x), UPDRAUGHT_M))
    add_bells(chill, axis, x, y, POOL_CHILL * chilled * (POOL_START_M / width), width)
    add_bells(spread, axis, x, y, CELL_DIVERGENCE * chilled * (POOL_START_M / width) ** 2, width)
    return updraught, chill, spread


def _lines(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Ridges, cold pools, sheets, warm air ahead and dry air in the rear of lines, and the gusts (m s-1, two parts) behind them."""
    parts = np.zeros((7, *x.shape))
    for line in lines(world, seconds):
        ahead, along = line_coordinates(world, line, seconds, x, y)
        behind = np.maximum(-ahead, 0.0)
        # the state tells as much of a line as there is rain: a dying one has left little
        strong = smooth_step((line_vigour(line, seconds) * line_ends(line, along) - 0.3) / 0.6)
        cold = 1.5 * strong * smooth_step((4000.0 - ahead) / 8000.0) * np.exp(-behind / 80e3)
        gust = GUST * strong * smooth_step((5000.0 - ahead) / 8000.0) * np.exp(-behind / 40e3)
        parts += (
            strong * np.exp(-(((ahead - 1000.0) / 6000.0) ** 2)),
            cold,
            strong * line_sheet(line, ahead),
            strong * smooth_step(ahead / 8000.0) * np.exp(-np.maximum(ahead, 0.0) / 70e3),
            strong * np.exp(-(((behind - 1.4 * line.trailing_m) / (0.5 * line.trailing_m)) ** 2)),
            gust * np.cos(line.normal),
            gust * np.sin(line.normal),
        )
    return tuple(parts)


def irrotational(divergence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The wind (m s-1 along x and y) without rotation that has a divergence (s-1) on the raster, and dies out over FAR_M."""
    rows, columns = divergence.shape
    along_y, along_x = 2 * np.pi * np.fft.fftfreq(rows, SPACING_M)[:, None], 2 * np.pi * np.fft.rfftfreq(columns, SPACING_M)[None, :]
    potential = -np.fft.rfft2(divergence) / (along_x**2 + along_y**2 + FAR_M**-2)
    return np.fft.irfft2(1j * along_x * potential, divergence.shape), np.fft.irfft2(1j * along_y * potential, divergence.shape)
