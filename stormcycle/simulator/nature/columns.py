"""The air column above any point at any time: how strong its convective and its stratiform rain are, and how high."""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.storms import Cells, Line, cells, line_coordinates, line_vigour, lines
from stormcycle.simulator.nature.texture import texture
from stormcycle.simulator.nature.world import World, carried

CORE_DB = 9.0
STRONGEST_DBZ = 58.0
NOTHING_DBZ = -18.0
WARP_M = 2200.0


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
    return np.power(10.0, 0.1 * dbz, dtype="float32")


def decibels(power: np.ndarray) -> np.ndarray:
    """dBZ of a reflectivity factor (mm6 m-3); nothing becomes -60 dBZ."""
    return (10.0 * np.log10(np.maximum(power, 1e-6))).astype("float32")


def columns(world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> Columns:
    """The columns above points (projection coordinates in metres, any shape) at a time (seconds since 1970)."""
    x, y = np.asarray(x, "float64") - world.centre_m[0], np.asarray(y, "float64") - world.centre_m[1]
    # Turbulence bends every outline by a few kilometres, so that no cell is an ellipse and no line is smooth.
    warped_x = x + WARP_M * texture(world, "warp x", seconds, x, y, range(1, 5))
    warped_y = y + WARP_M * texture(world, "warp y", seconds, x, y, range(1, 5))
    broad, fine = texture(world, "rain", seconds, x, y), texture(world, "fine", seconds, x, y, range(3))
    convective, top = _convective(cells(world, seconds), world, seconds, warped_x, warped_y)
    ridge, sheet = _line_rain(world, lines(world, seconds), seconds, warped_x, warped_y, broad, fine)
    convective += 2.5 * fine
    # What a line's ridge has between its cells is shallow convection.
    both = decibels(linear(convective) + linear(ridge))
    share = linear(ridge) / (linear(convective) + linear(ridge) + 1e-9)
    return Columns(
        convective=_capped(both),
        convective_top=(top * (1 - share) + 7000.0 * share).astype("float32"),
        stratiform=decibels(linear(sheet) + linear(-27.0 + 15.0 * broad + 3.0 * fine)),
        stratiform_top=(7200.0 + 900.0 * broad).astype("float32"),
    )


def _capped(dbz: np.ndarray) -> np.ndarray:
    """Smoothly below STRONGEST_DBZ: where cells merge, rain does not add up without end."""
    return dbz - 3.0 * np.logaddexp(np.float32(0.0), (dbz - STRONGEST_DBZ) / np.float32(3.0))


def _vigour(age: np.ndarray) -> np.ndarray:
    """0 to 1 along a cell's life (age 0 to 1): it grows in the first third and decays more slowly."""
    return np.sin(np.pi * age**0.65) ** 0.8


def _convective(alive: Cells, world: World, seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (dBZ) of all cells together and their echo top, weighted by what each adds.

    A cell is a hybrid of a Gaussian core and an exponential skirt, as rain cells are (Feral et al., 2003, Radio Science
    38(3), 1053: the HYCELL model).
    """
    flat_x, flat_y = x.ravel(), y.ravel()
    power, weighted_top = np.zeros(flat_x.shape, "float32"), np.zeros(flat_x.shape, "float32")
    age = (seconds - alive.birth) / alive.life
    vigour = _vigour(age)
    for i in range(len(alive.birth)):
        centre_x, centre_y = carried(world, alive.x[i], alive.y[i], seconds - alive.birth[i])
        centre_x, centre_y = centre_x + alive.u[i] * (seconds - alive.birth[i]), centre_y + alive.v[i] * (seconds - alive.birth[i])
        peak = NOTHING_DBZ + (alive.peak[i] - NOTHING_DBZ) * vigour[i]
        radius = alive.radius[i] * (0.6 + 0.4 * vigour[i])
        # beyond this distance the cell is below NOTHING_DBZ
        reach = radius * np.sqrt(alive.elongation[i]) * np.sqrt(((peak - NOTHING_DBZ) / CORE_DB + 1.0) ** 2 - 1.0)
        near = np.flatnonzero((np.abs(flat_x - centre_x) < reach) & (np.abs(flat_y - centre_y) < reach))
        if not near.size:
            continue
        dx, dy = flat_x[near] - centre_x, flat_y[near] - centre_y
        cos, sin, long = np.cos(alive.direction[i]), np.sin(alive.direction[i]), np.sqrt(alive.elongation[i])
        distance2 = (((dx * cos + dy * sin) / long) ** 2 + ((dy * cos - dx * sin) * long) ** 2) / radius**2
        share = linear(peak - CORE_DB * (np.sqrt(1.0 + distance2) - 1.0))
        power[near] += share
        weighted_top[near] += share * np.float32(4500.0 + (alive.top[i] - 4500.0) * vigour[i])
    top = weighted_top / np.maximum(power, 1e-6)
    return decibels(power).reshape(x.shape), top.reshape(x.shape)


def _line_rain(
    world: World, alive: list[Line], seconds: float, x: np.ndarray, y: np.ndarray, broad: np.ndarray, fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (dBZ) of the lines' narrow ridges and of the stratiform sheets that trail behind them."""
    ridge, sheet = np.zeros(x.shape, "float32"), np.zeros(x.shape, "float32")
    for line in alive:
        ahead, along = line_coordinates(world, line, seconds, x, y)
        vigour = line_vigour(line, seconds)
        ends = 1.0 - _step((np.abs(along) / line.half_length_m - 0.75) / 0.5)
        depth = np.where(ahead > 0, ahead / 2500.0, ahead / 7000.0)
        ridge += linear(-10.0 + 48.0 * vigour * ends - 8.0 * (np.sqrt(1.0 + depth**2) - 1.0) + 3.0 * broad + 4.5 * fine)
        # Behind the ridge a weak zone, then the sheet, then its ragged rear (Houze et al., 1989, BAMS 70, 608-619).
        behind = -ahead / line.trailing_m
        profile = _step((behind + 0.1) / 0.25) * (1.0 - _step((behind - 0.6) / 0.9)) * (1.0 - 0.14 * np.exp(-(((behind - 0.25) / 0.12) ** 2)))
        sheet += linear(-28.0 + 54.5 * np.sqrt(vigour) * ends * profile + 6.5 * broad + 1.5 * fine)
    return decibels(ridge), decibels(sheet)


def _step(value: np.ndarray) -> np.ndarray:
    """A smooth step from 0 (value <= 0) to 1 (value >= 1)."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)
