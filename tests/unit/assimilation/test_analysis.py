"""An hour's analysis with a small operator: what it corrects, what it leaves alone, what it refuses."""

import numpy as np
import pytest
import torch

from stormcycle.assimilation import PAPER, analyse, differentiable
from stormcycle.assimilation.analysis import HUMIDITY, local_mask
from stormcycle.assimilation.control import root_of
from stormcycle.assimilation.diagnostics import diagnostics
from stormcycle.assimilation.errors import DEVIATIONS, correlation_of, root_for
from stormcycle.background import CHANNELS
from stormcycle.domain.assimilation import Analysis
from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ

SHAPE = (41, 41)
OWN = Analysis(rim_km=0.0)
NEAR = np.zeros(SHAPE)


def moist(state: torch.Tensor) -> torch.Tensor:
    """More rain the moister the air is: smooth, local, 25 dBZ at 70 %."""
    return 25.0 + 10.0 * torch.tanh((state[12:16].mean(0) - 70.0) / 20.0) * 2.0


def state() -> np.ndarray:
    made = np.zeros((len(CHANNELS), *SHAPE), "float32")
    made[:4], made[12:16], made[16:] = 285.0, 70.0, np.array([290.0, 70.0, 101300.0])[:, None, None]
    return made


def outcome(observed: np.ndarray, settings: Analysis = OWN, distance: np.ndarray = NEAR, background: np.ndarray | None = None, **more):
    root = root_of(DEVIATIONS, SHAPE, 4.4, settings.length_km, dtype=torch.float64)
    return analyse(state() if background is None else background, observed, distance, root, differentiable(moist), 3.0, settings, **more)


def test_humidity_that_the_operator_sees_moves_towards_the_radar_and_nothing_else_does():
    observed = np.full(SHAPE, 30.0)
    found = outcome(observed)
    change = found.state - state()
    assert (change[12:16] > 1.0).all()
    others = [index for index in range(len(CHANNELS)) if index not in range(12, 16)]
    assert not change[others].any()
    assert np.abs(30.0 - found.said_after).mean() < 0.5 * np.abs(30.0 - found.said_before).mean()
    assert found.minimum.costs == sorted(found.minimum.costs, reverse=True)


def test_one_observation_makes_a_compact_and_isotropic_increment():
    observed = np.full(SHAPE, np.nan)
    observed[20, 20] = 35.0
    change = (outcome(observed).state - state())[13]
    assert np.unravel_index(np.abs(change).argmax(), SHAPE) == (20, 20)
    np.testing.assert_allclose(change, change.T, atol=1e-3)
    np.testing.assert_allclose(change, change[::-1], atol=1e-3)
    assert np.abs(change[20, 20 + 9 :]).max() < 0.01 * change[20, 20]  # beyond 40 km


def test_beyond_the_disc_no_observation_counts_and_a_hard_mask_lets_an_increment_only_leak():
    distance = np.hypot(*np.meshgrid(np.arange(41) - 20, np.arange(41) - 20)) * 4.4
    settings = Analysis(disc_km=40.0, rim_km=0.0)
    found = outcome(np.full(SHAPE, 30.0), settings, distance)
    assert not found.used[distance > 40.0].any()
    assert found.used[distance <= 40.0].all()
    change = np.abs(found.state - state())[13]
    assert change[distance > 80.0].max(initial=0.0) < 0.01 * change.max()


def test_the_mask_fades_over_its_rim():
    distance = np.array([[0.0, 140.0, 150.0, 160.0, 161.0]])
    np.testing.assert_allclose(local_mask(distance, 160.0, 20.0), [[1.0, 1.0, 0.5, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_array_equal(local_mask(distance, 160.0, 0.0), [[1.0, 1.0, 1.0, 1.0, 0.0]])


def test_a_spoke_of_70_dbz_is_left_out_and_the_analysis_stays_bounded():
    observed = np.full(SHAPE, 25.0)
    observed[:, 20] = 70.0
    found = outcome(observed)
    assert not found.used[:, 20].any()
    assert found.used[:, :20].all()
    assert np.abs(found.state - state()).max() < 1.0


def test_where_no_check_leaves_it_out_the_huber_norm_bounds_a_spokes_pull():
    observed = np.full(SHAPE, 25.0)
    observed[:, 20] = 70.0
    plain = outcome(observed, Analysis(rim_km=0.0, gross_db=None)).state - state()
    tailed = outcome(observed, Analysis(rim_km=0.0, gross_db=None, tail=2.0)).state - state()
    assert np.abs(tailed).max() < np.abs(plain).max()


def test_humidity_never_leaves_what_air_can_hold_and_what_was_clipped_is_counted():
    background = state()
    background[12:16] = 98.0
    found = outcome(np.full(SHAPE, 45.0), Analysis(rim_km=0.0, gross_db=None), background=background)
    assert found.clipped > 0
    assert found.state[list(HUMIDITY)].max() <= 100.0
    assert found.state[list(HUMIDITY)].min() >= 0.0


def test_dry_radar_over_a_wet_background_dries_it_and_wet_over_dry_moistens():
    dried = outcome(np.zeros(SHAPE)).state - state()
    assert (dried[12:16] < -1.0).all()
    dry = state()
    dry[12:16] = 30.0  # the operator says less than the floor
    moistened = outcome(np.full(SHAPE, 22.0), background=dry).state - dry
    assert (moistened[12:16] > 1.0).all()


def test_a_dry_pixel_costs_nothing_where_the_operator_is_below_the_floor_but_does_in_the_papers_settings():
    dry = state()
    dry[12:16] = 20.0
    said = float(moist(torch.tensor(dry)).mean())
    assert 0.0 < said < HOURLY_FLOOR_DBZ - 5.0
    assert np.abs(outcome(np.zeros(SHAPE), background=dry).state - dry).max() < 0.1
    assert np.abs(outcome(np.zeros(SHAPE), PAPER, background=dry).state - dry).max() > 0.5


def test_the_diagnostics_are_those_of_the_definitions():
    observed = np.full(SHAPE, 30.0)
    found = outcome(observed)
    figures = diagnostics(found, observed)
    before, after = 30.0 - found.said_before, 30.0 - found.said_after
    assert figures["innovation_rmse"] == pytest.approx(np.sqrt((before**2).mean()))
    assert figures["residual_rmse"] == pytest.approx(np.sqrt((after**2).mean()))
    assert figures["observation_ratio"] == pytest.approx(np.sqrt((before * after).mean()) / 3.0)
    assert figures["chi_square"] == pytest.approx(2 * found.minimum.cost.total / observed.size)
    assert figures["observations"] == observed.size


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda background, observed: background.__setitem__((3, 5, 5), np.nan), "not whole: channels 3"),
        (lambda background, observed: background.__setitem__((slice(8, 9),), np.nan), "not whole: channels 8"),
        (lambda background, observed: observed.__setitem__(..., np.nan), "No pixel was observed often enough"),
        (lambda background, observed: observed.__setitem__(..., 80.0), "No observation can be used"),
    ],
    ids=["NaN inside", "a missing level", "no radar", "nothing but gross errors"],
)
def test_what_no_analysis_can_be_made_of_is_said_in_a_sentence(spoil, words):
    background, observed = state(), np.full(SHAPE, 30.0)
    spoil(background, observed)
    with pytest.raises(ValueError, match=words):
        outcome(observed, background=background)


def test_another_grid_is_refused():
    with pytest.raises(ValueError, match="not of one grid"):
        outcome(np.full((40, 41), 30.0))


def test_background_errors_of_a_kind():
    whole = np.full((19, 19), 0.4) + 0.6 * np.eye(19)
    assert correlation_of(whole, "none") is None
    np.testing.assert_array_equal(correlation_of(whole, "full"), whole)
    levels = correlation_of(whole, "levels")
    assert levels is not None
    assert levels[0, 3] == 0.4
    assert levels[0, 4] == 0.0
    assert (np.diag(levels) == 1.0).all()
    with pytest.raises(ValueError, match=r"needs analysis\.background_errors"):
        root_for(Analysis(correlation="full"), None, SHAPE, 4.4)


def test_an_analysis_does_not_depend_on_the_threads_that_torch_is_given():
    before = torch.get_num_threads()
    observed = np.random.default_rng(0).uniform(15.0, 40.0, SHAPE)
    try:
        made = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.append(outcome(observed).state)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*made)
