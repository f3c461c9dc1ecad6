"""What a domain's settings make of the shipped parts: the observation error, the grid that the operator learned on, the background errors."""

import numpy as np
import pytest

from stormcycle.assimilation.assimilator import LEAST_ERROR_DB, assimilator
from stormcycle.domain import load_domain
from stormcycle.serving.cards import read_card
from stormcycle.times import parse_time

TIME = parse_time("2026-07-01T12:00Z")


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORMCYCLE_MODELS", "STORMCYCLE_DOMAINS"):
        monkeypatch.delenv(name, raising=False)


def test_the_observation_error_is_the_operators_own_unless_one_is_named_and_can_be_inflated():
    domain = load_domain("slovenia-sim")
    own = read_card("radar_operator").error_dbz
    assert own is not None
    assert own > LEAST_ERROR_DB
    errors = [
        assimilator(domain, TIME, lambda kept, one=one: kept.model_copy(update=one)).error_db for one in ({}, {"inflation": 1.5}, {"observation_error_db": 2.0})
    ]
    assert errors == pytest.approx([own, 1.5 * own, 2.0])


def test_the_shipped_background_errors_are_those_of_the_grid():
    made = assimilator(load_domain("demo"), TIME)
    assert made.root.deviation.shape == (19, 97, 97)
    assert made.root.levels is not None
    assert float(np.abs(made.root.deviation[12:16].numpy().mean() - 9.7)) < 1.0


def test_a_domain_without_an_analysis_is_refused():
    with pytest.raises(ValueError, match="nanjing has no analysis"):
        assimilator(load_domain("nanjing").model_copy(), TIME)
