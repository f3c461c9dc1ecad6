"""What instruments make of the true weather: their geometry, their sensitivity and their noise."""

from stormcycle.simulator.instruments.radar import Scan, Sweep, Volume, observe

__all__ = ["Scan", "Sweep", "Volume", "observe"]
