"""Motion and advection against fields whose motion is known, and scipy's shift; dry scenes do not raise."""

import numpy as np
import pytest
from scipy.ndimage import shift

from stormcycle.nowcast.extrapolation import advect, extrapolation, motion, persistence, sprog
from stormcycle.states import NO_ECHO_DBZ, dry_filled

INSIDE = (slice(20, -20), slice(20, -20))


@pytest.mark.parametrize(("rows", "columns"), [(1.0, 2.0), (-2.0, 1.0), (0.0, -3.0)])
def test_the_motion_of_a_translated_field_is_its_translation(moving, rows: float, columns: float):
    velocity = motion(np.stack([moving(time, rows, columns) for time in range(3)]))
    assert np.median(velocity[0][INSIDE]) == pytest.approx(columns, abs=0.2)
    assert np.median(velocity[1][INSIDE]) == pytest.approx(rows, abs=0.2)


def test_a_field_that_stands_still_has_no_motion(moving):
    velocity = motion(np.stack([moving(0.0)] * 3))
    assert np.abs(velocity).max() < 0.1


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("lead", [1, 3, -2])
def test_whole_pixel_motion_is_scipys_shift(uniform, order: int, lead: int):
    field = np.random.default_rng(1).uniform(0, 60, (40, 40))
    found = advect(field, uniform(-2, 3, 40), [lead], order)[0]
    wanted = shift(field, (-2 * lead, 3 * lead), order=0, cval=np.nan, prefilter=False)
    both = ~np.isnan(found)
    np.testing.assert_allclose(found[both], wanted[both], atol=1e-6)
    assert (both == ~np.isnan(wanted)).mean() > 0.9  # they may differ on the rim


def test_half_a_pixel_is_the_mean_of_two_neighbours(uniform):
    field = np.random.default_rng(1).uniform(0, 60, (40, 40))
    found = advect(field, uniform(0, 1, 40), [0.5])[0]
    np.testing.assert_allclose(found[5:-5, 5:-5], ((field + np.roll(field, 1, axis=1)) / 2)[5:-5, 5:-5], atol=1e-6)


def test_what_comes_from_outside_is_unknown(uniform):
    found = advect(np.ones((40, 40)), uniform(0, 5, 40), [1, 2])
    assert np.isnan(found[0, :, :4]).all()
    assert np.isnan(found[1, :, :9]).all()
    assert (found[1, :, 11:] == 1.0).all()


def test_no_leads_give_no_fields(uniform):
    assert advect(np.ones((40, 40)), uniform(0, 1, 40), []).shape == (0, 40, 40)


def test_the_extrapolation_of_a_moving_field_is_the_field_later_and_better_than_persistence(moving):
    frames = np.stack([moving(time) for time in range(-3, 1)])
    leads = [1, 2, 3]
    truth = np.stack([dry_filled(moving(time)) for time in leads])
    errors = [np.nanmean(np.abs(method(frames, leads) - truth)[:, *INSIDE]) for method in (extrapolation, persistence)]
    assert errors[0] < 0.25 * errors[1]


def test_persistence_is_the_last_frame_with_zeros_for_nothing():
    frames = np.array([[[1.0, 2.0]], [[NO_ECHO_DBZ, np.nan]], [[40.0, np.nan]]])
    assert persistence(frames, [1, 2]).tolist() == [[[40.0, 0.0]]] * 2


@pytest.mark.parametrize("nothing", [NO_ECHO_DBZ, np.nan, 0.0])
@pytest.mark.parametrize("method", [lambda frames: extrapolation(frames, [1, 2]), lambda frames: sprog(frames, 2)], ids=["extrapolation", "sprog"])
def test_a_dry_scene_stays_dry(nothing: float, method):
    found = method(np.full((4, 64, 64), nothing, "float32"))
    assert found.shape == (2, 64, 64)
    assert (found[~np.isnan(found)] <= 0.0).all()
    assert not np.isnan(found).any()  # nothing moves: nothing comes from outside


@pytest.mark.parametrize("dry", [[0], [3], [0, 1], [1, 2, 3], [0, 1, 2]])
def test_a_half_dry_hour_does_not_raise(moving, dry: list[int]):
    frames = np.stack([moving(time) for time in range(4)])
    frames[dry] = NO_ECHO_DBZ
    for found in (extrapolation(frames, [1, 2]), sprog(frames, 2)):
        assert found.shape == (2, 96, 96)
        if 3 in dry:
            assert (found[~np.isnan(found)] <= 0.0).all()


def test_sprog_keeps_the_rain_where_it_goes_and_smooths_it(moving):
    frames = np.stack([moving(time) for time in range(-3, 1)])
    found, truth = sprog(frames, 2), dry_filled(moving(2))
    assert found.shape == (2, 96, 96)
    known = ~np.isnan(found[1])
    assert np.corrcoef(found[1][known], truth[known])[0, 1] > 0.7
