"""Which volume owns which slot, what several radars see together, the frames of the hour."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.radar.mosaic import Member, hour_frames, mosaic, nominal_time, place
from stormcycle.states import NO_ECHO_DBZ, GranuleState, Provenance
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


def test_of_two_of_one_second_exactly_one_stays():
    assert states(("a", "11:12:07", OK), ("a", "11:12:07", OK)) == [(1, "ok"), (None, "duplicate")]
    assert states(("a", "11:12:07", PARTIAL), ("a", "11:12:07", OK)) == [(None, "duplicate"), (1, "ok")]
    assert states(("a", "11:12:07", OK), ("a", "11:12:07", OK), ("b", "11:12:07", OK)) == [(1, "ok"), (None, "duplicate"), (1, "ok")]


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


def radar_grid(seed: int, shape: tuple[int, int] = (6, 7)) -> xr.Dataset:
    """What one radar saw: echo, no echo and not observed, at its own distances and heights, with gates rejected here and there."""
    random = np.random.default_rng(seed)
    reflectivity = np.where(random.random(shape) < 0.3, NO_ECHO_DBZ, random.uniform(0, 60, shape))
    reflectivity[random.random(shape) < 0.3] = np.nan
    zdr = np.where((reflectivity > NO_ECHO_DBZ) & (random.random(shape) < 0.8), random.uniform(-1, 4, shape), np.nan)
    fields = {
        "reflectivity": reflectivity.astype("float32"),
        "zdr": zdr.astype("float32"),
        "beam_height": np.where(np.isnan(reflectivity), np.nan, random.uniform(300, 6000, shape)).astype("float32"),
        "distance": random.uniform(1e3, 150e3, shape).astype("float32"),
        "rejected": random.choice([0, 8 | 512, 8 | 1024], shape).astype("uint16"),
    }
    return xr.Dataset({name: (("y", "x"), values) for name, values in fields.items()})


def test_the_mosaic_is_the_weighted_mean_of_a_plain_loop():
    grids, floor = [radar_grid(seed) for seed in (1, 2, 3)], 15.0
    found = mosaic(grids, ("reflectivity", "zdr"), floor)
    several = 0
    for y, x in np.ndindex(6, 7):
        there = [grid.isel(y=y, x=x) for grid in grids if not np.isnan(grid["reflectivity"][y, x])]
        weights = [math.exp(-((float(pixel["distance"]) / 50e3) ** 2) - (float(pixel["beam_height"]) / 2e3) ** 2) for pixel in there]
        values = [float(pixel["reflectivity"]) for pixel in there]
        z, zdr = found["reflectivity"][y, x], found["zdr"][y, x]
        if not there:
            assert np.isnan(z)
        elif len(there) == 1:
            assert z == values[0]
        else:
            several += 1
            mean = sum(weight * (0.0 if value == NO_ECHO_DBZ else 10 ** (value / 10)) for weight, value in zip(weights, values, strict=True)) / sum(weights)
            decibel = 10 * math.log10(mean) if mean > 0 else NO_ECHO_DBZ
            assert z == pytest.approx(decibel if decibel >= floor else NO_ECHO_DBZ, abs=1e-4)
        known = [(weight, float(pixel["zdr"])) for weight, pixel in zip(weights, there, strict=True) if not np.isnan(pixel["zdr"])]
        if not known or not z > NO_ECHO_DBZ:
            assert np.isnan(zdr)
        else:
            assert zdr == pytest.approx(sum(weight * value for weight, value in known) / sum(weight for weight, _ in known), abs=1e-4)
        assert found["marks"][y, x] == np.bitwise_or.reduce([int(grid["rejected"][y, x]) for grid in grids])
    assert several > 10


def test_one_radar_alone_passes_bit_for_bit():
    only = radar_grid(4)
    found = mosaic([only], ("reflectivity", "zdr"), 15.0)
    for name in ("reflectivity", "zdr"):
        assert np.array_equal(found[name].astype("float32"), only[name].values, equal_nan=True)
    assert np.array_equal(found["marks"], only["rejected"].values)


def test_the_order_of_the_radars_makes_no_difference():
    grids = [radar_grid(seed) for seed in (1, 2)]
    first, second = mosaic(grids, ("reflectivity", "zdr"), 5.0), mosaic(grids[::-1], ("reflectivity", "zdr"), 5.0)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6)


@pytest.mark.parametrize(("floor", "wanted"), [(19.9, 20.0), (20.1, NO_ECHO_DBZ)])
def test_no_echo_counts_as_zero_in_linear_units_and_a_mean_below_the_floor_is_no_echo(floor: float, wanted: float):
    strong, quiet = grid([23.0103], [1.0]), grid([NO_ECHO_DBZ], [np.nan])  # 200 and 0 mm6 m-3, counting alike
    found = mosaic([strong, quiet], ("reflectivity", "zdr"), floor)
    assert found["reflectivity"][0, 0] == pytest.approx(wanted, abs=1e-4)
    assert np.isnan(found["zdr"][0, 0]) == (wanted == NO_ECHO_DBZ)


def test_the_nearer_radar_and_the_lower_beam_count_more():
    def seen(value: float, distance: float, height: float) -> xr.Dataset:
        return grid([value], [0.0]).assign(distance=(("y", "x"), np.array([[distance]])), beam_height=(("y", "x"), np.array([[height]])))

    for near, far in (((10e3, 1e3), (80e3, 1e3)), ((50e3, 500.0), (50e3, 3000.0))):
        found = mosaic([seen(40.0, *near), seen(20.0, *far)], ("reflectivity",), 0.0)["reflectivity"][0, 0]
        turned = mosaic([seen(20.0, *near), seen(40.0, *far)], ("reflectivity",), 0.0)["reflectivity"][0, 0]
        assert 37.0 < found < 40.0
        assert 20.0 < turned < 37.0


def test_late_granules_mark_the_pixels_that_they_saw_and_rejected_gates_theirs():
    first, second = grid([10.0, np.nan, 20.0], [0.0] * 3), grid([np.nan, 20.0, 30.0], [0.0] * 3)
    second = second.assign(rejected=(("y", "x"), np.array([[8 | 512, 0, 0]], "uint16")))
    members = [Member(1, at("11:12"), at("11:14"), first), Member(1, at("11:12"), at("11:14"), second, late=True)]
    hour = hour_frames(members, SLOTS, (1, 3), ("reflectivity",), 0.0)
    assert hour["marks"].dtype == np.uint16
    assert hour["marks"].values[1].tolist() == [[8 | 512, Provenance.LATE, Provenance.LATE]]
    assert not hour["marks"].values[[0, *range(2, 10)]].any()


def test_the_hours_frames_are_the_mosaics_of_their_slots():
    volumes = [("a", at("11:12"), OK), ("b", at("11:13"), OK), ("a", at("11:25"), OK), ("a", at("09:00"), OK)]
    grids = [grid([value, np.nan, NO_ECHO_DBZ], [value / 10] * 3) for value in (10.0, 20.0, 30.0, 60.0)]
    placed = place(volumes, SLOTS, 6)
    members = [
        Member(item.slot, item.nominal_time, item.nominal_time + np.timedelta64(2, "m"), fields)
        for item, fields in zip(placed, grids, strict=True)
        if item.slot is not None
    ]
    hour = hour_frames(members, SLOTS, (1, 3), ("reflectivity", "zdr"), 0.0)
    np.testing.assert_array_equal(hour["reflectivity"].values[1], [[np.float32(10 * np.log10((10 + 100) / 2)), np.nan, NO_ECHO_DBZ]])
    np.testing.assert_array_equal(hour["reflectivity"].values[3], [[30.0, np.nan, NO_ECHO_DBZ]])
    assert hour["present"].values.tolist() == [slot in (1, 3) for slot in range(10)]
    assert np.isnan(hour["reflectivity"].values[[0, 2, *range(4, 10)]]).all()
    assert hour["nominal_time"].values[1] == at("11:12:30")
    assert hour["actual_time"].values[3] == at("11:27")
    assert np.isnat(hour["actual_time"].values[[0, 2, *range(4, 10)]]).all()
    assert np.array_equal(hour["slot"].values, SLOTS)


def test_a_volume_that_observed_nothing_makes_no_frame():
    hour = hour_frames([Member(1, at("11:12"), at("11:14"), grid([np.nan] * 3, [np.nan] * 3))], SLOTS, (1, 3), ("reflectivity",), 0.0)
    assert not hour["present"].values.any()


def test_an_hour_without_volumes_is_all_absent():
    hour = hour_frames([], SLOTS, (2, 3), ("reflectivity",), 0.0)
    assert hour["reflectivity"].shape == (10, 2, 3)
    assert np.isnat(hour["actual_time"].values).all()
