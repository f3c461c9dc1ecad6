"""The air column above any point at any time: how strong its convective and its stratiform rain are, and how high."""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.interpolation import BLOCK
from stormcycle.simulator.nature.masses import MASSES, masses_of
from stormcycle.simulator.nature.storms import Cells, Line, cells, centres, line_coordinates, line_ends, line_sheet, line_vigour, lines, vigour
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World

CORE_DB = 9.0
NEPERS = np.float32(np.log(10.0) / 10.0)
STRONGEST_DBZ = 58.0
STRONGEST_FRONTAL_DBZ = 36.0
MOIST_SHARE, HIDDEN_SHARE = 0.6, 0.8
"""Of the broad texture of rain, what the state shows as moisture, and what it does not (their squares sum to one)."""
NOTHING_DBZ = -18.0
WARP_M = 2200.0
NOISE = {"warp x": range(1, 5), "warp y": range(1, 5), "rain": range(7), "fine": range(3)}


@dataclass(frozen=True)
class Columns:
    """Columns of air, float32 arrays of one shape: greatest convective and stratiform reflectivity (dBZ; below -10 is
    nothing worth having) and their echo tops (m above the sea)."""

    convective: np.ndarray
    convective_top: np.ndarray
    stratiform: np.ndarray
    stratiform_top: np.ndarray


def linear(dbz: np.ndarray) -> np.ndarray:
    """Reflectivity factor (mm6 m-3) of dBZ."""
    return np.exp(NEPERS * dbz, dtype="float32")


def decibels(power: np.ndarray) -> np.ndarray:
    """dBZ of a reflectivity factor (mm6 m-3); nothing becomes -60 dBZ."""
    return (10.0 * np.log10(np.maximum(power, 1e-6))).astype("float32")


def columns(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> Columns:
    """The columns above points (projection coordinates in metres, any shape) at a time (seconds since 1970)."""
    x, y = np.asarray(x, "float64") - world.centre_m[0], np.asarray(y, "float64") - world.centre_m[1]
    alive, strips = cells(world, seconds), lines(world, seconds)
    whole = np.empty((4, x.size), "float32")
    for first in range(0, x.size, BLOCK):
        block = slice(first, first + BLOCK)
        whole[:, block] = _block(world, alive, strips, seconds, x.ravel()[block], y.ravel()[block])
    return Columns(*whole.reshape(4, *x.shape))


def _block(world: World, alive: Cells, strips: list[Line], seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields of `Columns` at points (metres from the centre)."""
    noise = textures(world, seconds, x, y, shown=MASSES, hidden=NOISE)
    air = masses_of(world, noise)
    # Turbulence bends every outline by a few kilometres, so that no cell is an ellipse and no line is smooth.
    warped_x, warped_y = (x + WARP_M * noise["warp x"]).astype("float32"), (y + WARP_M * noise["warp y"]).astype("float32")
    broad, fine = MOIST_SHARE * air.moisture + HIDDEN_SHARE * noise["rain"], noise["fine"]
    convective, top = _convective(alive, world, seconds, warped_x, warped_y)
    ridge, sheet = _line_rain(world, strips, seconds, warped_x, warped_y, broad, fine)
    convective += 3.0 * fine
    # What a line's ridge has between its cells is shallow convection.
    both = decibels(linear(convective) + linear(ridge))
    share = linear(ridge) / (linear(convective) + linear(ridge) + 1e-9)
    frontal = _capped(-25.0 + 15.0 * broad + 23.0 * air.front + 3.5 * fine, STRONGEST_FRONTAL_DBZ, 6.0)
    stratiform = decibels(linear(sheet) + linear(frontal))
    return _capped(both, STRONGEST_DBZ, 3.0), top * (1 - share) + 7000.0 * share, stratiform, 7200.0 + 900.0 * broad


def _capped(dbz: np.ndarray, strongest: float, softness: float) -> np.ndarray:
    """Smoothly below a strongest: where cells merge, rain does not add up without end."""
    soft = np.float32(softness)
    return dbz - soft * np.logaddexp(np.float32(0.0), (dbz - np.float32(strongest)) / soft)


def _convective(alive: Cells, world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (dBZ) of all cells together and their echo top, weighted by what each adds.

    A cell is a hybrid of a Gaussian core and an exponential skirt, as rain cells are (Feral et al., 2003, Radio Science
    38(3), 1053: the HYCELL model).
    """
    power, weighted_top = np.zeros(x.shape, "float32"), np.zeros(x.shape, "float32")
    strong = vigour((seconds - alive.birth) / alive.life)
    centre_x, centre_y = centres(world, alive, seconds)
    peak = NOTHING_DBZ + (alive.peak - NOTHING_DBZ) * strong
    radius = alive.radius * (0.6 + 0.4 * strong)
    # beyond this distance a cell is below NOTHING_DBZ
    reach = radius * np.sqrt(alive.elongation) * np.sqrt(((peak - NOTHING_DBZ) / CORE_DB + 1.0) ** 2 - 1.0)
    touching = (centre_x + reach > x.min()) & (centre_x - reach < x.max()) & (centre_y + reach > y.min()) & (centre_y - reach < y.max())
    for i in np.flatnonzero(touching):
        near = np.flatnonzero((np.abs(x - np.float32(centre_x[i])) < reach[i]) & (np.abs(y - np.float32(centre_y[i])) < reach[i]))
        if not near.size:
            continue
        dx, dy = x[near] - np.float32(centre_x[i]), y[near] - np.float32(centre_y[i])
        cos, sin = np.float32(np.cos(alive.direction[i]) / radius[i]), np.float32(np.sin(alive.direction[i]) / radius[i])
        long = np.float32(np.sqrt(alive.elongation[i]))
        distance2 = ((dx * cos + dy * sin) / long) ** 2 + ((dy * cos - dx * sin) * long) ** 2
        share = linear(np.float32(peak[i]) - np.float32(CORE_DB) * (np.sqrt(1.0 + distance2) - 1.0))
        power[near] += share
        weighted_top[near] += share * np.float32(4500.0 + (alive.top[i] - 4500.0) * strong[i])
    return decibels(power), weighted_top / np.maximum(power, 1e-6)


def _line_rain(
    world: World, alive: list[Line], seconds: float, x: np.ndarray, y: np.ndarray, broad: np.ndarray, fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (dBZ) of the lines' narrow ridges and of the stratiform sheets that trail behind them."""
    ridge, sheet = np.zeros(x.shape, "float32"), np.zeros(x.shape, "float32")
    for line in alive:
        ahead, along = line_coordinates(world, line, seconds, x, y)
        strong = line_vigour(line, seconds)
        ends = line_ends(line, along)
        depth = np.where(ahead > 0, ahead / 2500.0, ahead / 7000.0)
        ridge += linear(-10.0 + 48.0 * strong * ends - 8.0 * (np.sqrt(1.0 + depth**2) - 1.0) + 3.0 * broad + 4.5 * fine)
        sheet += linear(-28.0 + 54.5 * np.sqrt(strong) * ends * line_sheet(line, ahead) + 7.5 * broad + 3.0 * fine)
    return decibels(ridge), decibels(sheet)
