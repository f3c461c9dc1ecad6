"""Volumes twice in a slot, volumes whose clock is wrong, volumes of another radar or hour."""

import shutil
from pathlib import Path

import numpy as np
from bad_input.spoiling import TIMES, codes, input_states, manifest, product, set_clock, undisturbed
from house import FIRST, House

from flows.cycle import cycle


def test_a_second_volume_of_a_slot_is_a_duplicate_and_changes_nothing(house: House, simulated_bucket: Path) -> None:
    copy = house.granule("simli", "123001")
    shutil.copyfile(house.granule("simli", "123000"), copy)
    later = house.granule("simpa", "124201")
    shutil.copyfile(house.granule("simpa", "124200"), later)
    set_clock(later, "124201")
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded, made.digest) == ("complete", (), undisturbed(simulated_bucket).digest)
    assert len(manifest(made)["inputs"]) == 22
    assert input_states(made) == {copy.name: "duplicate", later.name: "duplicate"}


def test_volumes_four_minutes_late_belong_to_the_next_slot_and_their_own_is_filled(house: House) -> None:
    for path in house.granules("123000"):
        set_clock(path, "123400")
    made = cycle.fn("small", FIRST)
    assert (made.state, codes(made)) == ("degraded", ["frames_filled"])
    absent = np.flatnonzero(~product(made, "radar")["observed"].values.any(axis=(1, 2)))
    assert absent.tolist() == [TIMES.index("123000")]
    assert input_states(made) == {path.name: "duplicate" for path in house.granules("123000")}


def test_a_volume_four_minutes_late_takes_the_next_slot_where_that_is_empty(house: House) -> None:
    for path in house.granules("123000"):
        set_clock(path, "123400")
    for path in house.granules("123600"):
        path.unlink()
    made = cycle.fn("small", FIRST)
    radar = product(made, "radar")
    assert radar["nominal_time"].values[TIMES.index("123600")] == np.datetime64("2026-07-01T12:34:00", "ns")
    assert np.flatnonzero(~radar["observed"].values.any(axis=(1, 2))).tolist() == [TIMES.index("123000")]
    assert (codes(made), input_states(made)) == (["frames_filled"], {})


def test_a_volume_that_declares_a_wrong_time_is_placed_by_its_sweeps(house: House, simulated_bucket: Path) -> None:
    set_clock(house.granule("simli", "123000"), "123400", sweeps=False)
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded, input_states(made)) == ("complete", (), {})
    right = product(undisturbed(simulated_bucket), "radar")
    assert np.array_equal(product(made, "radar")["reflectivity"].values, right["reflectivity"].values, equal_nan=True)


def test_volumes_of_another_radar_or_hour_are_misplaced(house: House) -> None:
    strange, old = house.granule("simli", "123000"), house.granule("simpa", "124200")
    shutil.copyfile(house.granule("simpa", "123000"), strange)
    set_clock(old, "034200")
    made = cycle.fn("small", FIRST)
    assert (made.state, sorted(codes(made))) == ("degraded", ["granule_misplaced"] * 2 + ["radar_missing"] * 2)
    assert input_states(made) == {strange.name: "misplaced", old.name: "misplaced"}
