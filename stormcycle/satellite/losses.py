"""Which pixels of a scan hold no value, and why; what is kept although it is flagged; in sentences, counted on the area."""

import numpy as np

from stormcycle.satellite import abi
from stormcycle.satellite.resampling import Pixels

COLDEST_K, WARMEST_K = 150.0, 420.0
"""No cloud top was ever seen below 161 K (Proud and Bachmeier 2021), and no imager measures above: ABI's 3.9 um detectors saturate
at about 411 K, over fires. What lies beyond is noise: at 3.9 um the coldest tops send less than detectors can tell from nothing.
"""
IMPOSSIBLE = f"an impossible temperature (not within {COLDEST_K:g} to {WARMEST_K:g} K)"
NOTHING = "no value"


def losses(values: np.ndarray, flags: np.ndarray | None, meanings: dict[str, int], kelvin: bool) -> dict[str, np.ndarray]:
    """By reason the pixels (of the shape of `values`, K or %) that have no value; each pixel has one reason at most.

    Without flags a NaN is no value; where they call a pixel good, its NaN is a radiance that no temperature has.
    """
    empty = np.isnan(values)
    impossible = ((values < COLDEST_K) | (values > WARMEST_K)) & kelvin
    if flags is None:
        return {NOTHING: empty, IMPOSSIBLE: impossible}
    lost = {NOTHING: flags == abi.FILL}
    for meaning, reason in abi.NO_VALUE.items():
        if meaning in meanings:
            lost[reason] = (flags == meanings[meaning]) | lost.get(reason, False)
    flagged = np.logical_or.reduce(list(lost.values()))
    unmeasured = empty & ~flagged & (not kelvin)
    return {**lost, NOTHING: lost[NOTHING] | unmeasured, IMPOSSIBLE: (impossible | empty) & ~flagged & kelvin}


def sentences(lost: dict[str, np.ndarray], flags: np.ndarray | None, meanings: dict[str, int], pixels: Pixels) -> list[str]:
    """What was lost, and what is kept although it is flagged, counted on the pixels of an area."""
    of = pixels.inside(next(iter(lost.values())).shape).sum()

    def counted(where: np.ndarray) -> int:
        return int(pixels.taken(where, False).sum())

    found = [f"{count} of {of} pixels have {reason}." for reason, where in lost.items() if (count := counted(where))]
    kept = {words: np.equal(flags, meanings[meaning]) for meaning, words in abi.KEPT.items() if flags is not None and meaning in meanings}
    return found + [f"{count} of {of} pixels are {words}; they are kept." for words, where in kept.items() if (count := counted(where))]
