"""The work store: round trips, what counts as done, what changes a key."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.cycle import cycle_folder, dataset_digest, load, lookup, save, stage_key


def fields(value: float = 1.0) -> xr.Dataset:
    return xr.Dataset(
        {
            "reflectivity": (("slot", "y", "x"), np.array([[[value, np.nan]], [[-32.0, 60.5]]], "float32"), {"units": "dBZ"}),
            "present": ("slot", np.array([True, False])),
            "count": ("slot", np.array([3, 0], "int16")),
            "flags": (("y", "x"), np.array([[1, 255]], "uint8"), {"flag_masks": [1, 2, 4]}),
        },
        coords={
            "slot": np.array(["2015-07-12T00:54", "2015-07-12T01:00"], "datetime64[ns]"),
            "actual_time": ("slot", np.array(["2015-07-12T00:53:21", "NaT"], "datetime64[ns]")),
            "lead_time": ("lead", np.array([6, 12], "timedelta64[m]").astype("timedelta64[ns]")),
        },
        attrs={"site": "seang", "notes": ["one", "two"], "latitude": 56.3675},
    )


def test_what_is_saved_is_loaded_with_every_type_and_attribute(tmp_path: Path):
    given = fields()
    reference = save(tmp_path, "radar", "k", given, {"state": "ok", "numbers": [1, 2]})
    back = load(tmp_path, reference)
    xr.testing.assert_identical(back, given)
    assert {name: back[name].dtype for name in back.variables} == {name: given[name].dtype for name in given.variables}
    assert dataset_digest(back) == reference.digest == dataset_digest(given)
    assert lookup(tmp_path, "radar", "k") == reference
    assert reference.notes == {"state": "ok", "numbers": [1, 2]}


def test_a_scalar_time_that_is_absent_comes_back_absent(tmp_path: Path):
    given = xr.Dataset({"z": ("x", [1.0])}, coords={"actual_time": np.datetime64("NaT", "ns")})
    assert np.isnat(load(tmp_path, save(tmp_path, "s", "k", given))["actual_time"].values)


def test_nothing_is_there_until_it_is_finished(tmp_path: Path):
    assert lookup(tmp_path, "radar", "k") is None
    fields().to_zarr(tmp_path / "radar/k.zarr")  # a killed run: the store, but not its JSON
    assert lookup(tmp_path, "radar", "k") is None


def test_half_a_store_of_a_killed_run_does_not_count(tmp_path: Path):
    half = tmp_path / "radar/k.0123abcd.zarr"
    half.mkdir(parents=True)
    (half / "zarr.json").write_text("{")
    (half / "leftover").write_text("x")
    assert lookup(tmp_path, "radar", "k") is None
    reference = save(tmp_path, "radar", "k", fields())
    xr.testing.assert_identical(load(tmp_path, reference), fields())


def test_nothing_temporary_is_left(tmp_path: Path):
    save(tmp_path, "radar", "k", fields())
    with pytest.raises(Exception, match=r".*"):  # Zarr refuses objects; the store must be left as it was
        save(tmp_path, "radar", "other", xr.Dataset({"z": ("x", np.array([object()], object))}))
    assert sorted(path.suffix for path in (tmp_path / "radar").iterdir()) == [".json", ".zarr"]
    assert lookup(tmp_path, "radar", "other") is None


def test_racing_runs_that_save_the_same_leave_one_whole_store(tmp_path: Path):
    start, errors = threading.Barrier(4), []

    def run() -> None:
        try:
            start.wait()
            save(tmp_path, "radar", "k", fields())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    reference = lookup(tmp_path, "radar", "k")
    assert reference is not None
    xr.testing.assert_identical(load(tmp_path, reference), fields())
    assert sorted(path.suffix for path in (tmp_path / "radar").iterdir()) == [".json", ".zarr"]


def test_a_reference_holds_no_path_of_the_machine(tmp_path: Path):
    reference = save(tmp_path, "radar", "k", fields())
    assert str(tmp_path) not in json.dumps(reference.__dict__)
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    xr.testing.assert_identical(load(moved, reference), fields())


def test_a_key_changes_with_its_stage_inputs_settings_and_sources_and_with_nothing_else():
    base = stage_key("radar", ["a", "b"], {"x": 1, "y": (1, 2)}, ["stormcycle/times.py"])
    assert stage_key("radar", ("a", "b"), {"y": [1, 2], "x": 1}, ("stormcycle/times.py",)) == base
    others = [
        stage_key("nowcast", ["a", "b"], {"x": 1, "y": (1, 2)}, ["stormcycle/times.py"]),
        stage_key("radar", ["b", "a"], {"x": 1, "y": (1, 2)}, ["stormcycle/times.py"]),
        stage_key("radar", ["ab"], {"x": 1, "y": (1, 2)}, ["stormcycle/times.py"]),
        stage_key("radar", ["a", "b"], {"x": 2, "y": (1, 2)}, ["stormcycle/times.py"]),
        stage_key("radar", ["a", "b"], {"x": 1, "y": (1, 2)}, ["stormcycle/home.py"]),
    ]
    assert len({base, *others}) == 6


def test_a_cycles_folder_is_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    assert cycle_folder("demo", np.datetime64("2015-07-12T01:00:00", "s")) == tmp_path / "work/demo/20150712T01Z"


def test_a_damaged_store_is_not_loaded_as_if_it_were_whole(tmp_path: Path):
    reference = save(tmp_path, "radar", "k", fields())
    for chunk in (tmp_path / reference.path / "reflectivity/c").rglob("*"):
        if chunk.is_file():
            chunk.unlink()
    with pytest.raises(Exception, match=r"."):
        load(tmp_path, reference)
