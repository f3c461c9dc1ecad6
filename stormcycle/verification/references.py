"""The forecasts that every model must beat: persistence, extrapolation, S-PROG and the mean of a small STEPS ensemble.

Motion is that of `zh` and carries all variables.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stdout

import numpy as np

from stormcycle.nowcast.extrapolation import MOTION_FRAMES, SPROG_LEVELS, WET_DBZ, advect, motion, nowcast_method, persistence, sprog
from stormcycle.nowcast.lagrangian import seen_disc
from stormcycle.nowcast.variables import Fields
from stormcycle.states import dry_filled

Method = Callable[[Fields, int], Fields]
"""A nowcast: frames (time, y, x) of each variable and a count of leads in, (lead, y, x) of each variable that it forecasts out."""

SPROG_LEAST_FRAMES = 3  # its autoregression of second order needs three
STEPS_MEMBERS, STEPS_SEED, STEPS_MINUTES = 8, 20150712, 6.0
"""The ensemble whose mean is a reference; the minutes are the step by which its mask of rain grows."""
RAIN_EXPONENT = 1.6


def persistence_forecast(frames: Fields, leads: int) -> Fields:
    """The newest frame of each variable at every lead: (lead, y, x)."""
    return {word: persistence(values, range(1, leads + 1)) for word, values in frames.items()}


def extrapolation_forecast(frames: Fields, leads: int) -> Fields:
    """The newest frame of each variable carried along the motion of `zh`: (lead, y, x), NaN where it comes from outside."""
    return _carried(frames, frames["zh"], leads)


def sprog_forecast(frames: Fields, leads: int) -> Fields:
    """S-PROG of `zh`, dry below its threshold of 15 dBZ, the other variables by extrapolation: (lead, y, x), NaN where it comes from outside."""
    return _others_carried(frames, leads, _dry_below_threshold(sprog(frames["zh"], leads)))


def steps_mean_forecast(frames: Fields, leads: int) -> Fields:
    """The mean of a small STEPS ensemble of `zh`, the other variables by extrapolation: (lead, y, x), NaN as in `sprog_forecast`.

    The mean is of rain rates, for which Marshall and Palmer's exponent is enough; a mean of dBZ scores lower. Bowler et al. 2006,
    doi 10.1256/qj.04.100. Where pySTEPS cannot estimate its cascade (too little rain, or a scene that does not change) there is no
    ensemble, and S-PROG stands for it.
    """
    wet = dry_filled(frames["zh"][-SPROG_LEAST_FRAMES:])
    try:
        with redirect_stdout(io.StringIO()):
            ensemble = nowcast_method("steps")(
                np.where(wet >= WET_DBZ, wet, WET_DBZ - 5.0),
                motion(frames["zh"][-MOTION_FRAMES:]),
                leads,
                n_ens_members=STEPS_MEMBERS,
                n_cascade_levels=SPROG_LEVELS,
                precip_thr=WET_DBZ,
                kmperpixel=1.0,
                timestep=STEPS_MINUTES,
                probmatching_method="cdf",
                vel_pert_method=None,
                seed=STEPS_SEED,
            )
    except (np.linalg.LinAlgError, ValueError):
        return sprog_forecast(frames, leads)
    members = _dry_below_threshold(np.asarray(ensemble))
    rates = np.where(members <= 0.0, 0.0, 10.0 ** (members / (10.0 * RAIN_EXPONENT))).mean(axis=0)
    return _others_carried(frames, leads, np.where(rates == 0.0, 0.0, 10.0 * RAIN_EXPONENT * np.log10(np.maximum(rates, 1.0))))


def _dry_below_threshold(reflectivity: np.ndarray) -> np.ndarray:
    """What S-PROG and STEPS say is dry (10 dBZ) as 0 dBZ, as in all other fields; NaN stays."""
    return np.where(reflectivity < WET_DBZ, 0.0, reflectivity)


def _others_carried(frames: Fields, leads: int, zh: np.ndarray) -> Fields:
    """A forecast of `zh` with the extrapolation of the other variables."""
    others = {word: values for word, values in frames.items() if word != "zh"}
    return {"zh": zh, **(_carried(others, frames["zh"], leads) if others else {})}


def _carried(frames: Fields, zh: np.ndarray, leads: int) -> Fields:
    """The newest frame of each variable carried along the motion of `zh`."""
    velocity = motion(zh[-MOTION_FRAMES:])
    return {word: advect(dry_filled(values[-1]), velocity, range(1, leads + 1)) for word, values in frames.items()}


REFERENCES: dict[str, Method] = {"persistence": persistence_forecast, "extrapolation": extrapolation_forecast, "sprog": sprog_forecast}

ENSEMBLE_REFERENCES: dict[str, Method] = {"steps_mean": steps_mean_forecast}
"""References of seconds a forecast: for evaluations, not for the verification of every cycle."""


def _seen(method: Method) -> Method:
    """A method cut to where the radar sees, as the models of the moving frame are."""

    def cut(frames: Fields, leads: int) -> Fields:
        disc = seen_disc(frames["zh"])
        return {word: np.where(disc, values, np.nan) for word, values in method(frames, leads).items()}

    return cut


SEEN_REFERENCES: dict[str, Method] = {f"{name}_disc": _seen(REFERENCES[name]) for name in ("extrapolation", "sprog")}
"""What a model that knows where its radar sees must be compared with: part of its gain is this knowledge."""


def reference_forecasts(frames: np.ndarray, leads: int) -> dict[str, np.ndarray]:
    """The reference forecasts of reflectivity by name, each (lead, y, x) dBZ at 1..leads steps, NaN where nothing is forecast.

    frames: (time, y, x) dBZ, oldest first, one every step, NaN where not observed. With two frames there is no
    `sprog`. Dry and half-dry scenes are forecast like others. Raises ValueError with fewer than two frames.
    """
    if frames.ndim != 3 or len(frames) < 2:
        raise ValueError(f"The frames have shape {frames.shape}; the references need at least two frames (time, y, x).")
    names = [name for name in REFERENCES if name != "sprog" or len(frames) >= SPROG_LEAST_FRAMES]
    return {name: REFERENCES[name]({"zh": frames}, leads)["zh"] for name in names}
