"""What a learned nowcast is measured against beside the references: S-PROG with an offset by lead, and a nowcast matched to the last distribution."""

from collections.abc import Sequence

import numpy as np
from pysteps.postprocessing.probmatching import nonparam_match_empirical_cdf

from stormcycle.datasets.windows import Windows
from stormcycle.nowcast.lagrangian import moving_frames, moving_sprog, seen_disc
from stormcycle.nowcast.neural import with_offset
from stormcycle.nowcast.variables import Fields
from stormcycle.states import dry_filled
from stormcycle.training.finishing import OFFSETS_DB, best_by_lead
from stormcycle.verification.references import REFERENCES, Method


def sprog_offset(events: Sequence[Windows]) -> list[float]:
    """By lead the offset (dB) of OFFSETS_DB that gives S-PROG the best weighted CSI on events, as the share of S-PROG is chosen."""

    def candidates(event: int, index: int) -> np.ndarray:
        windows = events[event]
        paths = windows.displacement[index].astype("float64")
        moving = moving_frames(windows.frames[index, 0].astype("float64"), paths)
        made = np.nan_to_num(moving_sprog(moving, paths, windows.mask[index]))
        return np.stack([with_offset(made, [offset] * len(made)) for offset in OFFSETS_DB])

    return [OFFSETS_DB[best] for best in best_by_lead(events, candidates)]


def offset_sprog(offsets: Sequence[float]) -> Method:
    """S-PROG cut to where the radar sees, with an offset by lead."""

    def method(frames: Fields, leads: int) -> Fields:
        made, disc = REFERENCES["sprog"](frames, leads), seen_disc(frames["zh"])
        cut = {word: np.where(disc, values, np.nan) for word, values in made.items()}
        return {**cut, "zh": with_offset(cut["zh"], offsets[:leads])}

    return method


def matched(plain: Method) -> Method:
    """A nowcast whose zh has at each lead the distribution that was last observed where it is known: blur is undone, growth too."""

    def method(frames: Fields, leads: int) -> Fields:
        made = plain(frames, leads)
        last = dry_filled(frames["zh"][-1])
        zh = made["zh"].copy()
        for field in zh:
            known = ~np.isnan(field)
            if (field[known] > 0).any() and (last[known] > 0).any():
                field[known] = nonparam_match_empirical_cdf(field[known], last[known])
        return {**made, "zh": zh}

    return method
