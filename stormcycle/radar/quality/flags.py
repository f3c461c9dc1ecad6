"""Why a gate does not count as it stands, and what that is called in a release."""

from enum import IntFlag

import numpy as np

from stormcycle.states import Provenance


class GateFlag(IntFlag):
    """Why a gate does not count as it stands: beyond range is not observed, below noise is no echo, the others are rejected."""

    BEYOND_RANGE = 1
    BELOW_NOISE = 2
    NOT_WEATHER = 4
    STATIC_CLUTTER = 8
    SPECKLE = 16
    BEAM_BLOCKED = 32
    OUTLIER_GATE = 64


REASONS = {flag: Provenance[flag.name] for flag in GateFlag if flag.name is not None and flag.name in Provenance.__members__}
"""The provenance of a pixel whose gate was rejected for a flag."""
REJECTED = GateFlag(sum(REASONS))


def rejected_for(flags: np.ndarray) -> np.ndarray:
    """The provenance bits (uint16) of rejected gates: REJECTED_BY_QUALITY_CONTROL and each reason; 0 elsewhere."""
    bits = np.where(flags & REJECTED, Provenance.REJECTED_BY_QUALITY_CONTROL, 0)
    for flag, reason in REASONS.items():
        bits |= np.where(flags & flag, reason, 0)
    return bits.astype("uint16")
