"""Which volume owns which slot, what several radars see together, the frames of the hour."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.radar.mosaic import Member, hour_frames, mosaic, nominal_time, place
from stormcycle.states import NO_ECHO_DBZ, GranuleState
from stormcycle.times import frame_slots

OK, PARTIAL = GranuleState.OK, GranuleState.PARTIAL


def at(text: str) -> np.datetime64:
    return np.datetime64(f"2026-07-01T{text}", "s")


SLOTS = frame_slots(at("12:00"), 6)  # 11:06 ... 12:00


def states(*volumes: tuple[str, str, GranuleState], step: int = 6) -> list[tuple[int | None, str]]:
    placed = place([(site, at(time), state) for site, time, state in volumes], frame_slots(at("12:00"), step), step)
    return [(item.slot, str(item.state)) for item in placed]


def test_a_volume_four_minutes_off_goes_to_the_neighbouring_slot():
    assert states(("a", "11:16", OK), ("a", "11:22", OK)) == [(2, "ok"), (3, "ok")]  # 11:12 + 4 min -> 11:18
    assert states(("a", "12:02", OK)) == [(9, "ok")]  # just after T


def test_of_two_in_one_slot_the_nearest_stays():
    assert states(("a", "11:10", OK), ("a", "11:13", OK)) == [(None, "duplicate"), (1, "ok")]
    assert states(("a", "11:13", OK), ("a", "11:10", OK)) == [(1, "ok"), (None, "duplicate")]


def test_at_the_same_distance_a_whole_volume_beats_a_partial_one_and_nearness_beats_wholeness():
    assert states(("a", "11:11", PARTIAL), ("a", "11:13", OK)) == [(None, "duplicate"), (1, "ok")]
    assert states(("a", "11:12", PARTIAL), ("a", "11:13", OK)) == [(1, "partial"), (None, "duplicate")]


def test_another_site_in_the_same_slot_is_no_duplicate():
    assert states(("a", "11:12", OK), ("b", "11:12", OK)) == [(1, "ok"), (1, "ok")]


def test_what_lies_outside_the_hour_is_misplaced_with_its_time():
    (item,) = place([("a", at("11:02"), OK)], SLOTS, 6)
    assert (item.slot, item.state) == (None, GranuleState.MISPLACED)
    assert "2026-07-01T11:02:00Z" in item.note


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-4000, 400), st.sampled_from([OK, PARTIAL])), max_size=12))
def test_a_site_has_at_most_one_volume_in_a_slot_and_none_nearer_was_left_out(volumes: list[tuple[str, int, GranuleState]]):
    given_volumes = [(site, at("12:00") + np.timedelta64(seconds, "s"), state) for site, seconds, state in volumes]
    placed = place(given_volumes, SLOTS, 6)
    owned = [(item.site, item.slot) for item in placed if item.slot is not None]
    assert len(owned) == len(set(owned))
    for site, time, _ in given_volumes:
        gaps = np.abs(SLOTS - time)
        if gaps.min() < np.timedelta64(180, "s"):
            slot = int(gaps.argmin())
            owner = next(item for item in placed if (item.site, item.slot) == (site, slot))
            assert abs(owner.nominal_time - SLOTS[slot]) <= gaps.min()


@pytest.mark.parametrize(
    ("declared", "first_ray", "nominal"),
    [
        ("11:12:00", "11:12:40", "11:12:00"),
        ("11:12:00", "11:15:00", "11:12:00"),  # half a step, just within
        ("11:12:00", "11:15:01", "11:15:01"),  # the clock of the header is wrong
        ("11:12:00", "11:08:00", "11:08:00"),
        ("00:00:00", "11:12:40", "11:12:40"),
        (None, "11:12:40", "11:12:40"),
    ],
)
def test_a_declared_time_far_from_the_rays_gives_way_to_the_first_ray(declared: str | None, first_ray: str, nominal: str):
    assert nominal_time(at(declared) if declared else None, at(first_ray), 6) == at(nominal)


def grid(reflectivity: list[float], zdr: list[float]) -> xr.Dataset:
    return xr.Dataset({"reflectivity": (("y", "x"), np.array([reflectivity], "float32")), "zdr": (("y", "x"), np.array([zdr], "float32"))})


def test_the_highest_reflectivity_wins_and_brings_its_other_moments():
    nan, dry = np.nan, NO_ECHO_DBZ
    first = grid([10.0, 30.0, nan, dry, nan, dry, 5.0], [1.0, 2.0, nan, nan, nan, nan, nan])
    second = grid([20.0, 25.0, 15.0, nan, nan, dry, dry], [3.0, 4.0, 5.0, nan, nan, nan, 9.0])
    for grids in ([first, second], [second, first]):
        found = mosaic(grids, ("reflectivity", "zdr"))
        np.testing.assert_array_equal(found["reflectivity"], [[20.0, 30.0, 15.0, dry, nan, dry, 5.0]])
        np.testing.assert_array_equal(found["zdr"][0, [0, 1, 2]], [3.0, 2.0, 5.0])
        assert np.isnan(found["zdr"][0, [3, 4, 6]]).all()  # the radar that saw 5 dBZ knows no zdr: the other's is not borrowed


def test_the_hours_frames_are_the_mosaics_of_their_slots():
    volumes = [("a", at("11:12"), OK), ("b", at("11:13"), OK), ("a", at("11:25"), OK), ("a", at("09:00"), OK)]
    grids = [grid([value, np.nan, NO_ECHO_DBZ], [value / 10] * 3) for value in (10.0, 20.0, 30.0, 60.0)]
    placed = place(volumes, SLOTS, 6)
    members = [
        Member(item.slot, item.nominal_time, item.nominal_time + np.timedelta64(2, "m"), fields)
        for item, fields in zip(placed, grids, strict=True)
        if item.slot is not None
    ]
    hour = hour_frames(members, SLOTS, (1, 3), ("reflectivity", "zdr"))
    np.testing.assert_array_equal(hour["reflectivity"].values[1], [[20.0, np.nan, NO_ECHO_DBZ]])
    np.testing.assert_array_equal(hour["reflectivity"].values[3], [[30.0, np.nan, NO_ECHO_DBZ]])
    assert hour["present"].values.tolist() == [slot in (1, 3) for slot in range(10)]
    assert np.isnan(hour["reflectivity"].values[[0, 2, *range(4, 10)]]).all()
    assert hour["nominal_time"].values[1] == at("11:12:30")
    assert hour["actual_time"].values[3] == at("11:27")
    assert np.isnat(hour["actual_time"].values[[0, 2, *range(4, 10)]]).all()
    assert np.array_equal(hour["slot"].values, SLOTS)


def test_a_volume_that_observed_nothing_makes_no_frame():
    hour = hour_frames([Member(1, at("11:12"), at("11:14"), grid([np.nan] * 3, [np.nan] * 3))], SLOTS, (1, 3), ("reflectivity",))
    assert not hour["present"].values.any()


def test_an_hour_without_volumes_is_all_absent():
    hour = hour_frames([], SLOTS, (2, 3), ("reflectivity",))
    assert hour["reflectivity"].shape == (10, 2, 3)
    assert np.isnat(hour["actual_time"].values).all()
