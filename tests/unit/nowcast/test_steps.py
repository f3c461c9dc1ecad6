"""A model asked for frames of another step: what it gets, what becomes of its answer, and what it cannot be told."""

import numpy as np
import pytest

from stormcycle.nowcast.extrapolation import extrapolation, motion
from stormcycle.nowcast.neural import neural_forecast
from stormcycle.nowcast.steps import at_step, brought
from stormcycle.nowcast.variables import Fields
from stormcycle.states import NO_ECHO_DBZ


def moving(minutes: np.ndarray) -> np.ndarray:
    """An echo that moves by 0.4 pixels a minute to the right, at some minutes."""
    rows, columns = np.indices((64, 96))
    made = np.stack([45.0 * np.exp(-((rows - 30) ** 2 + (columns - 44 - 0.4 * minute) ** 2) / 80.0) for minute in minutes])
    return np.where(made < 1.0, NO_ECHO_DBZ, made)


def velocity_of(step: float) -> np.ndarray:
    """The motion of `moving`, pixels a step."""
    return np.stack([np.full((64, 96), 0.4 * step), np.zeros((64, 96))])


@pytest.mark.parametrize(("step", "count"), [(5.0, 12), (5.0, 10), (10.0, 6), (12.0, 5)])
def test_a_model_gets_frames_of_its_own_step_and_its_leads_come_back_at_the_frames(step: float, count: int) -> None:
    asked = {}

    def ask(frames: Fields, velocity: np.ndarray, leads: int) -> Fields:
        asked.update(frames=frames, velocity=velocity, leads=leads)
        return {"zh": moving(6.0 * np.arange(1, leads + 1))}

    leads = int(60 // step)
    made = at_step(ask, {"zh": moving(step * np.arange(1 - count, 1))}, velocity_of(step), leads, step, 6.0)["zh"]
    echo = 10.0
    for told, wanted in ((asked["frames"]["zh"], moving(np.arange(-54.0, 1.0, 6.0))), (made, moving(step * np.arange(1, leads + 1)))):
        both = (told > echo) & (wanted > echo)
        assert told.shape == wanted.shape
        assert both.sum() > 0.97 * (wanted > echo).sum()
        assert np.abs(told - wanted)[both].max() < 1.5  # what half a pixel of bilinear carrying costs at most
    assert asked["leads"] == 10
    np.testing.assert_allclose(asked["velocity"], velocity_of(6.0))


def test_frames_of_the_models_step_are_passed_as_they_are() -> None:
    frames = {"zh": np.random.default_rng(0).uniform(0, 40, (12, 8, 9))}
    told = at_step(lambda frames, velocity, leads: {"zh": frames["zh"][:leads]}, frames, np.zeros((2, 8, 9)), 4, 6, 6)
    assert np.array_equal(told["zh"], frames["zh"][2:6])


def test_what_is_not_observed_and_what_is_dry_stay_apart_when_they_are_carried() -> None:
    field = np.full((1, 40, 40), 30.0)
    field[0, :, :10], field[0, :, 10:20] = np.nan, NO_ECHO_DBZ
    (told,) = brought(field, np.array([0.0]), np.array([0.5]), np.stack([np.full((40, 40), 4.0), np.zeros((40, 40))]))
    assert np.isnan(told[:, 3:11]).all()
    assert (told[:, 13:21] == NO_ECHO_DBZ).all()
    assert (told[:, 24:] == 30.0).all()
    assert set(np.unique(np.nan_to_num(told, nan=-99.0))) <= {-99.0, NO_ECHO_DBZ, 30.0}


def test_a_network_without_a_change_is_the_extrapolation_at_any_step() -> None:
    frames = moving(5.0 * np.arange(-11, 1))
    velocity = motion(frames[-3:])
    mask = np.ones((64, 96), bool)

    def ask(frames: Fields, velocity: np.ndarray, leads: int) -> Fields:
        return neural_forecast(frames, velocity, leads, mask, lambda moving, mask: np.zeros_like(moving))

    made, expected = at_step(ask, {"zh": frames}, velocity, 12, 5, 6)["zh"], extrapolation(frames, range(1, 13))
    both = ~np.isnan(made) & ~np.isnan(expected)
    assert made.shape == (12, 64, 96)
    assert both.mean() > 0.6
    assert np.abs(made - expected)[both].mean() < 0.1


@pytest.mark.parametrize(("step", "count"), [(15.0, 4), (5.0, 6), (10.0, 3)])
def test_frames_too_far_apart_or_too_few_are_refused(step: float, count: int) -> None:
    with pytest.raises(ValueError, match=f"one every 6 min; here are {count}, one every {step:g} min"):
        at_step(lambda *_: {}, {"zh": moving(step * np.arange(1 - count, 1))}, velocity_of(step), 4, step, 6.0)
