"""A world with a known truth: what feeds would carry if the weather were ours to make.

`nature` is the true weather, `instruments` what radars, satellites and a forecast model make of it, `writers` the files that
feeds carry; `plan` says which granules some hours need, `making` makes them, `faults` spoils them on demand, `simulate` writes
them, `fields` gives the same without files, `truth` is what lies behind. Everything is a function of domain, time and seed: any
time can be made alone, and the same three give the same bytes. No run-time part of the project imports this room.
"""

from stormcycle.simulator.faults import FAULTS, known_faults
from stormcycle.simulator.fields import background_fields, hourly_sums, imager_fields, lightning_fields, radar_fields
from stormcycle.simulator.instruments import Blocked, Scan, blocked_loss, observe
from stormcycle.simulator.plan import units
from stormcycle.simulator.simulation import simulate
from stormcycle.simulator.truth import true_clouds, true_state, truth

__all__ = [
    "FAULTS",
    "Blocked",
    "Scan",
    "background_fields",
    "blocked_loss",
    "hourly_sums",
    "imager_fields",
    "known_faults",
    "lightning_fields",
    "observe",
    "radar_fields",
    "simulate",
    "true_clouds",
    "true_state",
    "truth",
    "units",
]
