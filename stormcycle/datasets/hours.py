"""Hours as the radar operator learns from them and an analysis is tried on: what a model said of the air at an hour's end, beside what
radars summed up over the hour, on the analysis grid.

An hour is a dataset of `state` (channel, y, x; K, m s-1, %, Pa; channels as stormcycle.background.CHANNELS), `hourly_sum` (y, x; dBZ, 0 dry,
NaN not observed) and `radar_distance_km` (y, x; from the nearest radar), where the truth is known also `truth` (channel, y, x); attributes
`time`, `lead_hours` of the forecast that the state is, and `origin`, a name for people.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.background import CHANNELS, state_of
from stormcycle.cycle.digests import json_digest, sources_digest
from stormcycle.cycle.files import replace_file
from stormcycle.datasets.archive import released_groups
from stormcycle.domain import Domain, load_domain
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.grids import nearest_km
from stormcycle.radar.hourly import superobbed
from stormcycle.simulator import background_fields, hourly_sums, true_state
from stormcycle.times import Time, iso, newest_run

SOURCES = ("stormcycle/simulator", "stormcycle/radar", "stormcycle/grids.py")


def simulated_hours(domain: Domain, seed: int, times: Sequence[Time], kept: Path, lead_hours: float | None = None, workers: int = 2) -> Iterator[xr.Dataset]:
    """Hours of the simulated world of a seed, with their truth, in the order of `times`; what radars saw is made once and kept below a folder.

    lead_hours: of the forecast that `state` is, 0 the model's analysis; without it that of the newest run that had been published by the
    hour. Raises ValueError for a domain without a model, or where an hour cannot be made.
    """
    if domain.background is None:
        raise ValueError(f"The domain {domain.name} has no background: an hour for the radar operator needs a model's state.")
    wanted = [(domain, seed, time, _place(domain, seed, time, kept)) for time in times]
    for made in read_each(_keep, [one for one in wanted if not one[-1].is_file()], workers):
        if isinstance(made, ReadFailure):
            raise ValueError(f"An hour of {domain.name} cannot be simulated: {made.reason}")
    distance = distance_km(domain)
    for time in times:
        base = _published(domain, time) if lead_hours is None else time - np.timedelta64(round(3600 * lead_hours), "s")
        fields = background_fields(domain, seed, base, time)
        told = {"time": iso(time), "lead_hours": fields.attrs["lead_hours"], "origin": f"{domain.name}, world {seed}, {iso(time)}"}
        yield _hour(fields["state"].values, np.load(_place(domain, seed, time, kept)), distance, told, true_state(domain, time, seed)["state"].values)


def released_hours(root: str, domain_name: str, first: Time, last: Time, storage_options: dict[str, Any] | None = None) -> list[xr.Dataset]:
    """Hours of our own releases, first to last: those that hold `radar` and a whole `background`, the newest published version of each.

    Raises ValueError where there is none, or where the archive cannot be read.
    """
    domain = load_domain(domain_name)
    if domain.background is None:
        raise ValueError(f"The domain {domain_name} has no background: an hour for the radar operator needs a model's state.")
    distance, hours = distance_km(domain), []
    for time, groups in released_groups(root, domain_name, first, last, ("background", "radar"), storage_options):
        if not bool(groups["background"]["observed"].all()):
            continue
        total = superobbed(groups["radar"]["hourly_sum"].values, domain.area, domain.area_of("background"))
        lead = float(groups["background"].attrs["lead_hours"])
        hours.append(_hour(state_of(groups["background"]), total, distance, {"time": iso(time), "lead_hours": lead, "origin": f"{domain_name}, {iso(time)}"}))
    if not hours:
        raise ValueError(f"No release of {domain_name} from {iso(first)} to {iso(last)} below {root} holds radar and a whole background.")
    return hours


def distance_km(domain: Domain) -> np.ndarray:
    """How far each pixel of the analysis grid is from the nearest radar of a domain (y, x; km)."""
    return nearest_km(domain.area_of("background"), [(site.longitude, site.latitude) for site in domain.radar.sites.values()])


def _hour(state: np.ndarray, total: np.ndarray, distance: np.ndarray, told: dict[str, Any], truth: np.ndarray | None = None) -> xr.Dataset:
    fields = {"state": (("channel", "y", "x"), state), "hourly_sum": (("y", "x"), total), "radar_distance_km": (("y", "x"), distance)}
    if truth is not None:
        fields["truth"] = (("channel", "y", "x"), truth)
    return xr.Dataset(fields, coords={"channel": list(CHANNELS)}, attrs=told)


def _published(domain: Domain, time: Time) -> Time:
    """The base time of the newest run that is there by a time, by the feed's usual delay."""
    assert domain.background is not None
    feed = domain.background.feed
    return newest_run(time - np.timedelta64(int(60 * feed.published_after_minutes), "s"), feed.run_every_hours)


def _place(domain: Domain, seed: int, time: Time, kept: Path) -> Path:
    settings = domain.model_dump(mode="json", include={"name", "grid", "step_minutes", "radar", "background"})
    return kept / f"{json_digest([settings, sources_digest(*SOURCES)])[:16]}" / f"{seed}-{iso(time).replace(':', '')}.npy"


def _keep(domain: Domain, seed: int, time: Time, place: Path) -> None:
    """Make and keep what radars saw; each hour is written when it is made, so that an interrupted call goes on."""
    content = io.BytesIO()
    np.save(content, hourly_sums(domain, seed, time))
    place.parent.mkdir(parents=True, exist_ok=True)
    replace_file(place, content.getvalue())
