import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysteps.extrapolation.semilagrangian import extrapolate

from stormcycle.nowcast.lagrangian import carried_along, displacements, forecast, mirrored, moving_frames, seen_disc

SHAPE = (48, 64)


def blob(y: float, x: float) -> np.ndarray:
    """A round echo of 40 dBZ at a place."""
    rows, columns = np.indices(SHAPE)
    return 40.0 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 30.0)


def uniform(u: float, v: float) -> np.ndarray:
    return np.stack([np.full(SHAPE, u), np.full(SHAPE, v)])


@pytest.fixture
def whirl(rng: np.random.Generator) -> np.ndarray:
    """A motion that differs from place to place."""
    rows, columns = np.indices(SHAPE)
    return np.stack([2.0 + np.sin(rows / 9.0), np.cos(columns / 7.0)]) + 0.2 * rng.standard_normal((2, 1, 1))


def test_where_pixels_came_from_is_what_pysteps_integrates_over_all_leads_at_once(whirl: np.ndarray) -> None:
    paths = displacements(whirl, 5)
    for leads in (1, 3, 5):
        _, whole = extrapolate(None, whirl, leads, return_displacement=True)
        np.testing.assert_allclose(paths[leads - 1], whole, atol=1e-12)


def test_without_a_change_the_forecast_is_pysteps_extrapolation_to_the_last_bit(whirl: np.ndarray, rng: np.random.Generator) -> None:
    newest = rng.uniform(0, 50, SHAPE)
    made = forecast(newest, np.zeros((6, *SHAPE)), displacements(whirl, 6), np.ones(SHAPE, bool))
    wanted = extrapolate(newest, whirl, 6)
    known = ~np.isnan(made)
    np.testing.assert_array_equal(made[known], wanted[known])
    assert known[:, 12:-12, 24:].all()


@given(u=st.integers(-3, 3), v=st.integers(-3, 3))
def test_echoes_that_move_evenly_stand_still_in_the_moving_frame(u: int, v: int) -> None:
    frames = np.stack([blob(24 + v * (t - 3), 32 + u * (t - 3)) for t in range(4)])
    moving = moving_frames(frames, displacements(uniform(u, v), 3))
    inside = (slice(12, -12), slice(12, -12))
    for frame in moving:
        np.testing.assert_allclose(frame[inside], frames[-1][inside], atol=1e-5)


def test_a_change_is_carried_along_with_the_echo_that_it_changes() -> None:
    change = np.stack([5.0 * (blob(24, 32) > 10)] * 2)
    made = forecast(blob(24, 32), change, displacements(uniform(4, 0), 2), np.ones(SHAPE, bool))
    np.testing.assert_allclose(made[1][:, 8:], (blob(24, 40) + 5.0 * (blob(24, 40) > 10))[:, 8:], atol=1e-6)


def test_nothing_is_said_where_the_air_comes_from_beyond_what_was_seen() -> None:
    mask = np.ones(SHAPE, bool)
    mask[:, :10] = False
    made = forecast(np.full(SHAPE, 30.0), np.full((2, *SHAPE), 7.0), displacements(uniform(5, 0), 2), mask)
    for lead, first in enumerate((15, 20)):
        assert np.isnan(made[lead][:, :first]).all()
        assert (made[lead][:, first:] == 37.0).all()


def test_nothing_is_forecast_where_no_radar_sees() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[10:30] = True
    made = forecast(blob(24, 32), np.full((3, *SHAPE), -60.0), displacements(uniform(1, 1), 3), mask)
    assert np.isnan(made[:, ~mask]).all()
    assert not np.isnan(made[:, 14:30, 4:]).any()
    assert np.nanmax(made) <= -19.0


def test_the_disc_reaches_to_the_farthest_echo_and_needs_no_future() -> None:
    frames = np.full((3, 101, 101), -32.0)
    frames[1, 50, 80], frames[2, 40, 50] = 12.0, 33.0
    y, x = np.indices((101, 101)) - 50
    np.testing.assert_array_equal(seen_disc(frames), np.hypot(y, x) <= 30)


def test_a_dry_scene_is_seen_everywhere() -> None:
    assert seen_disc(np.full((3, 20, 30), -32.0)).all()


def test_outside_the_field_there_is_nothing() -> None:
    right = np.stack([np.full((3, 4), 10.0), np.zeros((3, 4))])
    assert (carried_along(np.ones((3, 4)), right) == 0).all()


@given(rows=st.integers(1, 70), columns=st.integers(1, 70), border=st.integers(0, 40))
def test_a_mirrored_border_reaches_the_next_multiple_and_keeps_the_field(rows: int, columns: int, border: int) -> None:
    field = np.random.default_rng(rows).uniform(size=(2, rows, columns))
    made = mirrored(field, border, 32)
    assert made.shape[-2] % 32 == made.shape[-1] % 32 == 0
    assert (made.shape[-2] - rows - 2 * border, made.shape[-1] - columns - 2 * border) < (32, 32)
    np.testing.assert_array_equal(made[:, border : border + rows, border : border + columns], field)
    if 0 < border < rows:
        np.testing.assert_array_equal(made[:, border - 1, border : border + columns], field[:, 1])
