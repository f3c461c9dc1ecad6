"""The score store: exact round trips, whole files, what counts in an aggregate."""

import json
import os

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from stormcycle.times import parse_time
from stormcycle.verification.store import (
    aggregate,
    aggregate_all,
    aggregate_moments,
    effective_leads,
    from_json,
    out_of_sample,
    read_scores,
    score_path,
    scores_between,
    to_json,
    write_scores,
)
from stormcycle.verification.sums import merge, of_method, pair_sums, probability_sums

LEADS = (6, 12)


def some_sums(seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    forecast, truth = rng.uniform(0, 50, (2, 2, 6, 6))
    return of_method(pair_sums(forecast, truth, np.ones(truth.shape, bool), (20.0, 30.0), (1, 3), leads=LEADS), "nowcast")


def some_probabilities(seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    return probability_sums(rng.random((1, 2, 6, 6)), rng.uniform(0, 50, (2, 6, 6)), np.ones((2, 6, 6), bool), (30.0,), leads=LEADS)


def record(time: str = "2015-07-12T01:00Z", seed: int = 0, **changes: object) -> dict:
    return {
        "domain": "demo",
        "cycle_time": time,
        "release_version": 1,
        "digest": "a" * 64,
        "truth": [{"cycle_time": "2015-07-12T02:00Z", "digest": "b" * 64}],
        "latency_minutes": 4.5,
        "in_sample": False,
        "models": {"mrkan": "1"},
        "sums": to_json(some_sums(seed)),
        "probability_sums": to_json(some_probabilities(seed)),
    } | changes


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_json_round_trip_is_exact(seed):
    for sums in (some_sums(seed), some_probabilities(seed), some_sums(seed).isel(lead=slice(0, 0))):
        back = from_json(json.loads(json.dumps(to_json(sums), allow_nan=False)))
        xr.testing.assert_identical(back, sums)
        for name, variable in sums.variables.items():
            assert back.variables[name].dtype == variable.dtype or variable.dtype.kind in "OU", name


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_every_float_and_every_int64_survives(floats, integers):
    dataset = xr.Dataset({"f": ("i", np.array(floats, "float64")), "n": ("k", np.array(integers, "int64"))})
    back = from_json(json.loads(json.dumps(to_json(dataset))))
    xr.testing.assert_identical(back, dataset)
    assert [value.hex() for value in back.f.values.tolist()] == [value.hex() for value in floats]


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_json(xr.Dataset({"a": ("x", [np.nan])}))
    with pytest.raises(ValueError, match="float32"):
        to_json(xr.Dataset({"a": ("x", np.zeros(1, "float32"))}))
    with pytest.raises(ValueError, match="verify the cycle again"):
        from_json({"data_vars": {}})
    with pytest.raises(ValueError, match="claims dtype 'object'"):
        from_json({"coords": {}, "data_vars": {"a": {"dims": ["x"], "shape": [1], "dtype": "object", "attrs": {}, "data": [None]}}})


def test_a_record_lies_under_its_hour_and_comes_back(tmp_path):
    path = score_path(tmp_path, "demo", parse_time("2015-07-12T01:00Z"))
    assert path == tmp_path / "demo" / "2015" / "07" / "12T01Z.json"
    write_scores(path, record())
    assert read_scores(path) == record()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_failed_write_leaves_the_old_record_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    write_scores(path, record())

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_scores(path, record(seed=1))
    assert read_scores(path) == record()
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]


def test_wrong_records_are_refused_with_a_sentence(tmp_path):
    lacking = record()
    del lacking["digest"]
    for wrong, words in ((lacking, "digest"), (record(extra=1), "extra"), (record(latency_minutes=float("nan")), "JSON"), ([], "not a score record")):
        with pytest.raises(ValueError, match=words):
            write_scores(tmp_path / "r.json", wrong)
    assert not list(tmp_path.iterdir())
    (tmp_path / "r.json").write_text('{"domain"')
    with pytest.raises(ValueError, match=r"r\.json is not JSON"):
        read_scores(tmp_path / "r.json")


def test_records_between_two_times(tmp_path):
    times = [parse_time(text) for text in ("2015-07-11T23:00Z", "2015-07-12T00:00Z", "2015-07-12T05:00Z")]
    for time in times:
        write_scores(score_path(tmp_path, "demo", time), record(f"{time}Z"))

    def found(start, end):
        return [parse_time(each["cycle_time"]) for each in scores_between(tmp_path, "demo", parse_time(start), parse_time(end))]

    assert found("2015-07-01T00:00Z", "2015-08-01T00:00Z") == times
    assert found("2015-07-11T23:00Z", "2015-07-12T05:00Z") == times[:2]
    assert found("2015-07-11T23:10Z", "2015-07-12T05:01Z") == times[1:]
    assert found("2016-01-01T00:00Z", "2016-01-02T00:00Z") == []


def test_a_record_in_the_place_of_another_hour_is_refused(tmp_path):
    time = parse_time("2015-07-12T05:00Z")
    write_scores(score_path(tmp_path, "demo", time), record("2015-07-12T01:00Z"))
    with pytest.raises(ValueError, match="in the place of demo 2015-07-12T05:00:00Z"):
        list(scores_between(tmp_path, "demo", time, time + np.timedelta64(1, "h")))


def test_aggregate_leaves_in_sample_events_out():
    records = [record(seed=1), record(seed=2, in_sample=True), record(seed=3, probability_sums=None)]
    sums, probabilities = aggregate(records)
    xr.testing.assert_identical(sums, merge([some_sums(1), some_sums(3)]))
    xr.testing.assert_identical(probabilities, some_probabilities(1))
    assert [each["in_sample"] for each in out_of_sample(records)] == [False, False]
    everything, _ = aggregate_all(records)
    xr.testing.assert_identical(everything, merge([some_sums(1), some_sums(2), some_sums(3)]))


def test_aggregate_of_nothing_says_so():
    with pytest.raises(ValueError, match="no score record to aggregate"):
        aggregate([record(in_sample=True)])
    assert aggregate([record(probability_sums=None)])[1] is None


def test_effective_leads_are_what_a_reader_really_had():
    leads = effective_leads(record(latency_minutes=8.5))
    assert leads.lead.values.tolist() == [6, 12]
    assert leads.values.tolist() == [-2.5, 3.5]


def test_records_may_hold_other_variables_and_those_that_do_are_added(tmp_path):
    zdr = some_sums(1)
    write_scores(tmp_path / "new.json", record(moments={"zdr": to_json(zdr)}))
    write_scores(tmp_path / "old.json", record())
    found = aggregate_moments([read_scores(tmp_path / name) for name in ("new.json", "old.json", "new.json")])
    assert list(found) == ["zdr"]
    xr.testing.assert_identical(found["zdr"], merge([zdr, zdr]))
    assert aggregate_moments([record()]) == {}
