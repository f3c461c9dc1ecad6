"""The true weather of a simulated world: a deterministic function of (world, time, place), with no state between times.

`world_of` makes a world from a domain and a seed, `columns` describes the hydrometeors above any points at any time,
`moments` what a radar wave meets at a height in these columns, `atmosphere` the state of the air, `clouds` what a
satellite looks at, `flashes` the lightning. Nothing here knows of beams, gates, pixels or files.
"""

from stormcycle.simulator.nature.atmosphere import LEVELS_HPA, NATURE, Atmosphere, Physics, atmosphere
from stormcycle.simulator.nature.clouds import Clouds, clouds
from stormcycle.simulator.nature.columns import Columns, columns
from stormcycle.simulator.nature.lightning import Flashes, flashes
from stormcycle.simulator.nature.profiles import Moments, moments
from stormcycle.simulator.nature.world import World, seconds_of, world_of

__all__ = [
    "LEVELS_HPA",
    "NATURE",
    "Atmosphere",
    "Clouds",
    "Columns",
    "Flashes",
    "Moments",
    "Physics",
    "World",
    "atmosphere",
    "clouds",
    "columns",
    "flashes",
    "moments",
    "seconds_of",
    "world_of",
]
