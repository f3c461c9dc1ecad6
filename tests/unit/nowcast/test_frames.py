"""What a nowcast starts from when frames are absent: the design's table, filling, alignment to T."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.nowcast.extrapolation import advect
from stormcycle.nowcast.frames import aligned_to_present, blended, carried, extrapolated, fill_gaps, filled_rejections, plan_frames, velocity_of
from stormcycle.states import NO_ECHO_DBZ, dry_filled

INSIDE = (slice(25, -25), slice(25, -25))


def hour(missing: set[int], count: int = 10) -> np.ndarray:
    return np.array([index not in missing for index in range(count)])


@pytest.mark.parametrize(
    ("missing", "kind", "age"),
    [
        (set(), "whole", 0),
        ({4}, "filled", 0),
        ({2, 4, 7}, "filled", 0),
        ({0, 1, 2}, "filled", 0),
        ({9}, "filled", 6),
        ({8, 9}, "filled", 12),
        ({7, 8, 9}, "extrapolated", 18),  # three of ten, but the newest is older than 12 min
        ({1, 2, 3, 4}, "extrapolated", 0),
        ({5, 6, 7, 8, 9}, "extrapolated", 30),
        ({4, 5, 6, 7, 8, 9}, "none", 36),
        (set(range(8)), "extrapolated", 0),  # two left
        (set(range(9)), "none", 0),  # one left
        (set(range(10)), "none", float("inf")),
    ],
)
def test_the_table_of_the_design(missing: set[int], kind: str, age: float):
    plan = plan_frames(hour(missing), 6)
    assert (plan.kind, plan.missing, plan.present, plan.newest_age_min) == (kind, len(missing), 10 - len(missing), age)


@pytest.mark.parametrize(
    ("step", "missing", "kind"),
    [
        (5, {1, 2, 3}, "filled"),
        (5, {1, 2, 3, 4}, "extrapolated"),
        (5, {10, 11}, "filled"),
        (5, {9, 10, 11}, "extrapolated"),
        (10, {1}, "filled"),
        (10, {5}, "filled"),
        (10, {1, 2}, "extrapolated"),
        (15, {1}, "filled"),
        (15, {3}, "extrapolated"),
        (15, {2, 3}, "extrapolated"),
        (15, {1, 2, 3}, "none"),
    ],
)
def test_other_steps_keep_the_shares_and_the_ages(step: int, missing: set[int], kind: str):
    assert plan_frames(hour(missing, 60 // step), step).kind == kind


@given(st.lists(st.booleans(), min_size=10, max_size=10), st.integers(0, 9))
def test_losing_a_frame_never_makes_a_plan_better(present: list[bool], lost: int):
    order = ["whole", "filled", "extrapolated", "none"]
    before = plan_frames(np.array(present), 6)
    after = plan_frames(np.array([there and index != lost for index, there in enumerate(present)]), 6)
    assert order.index(after.kind) >= order.index(before.kind)
    assert before.missing + before.present == 10
    if before.kind != "none":
        assert before.present >= 2
        assert before.newest_age_min <= 30


def test_a_missing_frame_of_a_uniformly_moving_field_is_made_as_it_was(moving, uniform):
    truth = np.stack([moving(time) for time in range(5)])
    present = hour({2}, 5)
    frames = np.where(present[:, None, None], truth, np.nan).astype("float32")
    filled = fill_gaps(frames, present, uniform())
    np.testing.assert_allclose(filled[2][INSIDE], truth[2][INSIDE], atol=1e-3)
    np.testing.assert_array_equal(filled[present], frames[present])


def test_a_missing_newest_frame_is_carried_from_the_one_before(moving, uniform):
    truth = np.stack([moving(time) for time in range(4)])
    present = hour({2, 3}, 4)
    filled = fill_gaps(np.where(present[:, None, None], truth, np.nan).astype("float32"), present, uniform())
    np.testing.assert_allclose(filled[3][INSIDE], truth[3][INSIDE], atol=1e-3)


def test_the_nearer_neighbour_weighs_more():
    frames = np.full((4, 8, 8), np.nan, "float32")
    frames[0], frames[3] = 10.0, 40.0
    filled = fill_gaps(frames, hour({1, 2}, 4), np.zeros((2, 8, 8)))
    np.testing.assert_allclose(filled[1], 20.0)
    np.testing.assert_allclose(filled[2], 30.0)


def test_filling_keeps_no_echo_and_not_observed_apart():
    frames = np.full((3, 8, 8), NO_ECHO_DBZ, "float32")
    frames[1], frames[:, 4:], frames[0, 0] = np.nan, np.nan, 30.0
    filled = fill_gaps(frames, hour({1}, 3), np.zeros((2, 8, 8)))
    assert (filled[1, 0] == 15.0).all()  # an echo and no echo: no echo counts as 0 dBZ
    assert (filled[1, 1:4] == NO_ECHO_DBZ).all()
    assert np.isnan(filled[1, 4:]).all()


def test_what_one_neighbour_knows_is_enough():
    one, other = np.array([[20.0, np.nan, NO_ECHO_DBZ]]), np.array([[np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(blended([(one, 1.0), (other, 0.5)]), [[20.0, np.nan, NO_ECHO_DBZ]])


def test_carrying_there_and_back_gives_the_field_again(moving, uniform):
    field = moving(0)
    back = carried(carried(field, uniform(), 3.0), uniform(), -3.0)
    np.testing.assert_allclose(back[INSIDE], field[INSIDE], atol=1e-3)
    assert carried(field, uniform(), 0) is field


def test_a_carried_edge_of_an_echo_is_not_thinned_by_the_dry_beside_it(uniform):
    field = np.full((32, 32), NO_ECHO_DBZ, "float32")
    field[10:20, 10:20] = 40.0
    found = carried(field, uniform(0, 1, 32), 0.4)
    assert set(np.unique(found[~np.isnan(found)])) == {np.float32(NO_ECHO_DBZ), np.float32(40.0)}


def test_frames_of_the_past_are_carried_to_the_present(moving, uniform):
    positions = np.array([-5.0, -3.5, -2.0])
    frames = np.stack([moving(time) for time in positions])
    found = aligned_to_present(frames, positions, uniform())
    for made, time in zip(found, (-2, -1, 0), strict=True):
        truth = moving(time)
        wet = (truth[INSIDE] > 12.0) & (made[INSIDE] > 12.0)
        assert wet.mean() > 0.5
        assert np.abs(made[INSIDE][wet] - truth[INSIDE][wet]).max() < 1.0
        assert ((truth[INSIDE] > 10) == (made[INSIDE] > 10)).mean() > 0.97


@pytest.mark.parametrize("positions", [[-2.0, -1.0, 0.0], [-4.0, -2.0, 0.0], [-3.0, -1.0, 0.0]])
def test_velocity_is_a_step_however_the_frames_are_spaced(moving, positions: list[float]):
    velocity = velocity_of(np.stack([moving(time) for time in positions]), np.array(positions), 3)
    assert np.median(velocity[0][INSIDE]) == pytest.approx(2.0, abs=0.25)
    assert np.median(velocity[1][INSIDE]) == pytest.approx(1.0, abs=0.25)


def test_rejected_holes_are_filled_from_the_nearest_observed_pixel_and_unknown_ones_are_not():
    frames = np.full((2, 12, 12), 20.0)
    frames[0, 3, 4] = frames[0, 8, 8] = np.nan
    frames[0, 3, 5] = 35.0
    frames[0, 2, 4] = frames[0, 4, 4] = frames[0, 3, 3] = np.nan  # so that one pixel is nearest
    rejected = np.zeros(frames.shape, bool)
    rejected[0, 3, 4] = rejected[0, 0, 0] = True
    zdr = np.where(frames == 35.0, 2.5, np.where(np.isnan(frames), np.nan, 1.0))
    both = filled_rejections({"zh": frames, "zdr": zdr}, rejected)
    filled = both["zh"]
    assert (filled[0, 3, 4], both["zdr"][0, 3, 4]) == (35.0, 2.5)  # both of one pixel
    assert np.isnan(filled[0, 8, 8])  # nobody looked there
    assert filled[0, 0, 0] == 20.0  # another beam saw it
    untouched = ~np.isnan(frames)
    assert np.array_equal(filled[untouched], frames[untouched])
    assert np.array_equal(both["zdr"][untouched], zdr[untouched])


def test_a_wide_rejected_area_stays_unknown_in_its_middle_and_an_absent_frame_absent():
    frames = np.full((2, 30, 30), 10.0)
    frames[0, 5:25, 5:25] = np.nan
    frames[1] = np.nan
    filled = filled_rejections({"zh": frames}, np.isnan(frames))["zh"]
    assert np.isnan(filled[0, 15, 15])
    assert filled[0, 6, 15] == 10.0
    assert np.isnan(filled[1]).all()


def test_every_variable_moves_with_the_echo_and_its_edge_is_no_mix_with_the_dry_beside_it(uniform):
    zh, zdr = np.full((40, 40), NO_ECHO_DBZ), np.full((40, 40), np.nan)
    zh[10:20, 10:20], zdr[10:20, 10:20] = 40.0, 2.0
    made = extrapolated({"zh": zh, "zdr": zdr}, uniform(1.0, 1.5, 40), 3)
    assert list(made) == ["zh", "zdr"]
    for lead in (1, 2, 3):
        wet = made["zh"][lead - 1] > 0.1
        np.testing.assert_allclose(made["zdr"][lead - 1][wet], 2.0)  # at the edge too, where reflectivity is half of it
        assert np.isnan(made["zdr"][lead - 1][made["zh"][lead - 1] == 0.0]).all()
        rows, columns = np.nonzero(wet)
        assert (rows.min(), columns.min()) == (10 + lead, int(10 + 1.5 * lead))


def test_what_is_carried_of_reflectivity_is_the_plain_extrapolation(moving, uniform):
    newest = moving(0)
    made = extrapolated({"zh": newest}, uniform(), 4)
    np.testing.assert_array_equal(made["zh"], advect(dry_filled(newest), uniform(), range(1, 5)))
