"""What cannot be weather is blocked, left out and named; what is unusual is named and used."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from bad_input.spoiling import codes, input_states, manifest, product, products, undisturbed
from house import FIRST, House

from flows.cycle import cycle
from stormcycle.cycle import Reference, load, save
from stormcycle.gates import GateError
from stormcycle.states import NO_ECHO_DBZ
from tasks import gate
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.gate import gate_fields, gate_products
from tasks.grid import grid
from tasks.mosaic import mosaic
from tasks.pin import pin
from tasks.quality import quality
from tasks.seam import Hour, Product

PATTERN_DBZ = 70.0


def write_pattern(path: Path) -> None:
    """Rewrite a volume as a test pattern: every gate of reflectivity holds the same strong echo."""
    with h5py.File(path, "r+") as file:
        for name in (name for name in file if name.startswith("dataset")):
            for quantity in (file[name][item] for item in file[name] if item.startswith("data")):
                if quantity["what"].attrs["quantity"] == b"DBZH":
                    gain, offset = (float(quantity["what"].attrs[key]) for key in ("gain", "offset"))
                    quantity["data"][...] = round((PATTERN_DBZ - offset) / gain)


def saved(hour: Hour, name: str, fields: xr.Dataset) -> Product:
    return Product(name, save(hour.folder, name, f"made-{name}", fields, {"plan": "whole", "present": 10}))


def storm(rng: np.random.Generator, greatest: float = 55.0) -> np.ndarray:
    """Frames of echoes beside dry pixels, with one strongest pixel."""
    frames = np.where(rng.random((3, 40, 40)) < 0.4, rng.uniform(5, 35, (3, 40, 40)), NO_ECHO_DBZ).astype("float32")
    frames[0, 0, 0] = greatest
    return frames


def radar(values: np.ndarray) -> xr.Dataset:
    times = np.array(["2026-07-01T12:48:30", "2026-07-01T12:54:30", "2026-07-01T13:00:30"], "datetime64[ns]")
    return xr.Dataset({"reflectivity": (("valid_time", "y", "x"), values)}, coords={"actual_time": ("valid_time", times)})


def nowcast(values: np.ndarray) -> xr.Dataset:
    actual = np.datetime64("2026-07-01T13:00:30", "ns")
    return xr.Dataset({"reflectivity": (("lead_time", "y", "x"), values)}, coords={"actual_time": ((), actual)})


@pytest.fixture
def hour(house: House) -> Hour:
    return Hour("small", FIRST, 1, 1)


def test_a_test_pattern_is_blocked_and_the_mosaic_leaves_it_out_and_names_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.granule("simli", "124200")
    write_pattern(path)
    hour = pin("small", FIRST, False)
    items = grid(hour, quality(hour, decode(hour, fetch(hour))))
    assert all(item.usable for item in items)
    judged = gate_fields(hour, items)
    (blocked,) = (item for item in judged if not item.usable)
    assert blocked.granule.key.endswith(path.name)
    assert (str(blocked.state), blocked.note[:20]) == ("corrupt", "Blocked by the gate:")
    failed = {(result["variable"], result["statistic"]) for result in blocked.gates if not result["passed"] and result["severity"] == "block"}
    assert {("reflectivity", "spread"), ("reflectivity", "strong_share")} <= failed
    assert all(result["passed"] for item in judged if item.usable for result in item.gates)
    assert all(len(item.gates) > 5 for item in judged)
    made = mosaic(hour, judged)
    assert [reason.code for reason in made.degraded] == ["radar_missing", "granule_corrupt"]
    assert "Blocked by the gate" in made.degraded[1].detail
    assert made.reference is not None
    assert float(load(hour.folder, made.reference)["reflectivity"].max()) < PATTERN_DBZ

    def judged_again(rows: dict[str, Any]) -> list[Any]:
        assert not any(rows.values()), "what was judged is judged again"
        return []

    monkeypatch.setattr(gate, "judged", judged_again)
    assert gate_fields(hour, items) == judged


def test_items_that_are_not_usable_or_not_decoded_pass_as_they_are(house: House) -> None:
    hour = pin("small", FIRST, False)
    house.granule("simli", "124200").unlink()
    items = fetch(hour)
    assert {str(item.state) for item in items} == {"ok", "missing"}
    assert gate_fields(hour, items) == items


def test_a_blocked_product_is_left_out_with_its_reason_and_the_others_stay(hour: Hour, rng: np.random.Generator) -> None:
    given = [saved(hour, "radar", radar(storm(rng))), saved(hour, "nowcast", nowcast(storm(rng, greatest=93.0))), Product("probability", None)]
    seen, forecast, chances = gate_products(hour, given)
    assert (seen.reference, seen.degraded) == (given[0].reference, [])
    assert len(seen.gates) > 5
    assert forecast.reference is None
    assert [(reason.product, reason.code) for reason in forecast.degraded] == [("nowcast", "gate_blocked")]
    assert "greatest is 93, allowed is at most 80" in forecast.degraded[0].detail
    assert chances == given[2]


def test_what_is_made_from_a_blocked_radar_is_left_out_too(hour: Hour, rng: np.random.Generator) -> None:
    given = [saved(hour, "radar", radar(np.full((3, 40, 40), PATTERN_DBZ, "float32"))), saved(hour, "nowcast", nowcast(storm(rng)))]
    made = gate_products(hour, given)
    assert [item.reference for item in made] == [None, None]
    assert [item.degraded[-1].code for item in made] == ["gate_blocked", "gate_blocked"]
    assert "radar, which the gate blocked" in made[1].degraded[-1].detail


def test_an_unusual_product_is_released_with_a_warning(hour: Hour, rng: np.random.Generator) -> None:
    hail = storm(rng)
    hail[:, :2] = 63.0  # a twentieth of the pixels
    (seen,) = gate_products(hour, [saved(hour, "radar", radar(hail))])
    assert isinstance(seen.reference, Reference)
    assert [(reason.product, reason.code) for reason in seen.degraded] == [("radar", "gate_warned")]
    assert "extreme_share" in seen.degraded[0].detail


def test_a_dry_hour_and_an_hour_that_received_nothing_keep_every_limit(hour: Hour) -> None:
    dry = saved(hour, "radar", radar(np.full((3, 40, 40), NO_ECHO_DBZ, "float32")))
    nothing = radar(np.full((3, 40, 40), np.nan, "float32")).assign_coords(actual_time=("valid_time", np.full(3, "NaT", "datetime64[ns]")))
    empty = Product("radar", save(hour.folder, "radar", "nothing", nothing))
    for given in (dry, empty):
        (made,) = gate_products(hour, [given])
        assert (made.reference, made.degraded) == (given.reference, [])


def test_a_gate_that_cannot_judge_fails_the_run_and_passes_nothing(hour: Hour, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "summaries", lambda fields, name, time: [{"subject": name, "variable": "reflectivity"}])
    with pytest.raises(GateError, match="could not evaluate"):
        gate_products(hour, [saved(hour, "radar", radar(storm(rng)))])
    assert not (hour.folder / "gate").exists()


def test_a_cycle_leaves_out_a_test_pattern_names_it_and_tells_of_its_gates(house: House) -> None:
    path = house.granule("simli", "124200")
    write_pattern(path)
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert sorted(codes(made)) == ["granule_corrupt", "radar_missing"]
    assert products(made) == {"radar", "nowcast", "probability"}
    assert input_states(made) == {path.name: "corrupt"}
    assert product(made, "radar")["reflectivity"].max() < PATTERN_DBZ
    assert manifest(made)["gates"]


def test_an_undisturbed_cycle_keeps_every_limit(simulated_bucket: Path) -> None:
    made = undisturbed(simulated_bucket)
    assert (made.state, codes(made)) == ("complete", [])
