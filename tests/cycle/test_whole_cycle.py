"""Whole cycles of the small simulated domain, as a reader of the release sees them."""

import json
from pathlib import Path

import numpy as np
import xarray as xr
from house import FIRST, SECOND, House

from flows.cycle import cycle
from flows.verify import verify
from stormcycle.release.contract import violations
from stormcycle.states import NO_ECHO_DBZ, Provenance
from stormcycle.verification import from_json, read_scores, scores_of


def test_two_hours_are_released_whole_and_the_first_is_verified(house: House) -> None:
    first, second = cycle.fn("small", FIRST), cycle.fn("small", SECOND)
    assert (first.state, second.state) == ("complete", "complete")
    assert first.degraded == ()
    for product in ("radar", "nowcast", "probability"):
        fields = xr.open_zarr(second.url, group=product, consolidated=False)
        assert violations(product, fields.load()) == []
    latest = json.loads((house.home / "releases/small/latest.json").read_text())
    assert (latest["url"], latest["cycle_time"], latest["version"]) == (second.url, SECOND, 1)
    status = json.loads((house.home / "releases/small/status.json").read_text())
    assert (status["last_complete"], status["last_released"], status["next_expected"]) == (SECOND, SECOND, "2026-07-01T15:00:00Z")
    states = {item.cycle_time: item.state for item in verify.fn("small")}
    assert states == {FIRST: "verified", SECOND: "waiting"}
    record = read_scores(house.home / "scores/small/2026/07/01T13Z.json")
    scores = scores_of(from_json(record["sums"]))
    nowcast, persistence = (scores["csi"].sel({"method": name, "threshold": 20.0}).mean("lead") for name in ("nowcast", "persistence"))
    assert float(nowcast) > float(persistence)
    zdr = from_json(record["moments"]["zdr"])
    assert set(zdr["method"].values) == {"nowcast", "extrapolation", "persistence"}
    said = xr.open_zarr(first.url, group="nowcast", consolidated=False)["zdr"].isel(lead_time=2).values
    radar = xr.open_zarr(second.url, group="radar", consolidated=False).isel(valid_time=2).load()
    seen, event = radar["observed"].values, np.nan_to_num(radar["zdr"].values) >= 0.5
    told = zdr.sel({"method": "nowcast", "threshold": 0.5}).isel(lead=2)
    assert int(told["hits"]) == (seen & event & (np.nan_to_num(said) >= 0.5)).sum() > 0
    assert int(told["misses"]) == (seen & event & ~(np.nan_to_num(said) >= 0.5)).sum()
    assert int(told["false_alarms"]) == (seen & ~event & (np.nan_to_num(said) >= 0.5)).sum()
    assert Path(house.home / "scores/small/2026/07/01T13Z.png").stat().st_size > 10_000


def test_a_reader_can_tell_no_echo_from_not_observed(house: House) -> None:
    radar = xr.open_zarr(cycle.fn("small", FIRST).url, group="radar", consolidated=False).load()
    values, observed, flags = (radar[name].values for name in ("reflectivity", "observed", "provenance"))
    assert np.array_equal(np.isnan(values), ~observed)
    assert np.array_equal((flags & Provenance.UNDETECT) > 0, values == NO_ECHO_DBZ)
    assert np.array_equal((flags & Provenance.OUTSIDE_COVERAGE) > 0, ~observed)
    assert 0.01 < (values == NO_ECHO_DBZ).mean() < 0.99


def test_a_released_hour_is_returned_and_nothing_is_computed(house: House) -> None:
    first = cycle.fn("small", FIRST)
    before = sorted((path, path.stat().st_mtime_ns) for path in house.home.rglob("*"))
    again = cycle.fn("small", FIRST)
    assert sorted((path, path.stat().st_mtime_ns) for path in house.home.rglob("*")) == before
    assert (again.url, again.digest, first.new, again.new) == (first.url, first.digest, True, False)


def test_revising_makes_a_version_only_when_the_inputs_changed(house: House) -> None:
    first = cycle.fn("small", FIRST)
    same = cycle.fn("small", FIRST, revise=True)
    assert (same.version, same.new, same.digest) == (1, False, first.digest)
    house.granule("simpa", "123000").unlink()
    changed = cycle.fn("small", FIRST, revise=True)
    assert (changed.version, changed.new) == (2, True)
    assert changed.digest != first.digest
    assert Path(first.url).is_dir()
    assert json.loads((house.home / "releases/small/latest.json").read_text())["version"] == 2


def test_the_same_inputs_give_the_same_digest_in_another_house(house: House, tmp_path: Path, monkeypatch) -> None:
    import shutil

    first = cycle.fn("small", FIRST)
    other = tmp_path / "other"
    shutil.copytree(house.bucket, other / "buckets/small")
    monkeypatch.setenv("STORMCYCLE_HOME", str(other))
    assert cycle.fn("small", FIRST).digest == first.digest
