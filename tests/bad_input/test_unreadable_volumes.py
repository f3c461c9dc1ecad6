"""Volumes that cannot be read: cut, empty, or a text under a volume's name."""

import shutil

import numpy as np
from bad_input.spoiling import TIMES, codes, input_states, manifest, product, truncate
from house import FIRST, House

from flows.cycle import cycle


def test_unreadable_volumes_are_named_corrupt_and_their_frames_are_kept_from_the_other_site(house: House) -> None:
    spoiled = {"122400": house.granule("simli", "122400"), "123000": house.granule("simli", "123000"), "124200": house.granule("simpa", "124200")}
    truncate(spoiled["122400"])
    spoiled["123000"].write_bytes(b"")
    spoiled["124200"].write_text("The radar is being repaired, please come back on Monday.\n")
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert sorted(codes(made)) == ["granule_corrupt"] * 3 + ["radar_missing"] * 2
    assert input_states(made) == {path.name: "corrupt" for path in spoiled.values()}
    assert len(manifest(made)["inputs"]) == 20
    assert all(item["note"] for item in manifest(made)["inputs"] if item["state"] == "corrupt")
    assert manifest(made)["products"] == ["radar", "nowcast", "probability"]
    radar = product(made, "radar")
    observed = radar["observed"].values.sum(axis=(1, 2))
    whole = observed[TIMES.index("125400")]
    for time in TIMES:
        share = observed[TIMES.index(time)] / whole
        assert 0.3 < share < 0.95 if time in spoiled else share == 1.0, time
    assert np.array_equal(np.isnan(radar["reflectivity"].values), ~radar["observed"].values)


def test_a_note_on_an_unreadable_volume_names_no_folder_of_the_machine(house: House, tmp_path) -> None:
    truncate(house.granule("simli", "125400"))
    house.granule("simpa", "125400").write_bytes(b"")
    made = cycle.fn("small", FIRST)
    assert sorted(codes(made)) == ["frames_filled", "granule_corrupt", "granule_corrupt"]
    told = " ".join(reason.detail for reason in made.degraded)
    assert str(tmp_path) not in told
    assert "/tmp" not in told


def test_a_volume_that_was_repaired_is_used_when_the_cycle_is_revised(house: House) -> None:
    path = house.granule("simli", "125400")
    good = path.read_bytes()
    truncate(path)
    assert cycle.fn("small", FIRST).state == "degraded"
    path.write_bytes(good)
    assert cycle.fn("small", FIRST).state == "degraded", "without --revise the pinned inputs hold"
    revised = cycle.fn("small", FIRST, revise=True)
    assert (revised.state, revised.version, revised.degraded) == ("complete", 2, ())


def test_a_volume_of_another_radar_is_misplaced(house: House) -> None:
    shutil.copyfile(house.granule("simpa", "123000"), house.granule("simli", "123000"))
    made = cycle.fn("small", FIRST)
    assert input_states(made) == {house.granule("simli", "123000").name: "misplaced"}
    assert codes(made) == ["granule_misplaced", "radar_missing"]
