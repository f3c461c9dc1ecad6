"""What moves through a world: squall lines and the convective cells that are born, grow and die in and around them."""

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from stormcycle.simulator.nature.masses import masses
from stormcycle.simulator.nature.world import World, carried, generator

LINE_PERIOD_S = 4.0 * 3600.0
LINE_LIFE_S = 3.0 * 3600.0
"""A line lives from LINE_LIFE_S before to LINE_LIFE_S after it passes the centre, so that two lines may be seen at once."""
LINE_CELLS = 480
SHOWER_EPOCH_S = 1800.0
SHOWERS_A_MM2 = 200.0
"""Groups of free cells that would be born in an epoch on a million square kilometres, were the air moist everywhere."""
LONGEST_LIFE_S = 100 * 60.0


@dataclass(frozen=True)
class Line:
    """A squall line: a curve that the flow carries and that moves `propagation` m/s through the air along its normal."""

    index: int
    passing_s: float
    normal: float
    propagation: float
    half_length_m: float
    bow_m: float
    phases: tuple[float, float, float]
    trailing_m: float
    strength: float


@dataclass(frozen=True)
class Cells:
    """Convective cells, one array entry a cell: birth and life in seconds, place of birth and own motion against the
    flow (m, m/s), peak reflectivity (dBZ), core radius (m), elongation, its direction (radians), highest echo top (m),
    strength (0 to 1)."""

    birth: np.ndarray
    life: np.ndarray
    x: np.ndarray
    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    peak: np.ndarray
    radius: np.ndarray
    elongation: np.ndarray
    direction: np.ndarray
    top: np.ndarray
    strong: np.ndarray


def lines(world: World, seconds: float) -> list[Line]:
    """The lines alive at a time."""
    first = int(np.floor((seconds - LINE_LIFE_S) / LINE_PERIOD_S)) - 1
    last = int(np.ceil((seconds + LINE_LIFE_S) / LINE_PERIOD_S)) + 1
    candidates = (_line(world, index) for index in range(first, last + 1))
    return [line for line in candidates if abs(seconds - line.passing_s) < LINE_LIFE_S]


@lru_cache(maxsize=64)
def _line(world: World, index: int) -> Line:
    random = generator(world.seed, "line", index)
    return Line(
        index=index,
        passing_s=(index + random.uniform(-0.15, 0.15)) * LINE_PERIOD_S,
        normal=float(np.arctan2(world.velocity[1], world.velocity[0]) + np.radians(random.uniform(-60.0, 60.0))),
        propagation=random.uniform(0.5, 3.0),
        half_length_m=random.uniform(70e3, 150e3),
        bow_m=random.uniform(5e3, 25e3),
        phases=tuple(random.uniform(0.0, 2 * np.pi, 3)),
        trailing_m=random.uniform(35e3, 85e3),
        strength=random.uniform(0.85, 1.0),
    )


def _behind(line: Line, along: np.ndarray) -> np.ndarray:
    """How far (m) the curve of a line stays behind its straight normal front, at places along it."""
    wander = sum(
        height * np.sin(2 * np.pi * along / wave + phase) for height, wave, phase in zip((5e3, 2.5e3, 1.5e3), (90e3, 37e3, 19e3), line.phases, strict=True)
    )
    return line.bow_m * (along / line.half_length_m) ** 2 + wander


def line_coordinates(world: World, line: Line, seconds: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres ahead of a line's curve (negative: behind) and metres along it, of points at a time."""
    age = seconds - line.passing_s
    at_x, at_y = (place.astype(x.dtype) for place in carried(world, x, y, -age))
    cos, sin = math.cos(line.normal), math.sin(line.normal)
    along = -at_x * sin + at_y * cos
    return at_x * cos + at_y * sin - line.propagation * age + _behind(line, along), along


def line_vigour(line: Line, seconds: float) -> float:
    """0 to 1: a line grows, is strongest about its passing of the centre, and decays."""
    return float(line.strength * np.cos(np.pi / 2 * (seconds - line.passing_s) / LINE_LIFE_S) ** 0.4)


def line_ends(line: Line, along: np.ndarray) -> np.ndarray:
    """1 along a line, falling to 0 at its ends."""
    return 1.0 - smooth_step((np.abs(along) / line.half_length_m - 0.75) / 0.5)


def line_sheet(line: Line, ahead: np.ndarray) -> np.ndarray:
    """0 to 1: behind the ridge a weak zone, then the sheet, then its rear (Houze et al., 1989, BAMS 70, 608-619)."""
    behind = -ahead / line.trailing_m
    weak = 1.0 - 0.14 * np.exp(-(((behind - 0.25) / 0.12) ** 2))
    return smooth_step((behind + 0.1) / 0.25) * (1.0 - smooth_step((behind - 0.6) / 0.9)) * weak


def smooth_step(value: np.ndarray) -> np.ndarray:
    """A smooth step from 0 (value <= 0) to 1 (value >= 1)."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


@lru_cache(maxsize=64)
def _line_cells(world: World, line: Line) -> Cells:
    """All cells that a line ever has: born just ahead of its curve, in groups along it."""
    random = generator(world.seed, "line cells", line.index)
    count = LINE_CELLS
    groups = random.uniform(-1.0, 1.0, 14) * line.half_length_m
    along = random.choice(groups, count) + random.normal(0.0, 11e3, count)
    birth = line.passing_s + random.uniform(-1.0, 0.8, count) * LINE_LIFE_S
    age = birth - line.passing_s
    ahead = line.propagation * age - _behind(line, along) + random.normal(3e3, 4e3, count)
    cos, sin = np.cos(line.normal), np.sin(line.normal)
    place = np.stack(carried(world, ahead * cos - along * sin, ahead * sin + along * cos, age), axis=1)
    strong = random.beta(1.3, 1.9, count) * np.array([line_vigour(line, when) for when in birth])
    return _cells(random, birth, place, strong, line.normal + np.pi / 2)


@lru_cache(maxsize=64)
def _showers(world: World, epoch: int) -> Cells:
    """The free cells born in one epoch: groups of one to five where the air is moist or a front lifts it, weaker than a line's."""
    random = generator(world.seed, "showers", epoch)
    groups = random.poisson(SHOWERS_A_MM2 * (2 * world.reach_m / 1e6) ** 2)
    centres, sizes, luck = random.uniform(-world.reach_m, world.reach_m, (groups, 2)), random.integers(1, 6, groups), random.uniform(0.0, 1.0, groups)
    air = masses(world, epoch * SHOWER_EPOCH_S, *centres.T)
    kept = luck < np.clip(0.3 + 0.2 * air.moisture + 0.15 * air.mass + 0.4 * air.front, 0.03, 1.0)
    places = np.repeat(centres[kept], sizes[kept], axis=0)
    place = places + random.normal(0.0, 7e3, places.shape)
    count = len(place)
    birth = (epoch + random.uniform(0.0, 1.0, count)) * SHOWER_EPOCH_S
    return _cells(random, birth, place, 0.8 * random.beta(1.0, 2.5, count), random.uniform(0.0, np.pi))


def _cells(random: np.random.Generator, birth: np.ndarray, place: np.ndarray, strong: np.ndarray, direction: float) -> Cells:
    """Cells whose size, height and life follow their strength (0 to 1), with scatter."""
    count = len(birth)
    return Cells(
        birth=birth,
        life=np.clip((32.0 + 58.0 * strong + random.normal(0.0, 9.0, count)) * 60.0, 25 * 60.0, LONGEST_LIFE_S),
        x=place[:, 0],
        y=place[:, 1],
        u=random.normal(0.0, 0.8, count),
        v=random.normal(0.0, 0.8, count),
        peak=37.0 + 24.0 * strong,
        radius=(1.5 + 1.6 * strong + random.uniform(0.0, 0.7, count)) * 1e3,
        elongation=random.uniform(1.0, 1.9, count),
        direction=direction + random.normal(0.0, 0.5, count),
        top=6500.0 + 7500.0 * strong,
        strong=strong,
    )


def vigour(age: np.ndarray) -> np.ndarray:
    """0 to 1 along a cell's life (age 0 to 1): it grows in the first third and decays more slowly."""
    return np.sin(np.pi * age**0.65) ** 0.8


def centres(world: World, born: Cells, seconds: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Where (metres from the domain's centre) cells are at a time, or each at its own time."""
    age = seconds - born.birth
    x, y = carried(world, born.x, born.y, age)
    return x + born.u * age, y + born.v * age


def parents(world: World, start: float, end: float) -> list[tuple[str, int]]:
    """What cells alive in [start, end] come from: ("line", index) or ("showers", epoch)."""
    # a line's last cells may outlive it
    span = np.append(np.arange(start - LONGEST_LIFE_S, end, LINE_PERIOD_S / 4), end)
    indices = sorted({line.index for when in span for line in lines(world, float(when))})
    epochs = range(int(np.floor((start - LONGEST_LIFE_S) / SHOWER_EPOCH_S)), int(np.floor(end / SHOWER_EPOCH_S)) + 1)
    return [("line", index) for index in indices] + [("showers", epoch) for epoch in epochs]


def cells_of(world: World, kind: str, index: int) -> Cells:
    """All cells that one parent ever has."""
    return _line_cells(world, _line(world, index)) if kind == "line" else _showers(world, index)


def cells(world: World, seconds: float, after: float = 0.0, missed_share: float = 0.0, missed_seed: int = 0) -> Cells:
    """The cells alive at a time, of all lines and free, and those dead for less than `after` seconds; without a share of
    them, which a seed chooses: what a model that knows less has."""
    chosen = []
    for kind, index in parents(world, seconds - after, seconds):
        part = cells_of(world, kind, index)
        known = generator(missed_seed, f"missed {kind}", index).uniform(size=len(part.birth)) >= missed_share
        keep = known & (part.birth < seconds) & (seconds < part.birth + part.life + after)
        chosen.append([getattr(part, field.name)[keep] for field in fields(Cells)])
    return Cells(*(np.concatenate(values) for values in zip(*chosen, strict=True)))
