"""The forecasts that every model must beat: persistence, extrapolation and S-PROG."""

from collections.abc import Callable

import numpy as np

from stormcycle.nowcast.extrapolation import extrapolation, persistence, sprog
from stormcycle.nowcast.lagrangian import seen_disc

Method = Callable[[np.ndarray, int], np.ndarray]
"""A nowcast: frames (time, y, x) dBZ and a count of leads in, (lead, y, x) dBZ out."""

SPROG_LEAST_FRAMES = 3  # its autoregression of second order needs three


def persistence_forecast(frames: np.ndarray, leads: int) -> np.ndarray:
    """The newest frame at every lead: (lead, y, x) dBZ."""
    return persistence(frames, range(1, leads + 1))


def extrapolation_forecast(frames: np.ndarray, leads: int) -> np.ndarray:
    """The newest frame carried along its motion: (lead, y, x) dBZ, NaN where it comes from outside."""
    return extrapolation(frames, range(1, leads + 1))


def sprog_forecast(frames: np.ndarray, leads: int) -> np.ndarray:
    """S-PROG: (lead, y, x) dBZ, NaN where it comes from outside; the extrapolation where pySTEPS cannot estimate its autoregression."""
    try:
        return sprog(frames, leads)
    # A scene that does not change makes the Yule-Walker equations singular, one without variance standardises to NaN.
    except (np.linalg.LinAlgError, ValueError):
        return extrapolation_forecast(frames, leads)


REFERENCES: dict[str, Method] = {"persistence": persistence_forecast, "extrapolation": extrapolation_forecast, "sprog": sprog_forecast}


def _seen(method: Method) -> Method:
    """A method cut to where the radar sees, as the models of the moving frame are."""
    return lambda frames, leads: np.where(seen_disc(frames), method(frames, leads), np.nan)


SEEN_REFERENCES: dict[str, Method] = {f"{name}_disc": _seen(REFERENCES[name]) for name in ("extrapolation", "sprog")}
"""What a model that knows where its radar sees must be compared with: part of its gain is this knowledge."""


def reference_forecasts(frames: np.ndarray, leads: int) -> dict[str, np.ndarray]:
    """The reference forecasts by name, each (lead, y, x) dBZ at 1..leads steps, NaN where nothing is forecast.

    frames: (time, y, x) dBZ, oldest first, one every step, NaN where not observed. With two frames there is no
    `sprog`. Dry and half-dry scenes are forecast like others. Raises ValueError with fewer than two frames.
    """
    if frames.ndim != 3 or len(frames) < 2:
        raise ValueError(f"The frames have shape {frames.shape}; the references need at least two frames (time, y, x).")
    names = [name for name in REFERENCES if name != "sprog" or len(frames) >= SPROG_LEAST_FRAMES]
    return {name: REFERENCES[name](frames, leads) for name in names}
