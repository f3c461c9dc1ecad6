"""Volumes that cannot be read: cut, empty, or a text under a volume's name."""

import tempfile
from pathlib import Path

import numpy as np
from bad_input.spoiling import TIMES, codes, input_states, manifest, product, products, truncate
from house import FIRST, House

from flows.cycle import cycle
from stormcycle.states import Provenance


def test_unreadable_volumes_are_named_corrupt_and_their_frames_are_kept_from_the_other_site(house: House, tmp_path: Path) -> None:
    cut, empty, text = house.granule("simli", "122400"), house.granule("simli", "123000"), house.granule("simpa", "124200")
    truncate(cut)
    empty.write_bytes(b"")
    text.write_text("The radar is being repaired, please come back on Monday.\n")
    both = house.granules("125400")
    for path in both:
        truncate(path, 0.9)
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert sorted(codes(made)) == ["frames_filled"] + ["granule_corrupt"] * 5 + ["radar_missing"] * 2
    assert products(made) == {"radar", "nowcast", "probability"}
    assert input_states(made) == {path.name: "corrupt" for path in (cut, empty, text, *both)}
    inputs = manifest(made)["inputs"]
    assert len(inputs) == 20
    notes = [item["note"] for item in inputs if item["state"] == "corrupt"]
    assert all(notes)
    for place in (str(tmp_path), tempfile.gettempdir(), str(Path.home())):
        assert place not in " ".join([*notes, *(reason.detail for reason in made.degraded)]), "a note names a folder of this machine"

    radar = product(made, "radar")
    assert np.array_equal(np.isnan(radar["reflectivity"].values) & ~radar["observed"].values, np.isnan(radar["reflectivity"].values))
    observed = dict(zip(TIMES, radar["observed"].values.sum(axis=(1, 2)), strict=True))
    for time in TIMES:
        share = observed[time] / observed["130000"]
        assert 0.3 < share < 1.0 if time in ("122400", "123000", "124200") else share == (0.0 if time == "125400" else 1.0), time
    assert (radar["provenance"].values[TIMES.index("125400")] & Provenance.FILLED_BY_ADVECTION).any()
