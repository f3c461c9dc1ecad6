"""The twin experiment: analyses of hours whose truth is known, part of the radar withheld, so that a fit cannot pass for skill (specification, section 6).

Each hour adds sums of squared errors; the result divides once, and resamples the hours for its intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.assimilation.analysis import Outcome
from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ

VARIABLES = {"t": slice(0, 4), "u": slice(4, 8), "v": slice(8, 12), "rh": slice(12, 16), "t2m": slice(16, 17), "rh2m": slice(17, 18), "mslp": slice(18, 19)}
"""The channels of each variable, all levels together."""
WITHHELD_SHARE, BLOCK_PX = 0.2, 12
"""The share of the observed area that no analysis sees, in squares wider than an increment reaches."""
DRAWS = 2000
Assimilate = Callable[[xr.Dataset, np.ndarray, np.ndarray], Outcome]
"""An hour, its observations (y, x) and where they are withheld (y, x), to its analysis. Raises ValueError where there is none."""


@dataclass(frozen=True)
class Cycle:
    """One hour, its analysis, and by what was judged (sum of squared errors of the background, of the analysis, number)."""

    sums: dict[str, tuple[float, float, int]]
    outcome: Outcome
    hour: xr.Dataset


def withheld_blocks(shape: tuple[int, int], seed: int, hour: int) -> np.ndarray:
    """Which pixels (y, x) are withheld of an hour: WITHHELD_SHARE of the squares of BLOCK_PX, by a seed, another choice each hour."""
    rows, columns = (-(-side // BLOCK_PX) for side in shape)
    random = np.random.default_rng([seed, hour])
    offset = random.integers(BLOCK_PX, size=2)
    blocks = np.zeros((rows + 1) * (columns + 1), bool)
    blocks[random.permutation(blocks.size)[: round(WITHHELD_SHARE * blocks.size)]] = True
    whole = np.kron(blocks.reshape(rows + 1, columns + 1), np.ones((BLOCK_PX, BLOCK_PX), bool))
    return np.asarray(whole[offset[0] : offset[0] + shape[0], offset[1] : offset[1] + shape[1]])


def cycles(hours: Sequence[xr.Dataset], assimilate: Assimilate, seed: int, shuffled: bool = False) -> Iterator[Cycle]:
    """Each hour analysed and judged. shuffled: an hour's radar is that of the hour half the experiment away, a control:
    what it does to the truth, the real radar has to do better."""
    for number, hour in enumerate(hours):
        observed = hour["hourly_sum"].values
        given = hours[(number + len(hours) // 2) % len(hours)]["hourly_sum"].values if shuffled else observed
        withheld = withheld_blocks(observed.shape, seed, number)
        outcome = assimilate(hour, given, withheld)
        yield Cycle(judged(hour, outcome, given, withheld), outcome, hour)


def judged(hour: xr.Dataset, outcome: Outcome, observed: np.ndarray, withheld: np.ndarray) -> dict[str, tuple[float, float, int]]:
    """The sums of an hour: radar that was used and withheld (dB, dry at the floor), truth by variable where it rained, and over the whole disc (`disc t` ...).

    Where it rained: pixels near enough to a radar that the radar, or the operator of the background, calls wet; the analysis has no say in it.
    """
    seen, known = np.maximum(np.nan_to_num(observed), HOURLY_FLOOR_DBZ), ~np.isnan(observed)
    before, after = (np.maximum(said, HOURLY_FLOOR_DBZ) - seen for said in (outcome.said_before, outcome.said_after))
    sums = {"used": _pair(before, after, outcome.used), "withheld": _pair(before, after, known & withheld)}
    actual = hour["hourly_sum"].values
    disc = ~np.isnan(actual)
    rainy = disc & ((np.nan_to_num(actual) >= HOURLY_FLOOR_DBZ) | (outcome.said_before >= HOURLY_FLOOR_DBZ))
    truth = hour["truth"].values
    wrong_before, wrong_after = hour["state"].values - truth, outcome.state - truth
    for name, channels in VARIABLES.items():
        sums[name] = _pair(wrong_before[channels], wrong_after[channels], np.broadcast_to(rainy, wrong_before[channels].shape))
        sums[f"disc {name}"] = _pair(wrong_before[channels], wrong_after[channels], np.broadcast_to(disc, wrong_before[channels].shape))
    return sums


def _pair(before: np.ndarray, after: np.ndarray, where: np.ndarray) -> tuple[float, float, int]:
    return float((before[where].astype("float64") ** 2).sum()), float((after[where].astype("float64") ** 2).sum()), int(where.sum())


def twin_result(found: Sequence[Mapping[str, tuple[float, float, int]]], seed: int = 0) -> dict[str, Any]:
    """The result of hours' sums: `used`, `withheld` and `truth` by variable, each with the root mean square errors of `background` and `analysis`, the `change`
    in percent (below 0: the analysis is better) and its `bootstrap` interval of 95 % over the hours; `truth_disc`: the same over all that radars saw.
    """
    picks = np.random.default_rng(seed).integers(len(found), size=(DRAWS, len(found)))

    def entry(name: str) -> dict[str, Any]:
        sums = np.array([one[name] for one in found], "float64")
        drawn = sums[picks].sum(axis=1)
        low, high = np.percentile(_change(drawn), [2.5, 97.5])
        total = sums.sum(axis=0)
        number = max(total[2], 1.0)
        return {
            "background": float(np.sqrt(total[0] / number)),
            "analysis": float(np.sqrt(total[1] / number)),
            "change": float(_change(total[None])[0]),
            "bootstrap": [float(low), float(high)],
        }

    return {
        "cycles": len(found),
        "used": entry("used"),
        "withheld": entry("withheld"),
        "truth": {name: entry(name) for name in VARIABLES},
        "truth_disc": {name: entry(f"disc {name}") for name in VARIABLES},
    }


def _change(sums: np.ndarray) -> np.ndarray:
    """The change of the root mean square error in percent of sums (n, 3)."""
    return np.asarray(100.0 * (np.sqrt(sums[:, 1] / np.maximum(sums[:, 0], 1e-30)) - 1.0))
