"""A forecast model: it runs every 6 hours and knows the weather less well the further it looks ahead.

Its state is nature's, made with other physics, displaced in space and a little in time, without some of the cells, with
biases and with smooth random errors; all of them grow with the lead and are independent from run to run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from stormcycle.simulator.instruments.model_grid import ModelGrid, places, turned
from stormcycle.simulator.nature.atmosphere import LEVELS_HPA, Atmosphere, Physics, atmosphere
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import World, generator, seconds_of
from stormcycle.times import Time

LEADS = tuple(range(25))
"""Leads of a run, in hours."""
CHANNELS = (*(f"{quantity}{level}" for quantity in "tuvr" for level in LEVELS_HPA), "t2m", "r2m", "mslp")
MODEL = Physics(moistening=0.85, cold_pool=0.85, inflow=0.85, shear=0.85)
"""The model's physics, as far as it is the same in all runs."""
MEMORY_H = 8.0
"""Errors grow fast at first and saturate: a lead of L hours has 1 - exp(-L / MEMORY_H) of what they may grow."""


@dataclass(frozen=True)
class Growth:
    """What an error is at lead 0 and how much it may grow by."""

    first: float
    more: float

    def at(self, lead_hours: float) -> float:
        """The error at a lead."""
        return self.first + self.more * (1.0 - float(np.exp(-lead_hours / MEMORY_H)))


DISPLACEMENT_M = Growth(3e3, 27e3)
"""Root mean square distance by which weather is displaced."""
LATENESS_S = Growth(60.0, 700.0)
"""Standard deviation, over runs, of how late all weather comes."""
MISSED = Growth(0.05, 0.4)
"""Share of cells that a run does not know."""
SCALE = Growth(0.35, 1.23)
"""Factor of biases and of random errors; 1 at 6 hours."""
WARM_K, MOIST = 0.2, -3.0
"""Biases at 6 hours: temperature (K) and relative humidity (%)."""


@dataclass(frozen=True)
class Spread:
    """Random errors of a quantity: the standard deviation at 6 hours in its own unit, the same at all its levels from the
    lowest up; the correlation of neighbouring levels; the octaves of their texture (nature/texture.py)."""

    deviation: float
    levels: int
    alike: float
    octaves: range


SPREADS = {
    "temperature": Spread(0.6, 1 + len(LEVELS_HPA), 0.6, range(4, 6)),
    "humidity": Spread(8.0, 1 + len(LEVELS_HPA), 0.9, range(4, 6)),
    "u": Spread(1.4, len(LEVELS_HPA), 0.7, range(4, 6)),
    "v": Spread(1.4, len(LEVELS_HPA), 0.7, range(4, 6)),
    "pressure": Spread(60.0, 1, 0.0, range(5, 7)),
    "displacement": Spread(1.0, 2, 0.0, range(5, 8)),
}
"""Temperature and humidity begin at 2 m; of the displacement the two "levels" are x and y, in units of DISPLACEMENT_M."""


@dataclass(frozen=True)
class Run:
    """What a run of the model gives. `fields`: channel -> float32 (leads, rows, columns) in K, m s-1 along the grid's own axes, % and Pa."""

    base_time: Time
    leads: tuple[int, ...]
    grid: ModelGrid
    fields: dict[str, np.ndarray]


def model_run(world: World, projection: str, grid: ModelGrid, base_time: Time, seed: int, leads: Iterable[int] = LEADS) -> Run:
    """The run of a base time on the model's grid, for a world that lives in a projection. Leads in hours."""
    x, y = places(grid, projection)
    leads = tuple(leads)
    fields = {channel: np.empty((len(leads), *grid.shape), "float32") for channel in CHANNELS}
    for index, lead in enumerate(leads):
        state = forecast(world, base_time, lead, x, y, seed)
        u, v = turned(grid, projection, state.u, state.v)
        for channel, values in zip(CHANNELS, (*state.temperature, *u, *v, *state.humidity, state.t2m, state.r2m, state.mslp), strict=True):
            fields[channel][index] = values
    return Run(base_time, leads, grid, fields)


def forecast(world: World, base_time: Time, lead_hours: float, x: np.ndarray, y: np.ndarray, seed: int) -> Atmosphere:
    """What the run of a base time says of base time + lead above points (the world's projection coordinates in metres, any shape).

    A function of its arguments only; continuous in the lead. Winds along the world's x and y.
    """
    base = int(seconds_of(base_time))
    random = generator(seed, "model run", base)
    late, seconds = LATENESS_S.at(lead_hours) * random.standard_normal(), base + 3600.0 * lead_hours
    # errors drift and age as the textures of a world do, one that only this run knows
    own = replace(world, seed=int(random.integers(2**62)))
    wrong = _errors(own, seconds, np.asarray(x, "float64") - world.centre_m[0], np.asarray(y, "float64") - world.centre_m[1])
    shift_x, shift_y = DISPLACEMENT_M.at(lead_hours) / np.sqrt(2.0) * wrong["displacement"]
    physics = replace(MODEL, missed_share=MISSED.at(lead_hours), missed_seed=own.seed)
    seen = atmosphere(world, seconds - late, x + shift_x, y + shift_y, physics)
    scale = SCALE.at(lead_hours)
    warm, moist = scale * (WARM_K + wrong["temperature"]), scale * (MOIST + wrong["humidity"])
    return Atmosphere(
        temperature=(seen.temperature + warm[1:]).astype("float32"),
        u=(seen.u + scale * wrong["u"]).astype("float32"),
        v=(seen.v + scale * wrong["v"]).astype("float32"),
        humidity=np.clip(seen.humidity + moist[1:], 0.0, 100.0).astype("float32"),
        t2m=(seen.t2m + warm[0]).astype("float32"),
        r2m=np.clip(seen.r2m + moist[0], 0.0, 100.0).astype("float32"),
        mslp=(seen.mslp + scale * wrong["pressure"][0]).astype("float32"),
    )


def _errors(own: World, seconds: float, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The random errors of a run at a time, as large as at 6 hours: quantity -> (levels, *shape), a chain of first order upwards."""
    noise = textures(own, seconds, x, y, {f"{name} {level}": spread.octaves for name, spread in SPREADS.items() for level in range(spread.levels)})
    errors = {}
    for name, spread in SPREADS.items():
        chain = [noise[f"{name} 0"]]
        for level in range(1, spread.levels):
            chain.append(spread.alike * chain[-1] + np.sqrt(1.0 - spread.alike**2) * noise[f"{name} {level}"])
        errors[name] = spread.deviation * np.stack(chain)
    return errors
