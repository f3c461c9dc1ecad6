"""Volumes twice in a slot, and volumes whose clock is wrong."""

import shutil

import numpy as np
from bad_input.spoiling import TIMES, codes, input_states, manifest, product, set_clock
from house import FIRST, House

from flows.cycle import cycle


def test_a_second_volume_of_a_slot_is_a_duplicate_and_changes_nothing(house: House) -> None:
    copy = house.granule("simli", "123001")
    shutil.copyfile(house.granule("simli", "123000"), copy)
    later = house.granule("simpa", "124201")
    shutil.copyfile(house.granule("simpa", "124200"), later)
    set_clock(later, "124201")
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    assert input_states(made) == {copy.name: "duplicate", later.name: "duplicate"}
    assert len(manifest(made)["inputs"]) == 22
    for path in (copy, later):
        path.unlink()
    again = cycle.fn("small", FIRST, revise=True)
    assert (again.digest, again.version) == (made.digest, 1)


def test_volumes_four_minutes_late_belong_to_the_next_slot_and_their_own_is_filled(house: House) -> None:
    for path in house.granules("123000"):
        set_clock(path, "123400")
    made = cycle.fn("small", FIRST)
    assert (made.state, codes(made)) == ("degraded", ["frames_filled"])
    assert input_states(made) == {path.name: "duplicate" for path in house.granules("123000")}
    absent = np.flatnonzero(~product(made, "radar")["observed"].values.any(axis=(1, 2)))
    assert absent.tolist() == [TIMES.index("123000")]


def test_a_volume_that_declares_a_wrong_time_is_placed_by_its_sweeps(house: House) -> None:
    right = cycle.fn("small", FIRST)
    set_clock(house.granule("simli", "123000"), "123400", sweeps=False)
    made = cycle.fn("small", FIRST, revise=True)
    assert (made.state, made.degraded, input_states(made)) == ("complete", (), {})
    assert np.array_equal(product(made, "radar")["reflectivity"].values, product(right, "radar")["reflectivity"].values, equal_nan=True)


def test_a_volume_of_another_hour_under_this_hours_name_is_misplaced(house: House) -> None:
    set_clock(house.granule("simpa", "123000"), "033000")
    made = cycle.fn("small", FIRST)
    assert input_states(made) == {house.granule("simpa", "123000").name: "misplaced"}
    assert codes(made) == ["granule_misplaced", "radar_missing"]
