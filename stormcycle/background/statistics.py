"""Background-error statistics from an archive of runs: forecast minus analysis of one valid time, by season (specification of the operator, section 8)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from stormcycle.background.planning import CHANNELS, UNITS
from stormcycle.background.reading import read_analysis
from stormcycle.background.runs import Available, choose_run
from stormcycle.cycle.record import Granule
from stormcycle.domain import Domain
from stormcycle.feeds import ReadFailure, fetch_granule
from stormcycle.feeds.fetching import local_path
from stormcycle.feeds.listing import list_feed
from stormcycle.feeds.wanted import wanted_feeds
from stormcycle.states import GranuleState
from stormcycle.times import HOUR, Time, iso, parse_time, season

LEAD_HOURS = 6
FEW_PAIRS, LEAST_PAIRS = 60, 20
"""Below FEW_PAIRS the sampling error is above a tenth; below LEAST_PAIRS there are no statistics."""
GROSS_DEVIATIONS = 5.0
SMOOTHED_KM = 50.0
LEAST_SHARE = 0.2
"""A point's deviation is at least this share of its channel's mean."""
FARTHEST_PX = 40


class StatisticsError(ValueError):
    """An archive from which no background errors can be had."""


def forecast_errors(domain: Domain, first: Time, last: Time, folder: Path, progress: Callable[[int], None]) -> Iterator[tuple[Time, np.ndarray]]:
    """Forecast of LEAD_HOURS minus analysis (19, y, x) of each time from first to last at which a run began and both are there.

    What is fetched lies in `folder`; `progress` is told how many hours were looked at.
    Raises FeedError when the feed cannot be listed, StatisticsError for a domain without a model.
    """
    if domain.background is None:
        raise StatisticsError(f"The domain {domain.name} has no background; there are no runs to compare.")
    every = domain.background.feed.run_every_hours * HOUR
    for number, time in enumerate(np.arange(first, last + HOUR, HOUR)):
        progress(number + 1)
        if (time - time.astype("datetime64[D]")) % every:
            continue
        states = [_state(domain, time, lead, folder) for lead in (LEAD_HOURS, 0)]
        if states[0] is not None and states[1] is not None:
            yield time, states[0] - states[1]


def _state(domain: Domain, time: Time, lead_hours: int, folder: Path) -> np.ndarray | None:
    """The state that the run of so many hours ago says of a time; None where it is not whole."""
    assert domain.background is not None
    (wanted,) = (one for one in wanted_feeds(domain, time) if one.name == "background")
    granules: dict[str, Granule] = {granule.key: granule for granule in list_feed(wanted).granules if granule.valid_time is not None}
    available = [Available(parse_time(str(granule.valid_time)), None, key) for key, granule in granules.items()]
    for run in choose_run(available, time, lead_hours):
        if run.lead_hours != lead_hours:
            continue
        chosen = [granules[key] for key in run.keys]
        if any(fetch_granule(domain.background.feed, granule, folder)[0] is not GranuleState.OK for granule in chosen):
            return None
        files = [(local_path(folder, granule), granule.key.rpartition("/")[2]) for granule in chosen]
        found = read_analysis(files, time, domain.area_of("background"), run.base_time)
        return None if isinstance(found, ReadFailure) or found.attrs["analysis"] != "yes" else found["state"].values
    return None


def error_statistics(pairs: Iterable[tuple[Time, np.ndarray]], spacing_km: float, origin: str) -> xr.Dataset:
    """Background errors of pairs (time, forecast minus analysis (19, y, x)).

    `sigma_b` (channel, y, x): deviations about the mean, smoothed; `bias` (channel): the mean; `corr` (channel, channel2) pooled over the domain;
    `length_km` (channel): where the lag correlation falls to exp(-1/2), mean of x and y; attributes `n_pairs`, `season`, `method`, `origin`. Values beyond
    GROSS_DEVIATIONS are left out. Raises StatisticsError for fewer than LEAST_PAIRS.
    """
    held = list(pairs)
    if len(held) < LEAST_PAIRS:
        raise StatisticsError(f"{len(held)} pairs of forecast and analysis are too few for background errors; at least {LEAST_PAIRS} are needed ({origin}).")
    errors = np.stack([error for _, error in held]).astype("float64")
    spread = errors.std(axis=(0, 2, 3), keepdims=True)
    errors = np.where(np.abs(errors - errors.mean(axis=(0, 2, 3), keepdims=True)) > GROSS_DEVIATIONS * spread, np.nan, errors)
    bias = np.nanmean(errors, axis=(0, 2, 3))
    about = np.nan_to_num(errors - np.nanmean(errors, axis=0))
    count = np.maximum((~np.isnan(errors)).sum(axis=0) - 1, 1)
    variance = (about**2).sum(axis=0) / count
    smooth = np.sqrt(np.stack([gaussian_filter(one, SMOOTHED_KM / spacing_km, mode="nearest") for one in variance]))
    floor = LEAST_SHARE * smooth.mean(axis=(1, 2), keepdims=True)
    flat = about.transpose(1, 0, 2, 3).reshape(len(CHANNELS), -1)
    return xr.Dataset(
        {
            "sigma_b": (("channel", "y", "x"), np.maximum(smooth, floor).astype("float32")),
            "bias": ("channel", bias),
            "corr": (("channel", "channel2"), np.corrcoef(flat)),
            "length_km": ("channel", [_length(about[:, index], spacing_km) for index in range(len(CHANNELS))]),
        },
        coords={"channel": list(CHANNELS), "channel2": list(CHANNELS), "units": ("channel", list(UNITS))},
        attrs={
            "n_pairs": len(held),
            "season": " ".join(sorted({season(time) for time, _ in held})),
            "period": f"{iso(min(time for time, _ in held))} to {iso(max(time for time, _ in held))}",
            "method": f"forecast of {LEAD_HOURS} h minus analysis",
            "origin": origin,
        },
    )


def _length(errors: np.ndarray, spacing_km: float) -> float:
    """Where the correlation of errors (n, y, x) at a lag falls to exp(-1/2), km, mean of the two axes; FARTHEST_PX where it does not."""
    found = []
    for axis in (1, 2):
        along = np.moveaxis(errors, axis, -1)
        lags = np.array([(along[..., : along.shape[-1] - lag] * along[..., lag:]).mean() for lag in range(min(FARTHEST_PX, along.shape[-1]))])
        fallen = lags / lags[0]
        below = np.flatnonzero(fallen < np.exp(-0.5))
        if not len(below):
            found.append(float(FARTHEST_PX))
            continue
        after = int(below[0])
        share = (fallen[after - 1] - np.exp(-0.5)) / (fallen[after - 1] - fallen[after])
        found.append(after - 1 + float(share))
    return float(np.mean(found)) * spacing_km
