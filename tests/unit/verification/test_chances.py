"""The evaluation of probabilities: against a plain loop, on the pixels that every method knows; the references against pySTEPS."""

import numpy as np
import pytest
import xarray as xr

from stormcycle.nowcast.variables import Fields
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification.chances import CHANCE_REFERENCES, chance_sums, chances_result
from stormcycle.verification.tables import chance_rows


def sequence(frames: int = 21) -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 38, (frames, 6, 7))  # nothing reaches 40 dBZ
    values[rng.random(values.shape) < 0.2] = NO_ECHO_DBZ
    values[rng.random(values.shape) < 0.1] = np.nan
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values)}, attrs={"step_minutes": 6.0})


def half(frames: Fields, leads: int, thresholds: list[float]) -> np.ndarray:
    return np.full((len(thresholds), leads, 6, 7), 0.5)


def west(frames: Fields, leads: int, thresholds: list[float]) -> np.ndarray:
    """Knows the western half, and says more of it at every lead."""
    made = np.broadcast_to(np.linspace(0.1, 1.0, leads)[None, :, None, None], (len(thresholds), leads, 6, 7)).copy()
    made[..., 4:] = np.nan
    return made


def test_brier_scores_are_those_of_a_plain_loop_where_every_method_knows_something() -> None:
    given = sequence()
    result = chances_result(chance_sums(given, {"half": half, "west": west}))
    assert result["windows"] == 2
    values = given["reflectivity"].values
    for threshold in (20.0, 30.0):
        for lead in (0, 9):
            said = np.linspace(0.1, 1.0, 10)[lead]
            happened = [value >= threshold for start in range(2) for value in values[start + 10 + lead, :, :4].ravel() if not np.isnan(value)]
            share = np.mean(happened)
            brier = np.mean([(said - one) ** 2 for one in happened])
            told = result["methods"]["west"]
            assert told["brier"][f"{threshold:g}"][lead] == pytest.approx(brier)
            assert told["skill"][f"{threshold:g}"][lead] == pytest.approx(1 - brier / (share * (1 - share)))
            assert result["methods"]["half"]["brier"][f"{threshold:g}"][lead] == pytest.approx(0.25)
    reliability = result["methods"]["half"]["reliability"]["20"]
    assert sum(reliability["count"]) == reliability["count"][5] == sum((~np.isnan(values[start + 10 : start + 20, :, :4])).sum() for start in range(2))
    assert reliability["forecast"][5] == 0.5
    assert reliability["forecast"][0] is None


def test_what_never_happens_has_a_brier_score_and_no_skill() -> None:
    told = chances_result(chance_sums(sequence(20), {"half": half}))["methods"]["half"]
    assert told["skill"]["40"] == [None] * 10
    assert told["brier"]["40"] == [0.25] * 10
    rows = chance_rows({"probabilities": {"methods": {"half": told}}}, "skill", 6.0)
    assert [(row["event"], row["mean"] is None) for row in rows] == [("zh 20", False), ("zh 30", False), ("zh 35", False), ("zh 40", True)]
    assert list(rows[0])[2:4] == ["6", "12"]


def test_the_references_are_probabilities_of_an_echo_that_moves() -> None:
    rows, columns = np.indices((64, 64))
    frames = {"zh": np.stack([45.0 * np.exp(-((rows - 30) ** 2 + (columns - 20 - 2 * t) ** 2) / 60.0) for t in range(10)])}
    for name, method in CHANCE_REFERENCES.items():
        made = method(frames, 3, (20.0, 30.0))
        assert made.shape == (2, 3, 64, 64)
        known = made[~np.isnan(made)]
        assert (known >= 0).all() and (known <= 1).all(), name
        assert made[1, 2, 30, 44] > made[1, 2, 30, 38]
    sharp, wide = (CHANCE_REFERENCES[name](frames, 3, (20.0,)) for name in ("extrapolation", "lagrangian"))
    assert set(np.unique(sharp[~np.isnan(sharp)])) == {0.0, 1.0}
    assert ((wide > 0.05) & (wide < 0.95)).sum() > 100
    assert not np.isnan(CHANCE_REFERENCES["lagrangian"]({"zh": np.zeros((10, 64, 64))}, 3, (20.0,))).any()
