"""Exceedance probabilities: of a small STEPS ensemble (Bowler et al. 2006, doi 10.1256/qj.04.100), and of an extrapolation's neighbourhood; by pySTEPS."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np

from stormcycle.nowcast.extrapolation import SPROG_LEVELS, WET_DBZ, advect, nowcast_method
from stormcycle.states import dry_filled

LEAST_WET_SHARE = 0.001
"""Below this share of wet pixels STEPS cannot estimate its cascade; the extrapolation alone then says 0 or 1."""


def neighbourhood(newest: np.ndarray, velocity: np.ndarray, leads: int, thresholds: Sequence[float], reach_px: float) -> np.ndarray:
    """The share of a neighbourhood of the extrapolation that reaches each threshold (dBZ): (threshold, lead, y, x), NaN where it comes from outside.

    newest: (y, x) dBZ, no echo as 0, NaN not observed, which counts nothing; velocity: (2, y, x) pixels a step; reach_px: by how much the
    neighbourhood's width grows a step, best a kilometre a minute (Germann and Zawadzki 2004, doi 10.1175/1520-0450(2004)043<0074:SDOTPO>2.0.CO;2).
    """
    with redirect_stdout(io.StringIO()), np.errstate(invalid="ignore", divide="ignore"):  # where no pixel of a neighbourhood was observed
        return np.stack([nowcast_method("probability")(newest, velocity, leads, threshold, slope=reach_px) for threshold in thresholds])


def exceedance(
    frames: np.ndarray, velocity: np.ndarray, leads: int, thresholds: Sequence[float], members: int, seed: int, pixel_km: float, step_minutes: float
) -> np.ndarray:
    """The share of members at or above each threshold (dBZ): (threshold, lead, y, x), NaN where no member knows.

    frames: the last three (time, y, x) dBZ at T; velocity: (2, y, x) pixels a step. With almost no rain the field is
    that of the extrapolation, 0 or 1.
    """
    wet = np.where((raw := dry_filled(frames[-3:])) >= WET_DBZ, raw, WET_DBZ - 5.0)
    if (wet >= WET_DBZ).mean(axis=(1, 2)).min() < LEAST_WET_SHARE:
        ensemble = advect(raw[-1], velocity, range(1, leads + 1))[None]
    else:
        with redirect_stdout(io.StringIO()):
            ensemble = nowcast_method("steps")(
                wet,
                velocity,
                leads,
                n_ens_members=members,
                n_cascade_levels=SPROG_LEVELS,
                precip_thr=WET_DBZ,
                kmperpixel=pixel_km,
                timestep=step_minutes,
                probmatching_method="cdf",
                vel_pert_method=None,
                seed=seed,
                num_workers=2,
            )
    known = ~np.isnan(ensemble)
    count = known.sum(axis=0)
    shares = [np.where(count > 0, (np.nan_to_num(ensemble, nan=-99.0) >= threshold).sum(axis=0) / np.maximum(count, 1), np.nan) for threshold in thresholds]
    return np.stack(shares).astype("float32")
