"""Exceedance of a small STEPS ensemble: repeatable, a share, falling with the threshold; dry scenes do not raise."""

import numpy as np
import pytest

from stormcycle.nowcast.probability import exceedance, neighbourhood
from stormcycle.states import NO_ECHO_DBZ

THRESHOLDS = (15.0, 20.0, 30.0, 40.0)


@pytest.fixture
def frames(moving) -> np.ndarray:
    return np.stack([moving(time) for time in (-2, -1, 0)])


def shares(frames: np.ndarray, velocity: np.ndarray, seed: int = 1, members: int = 4) -> np.ndarray:
    return exceedance(frames, velocity, 2, THRESHOLDS, members, seed, 1.0, 6.0)


def test_the_same_seed_gives_the_same_and_another_seed_another(frames, uniform):
    first, again, other = (shares(frames, uniform(), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other, equal_nan=True)


def test_shares_are_counts_of_members_and_fall_with_the_threshold(frames, uniform):
    found = shares(frames, uniform())
    assert found.shape == (4, 2, 96, 96)
    known = found[~np.isnan(found)]
    assert known.min() >= 0.0
    assert known.max() <= 1.0
    inside = found[:, :, 20:-20, 20:-20]
    np.testing.assert_allclose(inside * 4, np.rint(inside * 4), atol=1e-5)
    assert (np.diff(inside, axis=0) <= 0).all()


def test_the_core_of_a_storm_is_more_likely_than_its_surroundings(frames, moving, uniform):
    found, truth = shares(frames, uniform())[2, 0], moving(1)
    known = ~np.isnan(found)
    assert found[known & (truth > 36)].mean() > 0.7 > 0.3 > found[known & (truth < 15)].mean()


@pytest.mark.parametrize("nothing", [NO_ECHO_DBZ, np.nan])
def test_a_dry_scene_has_no_chance_of_rain(nothing: float, uniform):
    found = shares(np.full((3, 96, 96), nothing, "float32"), uniform(0, 0))
    assert (found == 0.0).all()


@pytest.mark.parametrize("dry", [[0], [2], [0, 1]])
def test_a_half_dry_scene_is_the_extrapolation_and_says_nought_or_one(frames, uniform, dry: list[int]):
    frames[dry] = NO_ECHO_DBZ
    found = shares(frames, uniform())
    assert set(np.unique(found[~np.isnan(found)])) <= {0.0, 1.0}
    assert (np.nan_to_num(found).sum() == 0) == (2 in dry)


def test_two_frames_alone_of_which_one_moved_by_whole_pixels_are_carried_exactly(uniform):
    spot = np.full((3, 96, 96), NO_ECHO_DBZ, "float32")
    spot[2, 50, 40] = 45.0  # too little rain for STEPS
    found = shares(spot, uniform(1, 2))
    assert [tuple(map(int, np.argwhere(found[3, lead] == 1.0)[0])) for lead in (0, 1)] == [(51, 42), (52, 44)]


def test_a_neighbourhood_is_the_share_of_its_observed_pixels(rng):
    field = rng.uniform(0, 50, (24, 26))
    field[:, :9] = np.nan
    made = neighbourhood(field, np.zeros((2, 24, 26)), 3, (20.0, 30.0), 3.0)
    assert made.shape == (2, 3, 24, 26)
    width = 6  # of the second lead: a disc of this diameter, its middle at 3
    near = [(y - 3, x - 3) for y in range(width) for x in range(width) if (y - 3) ** 2 + (x - 3) ** 2 <= 9]
    for row, column in ((12, 14), (12, 10), (3, 20)):
        for index, threshold in enumerate((20.0, 30.0)):
            # a convolution of even width looks half a pixel further up and to the left
            values = [field[row - y - 1, column - x - 1] for y, x in near if 0 <= row - y - 1 < 24 and 0 <= column - x - 1 < 26]
            seen = [value for value in values if not np.isnan(value)]
            assert made[index, 1, row, column] == pytest.approx(np.mean([value >= threshold for value in seen]), abs=1e-6)
    assert np.isnan(made[:, :, :, :8]).all()
    assert (np.diff(made, axis=0)[:, ~np.isnan(made[0])] <= 1e-6).all()
