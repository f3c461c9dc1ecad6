"""The analysis of an hour: the background, what radars summed up, and the state between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from stormcycle.assimilation.control import Root, increment
from stormcycle.assimilation.cost import Observations, cost_of
from stormcycle.assimilation.minimiser import Minimum, minimise
from stormcycle.assimilation.operator import Operator, floored
from stormcycle.assimilation.recursive_filter import oceanvar_length
from stormcycle.domain.assimilation import Analysis
from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ

PAPER = Analysis(observation_error_db=2.0, length_km=oceanvar_length(10.0), dry="zero", rim_km=0.0, gross_db=None)
"""The settings of Stefanelli et al. (arXiv 2512.18289), as far as they are known: 10 km by their line's rule."""
HUMIDITY = (*range(12, 16), 17)
"""The channels that are relative humidity: they end between 0 and 100 %."""


@dataclass(frozen=True)
class Outcome:
    """An analysis: the state (channel, y, x) clipped to what air can hold, its `clipped` points, what the operator says of background and analysis
    (y, x; dBZ, also below 0), where observations were used, their error (dB), the floor that they were compared above, and how the minimisation went.
    """

    state: np.ndarray
    clipped: int
    said_before: np.ndarray
    said_after: np.ndarray
    used: np.ndarray
    error_db: float
    floor_dbz: float
    minimum: Minimum


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread for a while: the same hour then has the same analysis to the bit, whatever the machine is set to; and where a machine is
    busy, threads that wait for each other make an evaluation ten times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def analyse(
    background: np.ndarray,
    observed: np.ndarray,
    distance_km: np.ndarray,
    root: Root,
    operator: Operator,
    error_db: float,
    settings: Analysis,
    withheld: np.ndarray | None = None,
) -> Outcome:
    """The analysis of an hour.

    background: (channel, y, x; K, m s-1, %, Pa), whole; observed: the hour's sum (y, x; dBZ, 0.0 dry, NaN not observed); distance_km: from the
    nearest radar (y, x); withheld: (y, x) bool, observed pixels that are not used. Raises ValueError where the background is not whole, where
    shapes differ, or where no observation is left to be used.
    """
    _check(background, observed, distance_km)
    dtype = root.deviation.dtype
    state = torch.as_tensor(background, dtype=dtype)
    floor = HOURLY_FLOOR_DBZ if settings.dry == "floor" else 0.0
    seen = torch.as_tensor(np.nan_to_num(observed), dtype=dtype).clamp_min(floor)
    before = operator(state).value
    used = torch.as_tensor(~np.isnan(observed) & (distance_km <= settings.disc_km) & (True if withheld is None else ~withheld))
    if settings.gross_db is not None:
        used = used & ((seen - before.clamp_min(floor)).abs() <= settings.gross_db)
    if not bool(used.any()):
        raise ValueError("No observation can be used: none lies within the disc, or all are further from the background than gross_db.")
    compared = floored(operator, floor, seen <= floor) if settings.dry == "floor" else operator
    observations = Observations(seen, torch.full_like(seen, error_db), used)
    local = torch.as_tensor(local_mask(distance_km, settings.disc_km, settings.rim_km), dtype=dtype)
    cost = cost_of(state, observations, root, compared, local, settings.tail)
    minimum = minimise(cost, torch.zeros_like(state), settings.evaluations)
    made = (state + increment(root, minimum.control)).numpy().astype("float32")
    bounded = made.copy()
    bounded[list(HUMIDITY)] = bounded[list(HUMIDITY)].clip(0.0, 100.0)
    after = operator(torch.as_tensor(bounded, dtype=dtype)).value
    return Outcome(bounded, int((bounded != made).sum()), before.numpy(), after.numpy(), used.numpy(), error_db, floor, minimum)


def local_mask(distance_km: np.ndarray, disc_km: float, rim_km: float) -> np.ndarray:
    """Where an increment counts (y, x; 0 to 1): 1 within the disc, fading by a cosine over the rim inside it."""
    if rim_km == 0.0:
        return np.asarray(distance_km <= disc_km, "float64")
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip((disc_km - distance_km) / rim_km, 0.0, 1.0)))


def _check(background: np.ndarray, observed: np.ndarray, distance_km: np.ndarray) -> None:
    if background.ndim != 3 or observed.shape != background.shape[1:] or distance_km.shape != observed.shape:
        raise ValueError(
            f"Background {background.shape}, hourly sum {observed.shape} and distances {distance_km.shape} are not of one grid (channel, y, x) and (y, x): "
            "bring the radar to the analysis grid."
        )
    bad = ~np.isfinite(background).all(axis=(1, 2))
    if bad.any():
        raise ValueError(f"The background is not whole: channels {', '.join(map(str, np.flatnonzero(bad)))} hold values that are not finite.")
    if np.isnan(observed).all():
        raise ValueError("No pixel was observed often enough in the hour (three quarters of its scans): there is nothing to assimilate.")
