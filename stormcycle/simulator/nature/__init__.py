"""The true weather of a simulated world: a deterministic function of (world, time, place), with no state between times.

`world_of` makes a world from a domain and a seed, `columns` describes the air column above any points at any time,
`moments` what a radar wave meets at a height in these columns. Nothing here knows of beams, gates or files.
"""

from stormcycle.simulator.nature.columns import Columns, columns
from stormcycle.simulator.nature.profiles import Moments, moments
from stormcycle.simulator.nature.world import World, seconds_of, world_of

__all__ = ["Columns", "Moments", "World", "columns", "moments", "seconds_of", "world_of"]
