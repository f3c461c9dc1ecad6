"""What instruments make of the true weather: their geometry, their sensitivity and their noise."""

from stormcycle.simulator.instruments.radar import Blocked, Scan, Sweep, Volume, blocked_loss, observe

__all__ = ["Blocked", "Scan", "Sweep", "Volume", "blocked_loss", "observe"]
