"""A world with a known truth: what feeds would carry if the weather were ours to make.

`nature` is the true weather, `instruments` what a radar sees of it, `writers` the files that a feed carries; `simulate`
writes the granules of some hours, `truth` is the field behind them. Everything is a function of domain, time and seed: any
time can be made alone, and the same three give the same bytes. No run-time part of the project imports this room.
"""

from stormcycle.simulator.instruments import Blocked, Scan, blocked_loss, observe
from stormcycle.simulator.simulation import granules, simulate, truth

__all__ = ["Blocked", "Scan", "blocked_loss", "granules", "observe", "simulate", "truth"]
