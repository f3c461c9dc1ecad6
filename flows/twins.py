"""The twin experiment of a simulated domain: its hours made, analysed, judged beside the controls."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.assimilation.analysis import PAPER, Outcome
from stormcycle.assimilation.assimilator import assimilator
from stormcycle.assimilation.diagnostics import diagnostics
from stormcycle.assimilation.twin import Cycle, cycles, twin_result
from stormcycle.datasets.hours import simulated_hours
from stormcycle.domain import Domain
from stormcycle.domain.assimilation import Analysis
from stormcycle.home import home
from stormcycle.serving import read_card
from stormcycle.times import iso


def tried(domain: Domain, times: np.ndarray, seed: int, settings: str, advance: Callable[[], None]) -> dict[str, Any]:
    """The result of a twin experiment: `used`, `withheld`, `truth` by variable, `controls` (no_op, shuffled), `diagnostics`; what it was made with.

    settings: `domain` or `paper`. Raises what `assimilator` and `simulated_hours` raise.
    """
    made = assimilator(domain, times[0], paper_of if settings == "paper" else lambda own: own)

    def assimilate(hour: xr.Dataset, observed: np.ndarray, withheld: np.ndarray) -> Outcome:
        outcome = made(hour["state"].values, observed, hour["radar_distance_km"].values, withheld)
        advance()
        return outcome

    hours = []
    for hour in simulated_hours(domain, seed, list(times), home() / "cache" / "hours"):
        hours.append(hour)
        advance()
    found = list(cycles(hours, assimilate, seed))
    shuffled = list(cycles(hours, assimilate, seed, shuffled=True))
    card = read_card(made.settings.operator)
    no_op = [{name: (before, before, number) for name, (before, _, number) in one.sums.items()} for one in found]
    return {
        "domain": domain.name,
        "seed": seed,
        "from": iso(times[0]),
        "to": iso(times[-1]),
        "settings": made.settings.model_dump(mode="json") | {"observation_error_db": made.error_db},
        "in_sample": f"{domain.name} world {seed}" in (*card.trained_on, *card.chosen_on),
        "operator": {"name": made.settings.operator, "version": made.operator_version},
        **twin_result([one.sums for one in found]),
        "controls": {"no_op": twin_result(no_op), "shuffled": twin_result([one.sums for one in shuffled])},
        "diagnostics": _mean_diagnostics(found),
    }


def paper_of(own: Analysis) -> Analysis:
    """The paper's settings with a domain's operator and background errors."""
    return PAPER.model_copy(update={"operator": own.operator, "background_errors": own.background_errors})


def _mean_diagnostics(found: list[Cycle]) -> dict[str, float]:
    """The mean over hours of each diagnostic."""
    each = [diagnostics(one.outcome, one.hour["hourly_sum"].values) for one in found]
    return {name: float(np.nanmean([one[name] for one in each])) for name in each[0]}
