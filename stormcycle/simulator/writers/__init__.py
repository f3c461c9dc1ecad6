"""The real file formats in which feeds carry what instruments saw."""

from stormcycle.simulator.writers.odim import volume_bytes

__all__ = ["volume_bytes"]
