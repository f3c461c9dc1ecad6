"""What a domain needs to assimilate, made once: operator, root of the background errors, observation error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stormcycle.assimilation.analysis import Outcome, analyse
from stormcycle.assimilation.control import Root
from stormcycle.assimilation.errors import read_errors, root_for
from stormcycle.assimilation.operator import Operator, radar_operator, shipped_network
from stormcycle.domain import Domain
from stormcycle.domain.assimilation import Analysis
from stormcycle.serving.cards import read_card
from stormcycle.times import Time

LEAST_ERROR_DB = 2.0
"""No observation error is taken to be smaller: a radar's own."""


@dataclass(frozen=True)
class Assimilator:
    """The parts of a domain's analysis. `operator_version`: of the shipped weights."""

    settings: Analysis
    root: Root
    operator: Operator
    error_db: float
    operator_version: str

    def __call__(self, background: np.ndarray, observed: np.ndarray, distance_km: np.ndarray, withheld: np.ndarray | None = None) -> Outcome:
        """The analysis of an hour, as `analyse`."""
        return analyse(background, observed, distance_km, self.root, self.operator, self.error_db, self.settings, withheld)


def assimilator(domain: Domain, time: Time, change: Callable[[Analysis], Analysis] = lambda settings: settings) -> Assimilator:
    """The parts of a domain's analysis at a time of year, with its settings perhaps changed.

    Raises ValueError for a domain without analysis, or whose background errors cannot be used; CardError or WeightsError for the operator.
    """
    if domain.analysis is None or domain.background is None:
        raise ValueError(f"The domain {domain.name} has no analysis: give it the key `analysis` (and `background`).")
    settings, grid = change(domain.analysis), domain.background.grid
    file = settings.errors_file(time)
    errors = None if file is None else read_errors(file)
    root = root_for(settings, errors, grid.shape, grid.resolution_m / 1000.0)
    card = read_card(settings.operator)
    if card.resolution_m != grid.resolution_m:
        raise ValueError(
            f"The operator {card.model} learned on pixels of {card.resolution_m} m; the analysis grid of {domain.name} has {grid.resolution_m:g} m: "
            "give background.grid that resolution, or train another operator."
        )
    error = settings.inflation * (settings.observation_error_db or max(LEAST_ERROR_DB, card.error_dbz or LEAST_ERROR_DB))
    return Assimilator(settings, root, radar_operator(shipped_network(settings.operator)), error, card.version)
