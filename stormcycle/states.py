"""The typed words of the project: granule states, hours, provenance flags, reasons of degradation.

Missing is a state, never an exception and never a number (docs/architecture.md, law 3). Reflectivity arrays hold
NaN where nothing was observed and NO_ECHO_DBZ where a beam looked and saw nothing.
"""

from dataclasses import asdict, dataclass
from enum import IntFlag, StrEnum

import numpy as np

NO_ECHO_DBZ = -32.0
"""Reflectivity of an observed pixel without echo (dBZ); below every radar's noise floor, so no threshold meets it."""


class GranuleState(StrEnum):
    """What became of one granule of a feed."""

    OK = "ok"
    PARTIAL = "partial"
    LATE = "late"
    MISSING = "missing"
    CORRUPT = "corrupt"
    DUPLICATE = "duplicate"
    MISPLACED = "misplaced"


class HourState(StrEnum):
    """What became of one hour of a domain."""

    COMPLETE = "complete"
    DEGRADED = "degraded"
    FAILED = "failed"
    RUNNING = "running"
    MISSING = "missing"


class Provenance(IntFlag):
    """Where the value of a pixel comes from (CF flag_masks of the variable `provenance`).

    Those after LATE say why quality control rejected a gate: each stands beside REJECTED_BY_QUALITY_CONTROL, and beside
    OBSERVED where another beam saw the pixel.
    """

    OBSERVED = 1
    UNDETECT = 2
    OUTSIDE_COVERAGE = 4
    REJECTED_BY_QUALITY_CONTROL = 8
    FILLED_BY_ADVECTION = 16
    MADE_FROM_SATELLITE = 32
    MADE_BY_A_MODEL = 64
    LATE = 128
    NOT_WEATHER = 256
    STATIC_CLUTTER = 512
    SPECKLE = 1024
    BEAM_BLOCKED = 2048
    OUTLIER_GATE = 4096


def provenance_attributes() -> dict[str, object]:
    """CF attributes (flag_masks, flag_meanings) of every `provenance` variable."""
    return {
        "long_name": "where the value of the pixel comes from",
        "flag_masks": [int(flag) for flag in Provenance],
        "flag_meanings": " ".join(str(flag.name).lower() for flag in Provenance),
    }


@dataclass(frozen=True)
class Degradation:
    """One typed reason why a release is degraded: a code that programs read and a sentence that people read."""

    product: str
    code: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        """The reason as it stands in the manifest."""
        return asdict(self)


def dry_filled(reflectivity: np.ndarray) -> np.ndarray:
    """Reflectivity (dBZ) as motion, extrapolation and scores want it: not observed and no echo become 0 dBZ."""
    return np.where(reflectivity > NO_ECHO_DBZ, reflectivity, 0.0)
