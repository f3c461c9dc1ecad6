"""Digests: what counts (names, dims, values, attributes) and what does not (chunks, encodings, order, kinds of NaN)."""

import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from stormcycle.cycle.digests import dataset_digest, file_digest, json_digest, sources_digest, tree_digest


def fields() -> xr.Dataset:
    return xr.Dataset(
        {
            "z": (("y", "x"), np.array([[1.0, np.nan], [-32.0, 40.5]], "float32"), {"units": "dBZ", "flag_masks": [1, 2]}),
            "seen": (("y", "x"), np.array([[True, False], [True, True]])),
            "station": ("y", np.array(["å", "b"])),
        },
        coords={"time": ("y", np.array(["2015-07-12", "NaT"], "datetime64[ns]")), "lead": np.timedelta64(6, "m").astype("timedelta64[ns]")},
        attrs={"title": "fields", "version": 1},
    )


def test_chunks_and_encodings_and_order_do_not_count():
    given = fields()
    other = xr.Dataset({name: given[name] for name in ("station", "seen", "z")}, attrs={"version": 1, "title": "fields"})
    other["z"].encoding = {"chunks": (1, 1), "dtype": "int16"}
    assert dataset_digest(other) == dataset_digest(given)
    assert dataset_digest(given.chunk({"y": 1})) == dataset_digest(given)
    assert dataset_digest(given.transpose("y", "x")) == dataset_digest(given)


def test_memory_layout_does_not_count():
    given = fields()
    turned = given.copy()
    turned["z"] = (("y", "x"), np.asfortranarray(given["z"].values), given["z"].attrs)
    assert dataset_digest(turned) == dataset_digest(given)


def test_every_nan_is_the_same_nan():
    strange = struct.unpack("f", struct.pack("I", 0xFFC00BAD))[0]
    first, second = fields(), fields()
    second["z"].values[0, 1] = np.frombuffer(struct.pack("I", 0xFFC00BAD), "float32")[0]
    assert np.isnan(strange)
    assert first["z"].values.tobytes() != second["z"].values.tobytes()
    assert dataset_digest(first) == dataset_digest(second)


def test_the_resolution_of_times_does_not_count():
    given = fields()
    coarse = given.assign_coords(time=("y", given["time"].values.astype("datetime64[s]")), lead=given["lead"].values.astype("timedelta64[s]"))
    assert dataset_digest(coarse) == dataset_digest(given)


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given.assign(z=given["z"] + np.float32(1e-5)),
        lambda given: given.assign(z=given["z"].astype("float64").assign_attrs(given["z"].attrs)),
        lambda given: given.assign(z=given["z"].assign_attrs(units="dB")),
        lambda given: given.assign(z=given["z"].fillna(0.0)),
        lambda given: given.assign(seen=~given["seen"]),
        lambda given: given.assign(station=("y", np.array(["å", "c"]))),
        lambda given: given.assign_attrs(title="others"),
        lambda given: given.rename(y="row"),
        lambda given: given.rename(z="zh"),
        lambda given: given.drop_vars("seen"),
        lambda given: given.isel(y=[1, 0]),
        lambda given: given.assign_coords(time=("y", np.array(["2015-07-12", "2015-07-13"], "datetime64[ns]"))),
    ],
)
def test_what_a_reader_could_see_counts(change):
    given = fields()
    changed = change(given)
    assert dataset_digest(changed) != dataset_digest(given)


def test_the_same_values_in_another_shape_count():
    line, column = (xr.Dataset({"z": (("y", "x"), np.arange(4.0).reshape(shape))}) for shape in ((1, 4), (4, 1)))
    assert dataset_digest(line) != dataset_digest(column)


def test_texts_cannot_be_pushed_from_one_element_to_the_next():
    first, second = (xr.Dataset({"t": ("n", np.array(words))}) for words in (["ab", "c"], ["a", "bc"]))
    assert dataset_digest(first) != dataset_digest(second)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )
)
@settings(max_examples=50)
def test_json_digest_is_sha256_of_canonical_json(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert json_digest(value) == hashlib.sha256(text.encode()).hexdigest()


def test_numpy_numbers_arrays_and_tuples_count_as_what_json_holds():
    assert json_digest({"a": np.int64(1), "b": np.array([1.5, 2.0]), "c": (1, 2)}) == json_digest({"c": [1, 2], "b": [1.5, 2.0], "a": 1})
    assert json_digest(np.datetime64("2015-07-12T01", "s")) == json_digest("2015-07-12T01:00:00")


def test_a_trees_digest_does_not_depend_on_order_and_does_on_names():
    assert tree_digest({"a": "1", "b": "2"}) == tree_digest({"b": "2", "a": "1"})
    assert tree_digest({"a": "1", "b": "2"}) != tree_digest({"a": "2", "b": "1"})


def test_file_digest_is_sha256(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"storm" * 10_000)
    assert file_digest(tmp_path / "f") == hashlib.sha256(b"storm" * 10_000).hexdigest()


def test_sources_digests_differ_by_what_they_cover():
    digests = {sources_digest("stormcycle/times.py"), sources_digest("stormcycle/home.py"), sources_digest("stormcycle/times.py", "stormcycle/home.py")}
    assert len(digests) == 3


def test_a_digest_is_the_same_in_another_process():
    program = (
        "import xarray as xr, numpy as np; from stormcycle.cycle.digests import dataset_digest;"
        "print(dataset_digest(xr.Dataset({'z': ('x', np.array([1.0, np.nan])), 't': ('x', np.array(['a', 'bb']))}, attrs={'k': {'b': 1, 'a': 2}})))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    here = xr.Dataset({"t": ("x", np.array(["a", "bb"])), "z": ("x", np.array([1.0, np.nan]))}, attrs={"k": {"a": 2, "b": 1}})
    assert other.stdout.strip() == dataset_digest(here)
