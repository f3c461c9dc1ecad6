"""What a network learns from: packed sequences read and brought to the network's step and pixel, windows in the moving frame."""

from stormcycle.datasets.sequence import FRAMES_IN, FRAMES_OUT, SEQUENCE_FRAMES, read_sequence

__all__ = ["FRAMES_IN", "FRAMES_OUT", "SEQUENCE_FRAMES", "read_sequence"]
