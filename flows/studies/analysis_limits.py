"""What good hours of radar and model give for each statistic that the suite `analysis` limits: hours of simulated worlds."""

from typing import Any

import numpy as np
import xarray as xr

from stormcycle.assimilation.assimilator import assimilator
from stormcycle.assimilation.product import analysis_product
from stormcycle.background import CHANNELS, background_fields
from stormcycle.datasets.hours import simulated_hours
from stormcycle.domain import load_domain
from stormcycle.gates import summaries
from stormcycle.home import home
from stormcycle.times import HOUR, parse_time

DOMAIN, WORLDS, FIRST, EVERY, NUMBER = "slovenia-sim", (301, 302), parse_time("2026-07-01T01:00Z"), 2, 12
SAMPLE = "simulated worlds"


def analysis_rows() -> list[dict[str, Any]]:
    """The rows of statistics of the analyses of some hours; what radars saw is kept below $STORMCYCLE_HOME/cache/hours."""
    domain = load_domain(DOMAIN)
    made = assimilator(domain, FIRST)
    times = list(FIRST + np.arange(NUMBER) * EVERY * HOUR)
    rows = []
    for world in WORLDS:
        for hour in simulated_hours(domain, world, times, home() / "cache" / "hours"):
            outcome = made(hour["state"].values, hour["hourly_sum"].values, hour["radar_distance_km"].values)
            fields = analysis_product(outcome, _background(hour), hour["hourly_sum"].values)
            rows += [{"suite": "analysis", **row, "sample": SAMPLE} for row in summaries(fields, hour.attrs["time"])]
    return rows


def _background(hour: xr.Dataset) -> xr.Dataset:
    """The product `background` of a simulated hour."""
    whole = np.ones(len(CHANNELS), bool)
    fields = {"state": (("channel", "y", "x"), hour["state"].values), "present": ("channel", whole), "interpolated": ("channel", ~whole)}
    told = {"valid_time": hour.attrs["time"], "base_time": hour.attrs["time"], "model": "simulated", "lead_hours": hour.attrs["lead_hours"]}
    return background_fields(xr.Dataset(fields, coords={"channel": list(CHANNELS)}, attrs=told))
