"""What the study of skill measures against: offsets chosen by lead, a nowcast matched to the last distribution."""

import numpy as np
from unit.training.test_nowcasts import windows

from flows.studies.peers import matched, offset_sprog, sprog_offset
from stormcycle.nowcast.variables import Fields
from stormcycle.training.finishing import OFFSETS_DB
from stormcycle.verification.references import REFERENCES, SEEN_REFERENCES


def frames() -> Fields:
    rows, columns = np.indices((64, 64))
    return {"zh": np.stack([45.0 * np.exp(-((rows - 30) ** 2 + (columns - 20 - 2 * t) ** 2) / 160.0) for t in range(10)])}


def test_an_offset_makes_echo_stronger_and_leaves_what_is_dry() -> None:
    plain, stronger = SEEN_REFERENCES["sprog_disc"](frames(), 3)["zh"], offset_sprog([0.0, 2.0, 3.0])(frames(), 3)["zh"]
    echo, dry = plain >= 15, ~(plain > 10)
    assert echo.any(axis=(1, 2)).all()
    np.testing.assert_allclose(stronger[echo], (plain + np.array([0.0, 2.0, 3.0])[:, None, None])[echo])
    np.testing.assert_array_equal(stronger[dry], plain[dry])


def test_where_echoes_grow_the_offset_that_is_chosen_does_too() -> None:
    """The truth grows by one decibel a lead from just below 35 dBZ: the later lead, the more must be added to be as strong."""
    chosen = sprog_offset([windows()])
    assert len(chosen) == 10
    assert set(chosen) <= set(OFFSETS_DB)
    assert chosen[-1] >= chosen[0]
    assert max(chosen) > 0


def test_a_matched_nowcast_has_the_last_distribution_where_it_is_known_and_keeps_its_ranks() -> None:
    def blurred(given: Fields, leads: int) -> Fields:
        made = 0.5 * REFERENCES["persistence"](given, leads)["zh"]
        made[:, :5] = np.nan
        return {"zh": made}

    made, last = matched(blurred)(frames(), 2)["zh"], frames()["zh"][-1]
    assert np.isnan(made[:, :5]).all()
    np.testing.assert_allclose(np.sort(made[0, 5:].ravel())[-200:], np.sort(last[5:].ravel())[-200:], rtol=0.02)
    order = np.argsort(last[5:].ravel())[-200:]
    assert (np.diff(made[0, 5:].ravel()[order]) >= 0).all()


def test_a_dry_nowcast_is_not_matched() -> None:
    dry = {"zh": np.zeros((10, 16, 16))}
    assert not matched(REFERENCES["persistence"])(dry, 2)["zh"].any()
