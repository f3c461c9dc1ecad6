"""Feeds that are not there, and feeds that hold nothing."""

import json

import numpy as np
import pytest
from bad_input.spoiling import codes, manifest, product, products
from house import FIRST, House

from flows.cycle import cycle
from stormcycle.feeds import FeedError


def test_a_feed_that_does_not_exist_pins_nothing_and_a_later_run_succeeds(house: House) -> None:
    away = house.bucket.rename(house.bucket.with_name("away"))
    with pytest.raises(FeedError, match=r"has no folder .*buckets/small"):
        cycle.fn("small", FIRST)
    assert list((house.home / "work").rglob("record-*.json")) == []
    assert not (house.home / "releases").exists()
    away.rename(house.bucket)
    assert cycle.fn("small", FIRST).state == "complete"


@pytest.mark.parametrize("emptied", ["the folder alone", "a folder of another day"])
def test_a_feed_with_nothing_for_the_hour_gives_a_release_that_observed_nothing(house: House, emptied: str) -> None:
    (house.bucket / "2026/07/01").rename(house.bucket / "2026/07/02" if emptied == "a folder of another day" else house.home / "away")
    made = cycle.fn("small", FIRST)
    assert (made.state, codes(made)) == ("degraded", ["frames_missing", "no_nowcast"])
    assert (products(made), manifest(made)["inputs"]) == ({"radar"}, [])
    radar = product(made, "radar")
    assert not radar["observed"].values.any()
    assert np.isnan(radar["reflectivity"].values).all()
    assert not radar["provenance"].values.any()
    assert np.isnan(radar["hourly_sum"].values).all()
    status = json.loads((house.home / "releases/small/status.json").read_text())
    assert (status["last_released"], status["last_complete"]) == (FIRST, None)


def test_a_granule_that_vanishes_after_it_was_pinned_is_missing_and_one_that_changes_is_corrupt(house: House) -> None:
    from tasks.fetch import fetch
    from tasks.pin import pin

    hour = pin("small", FIRST, False)
    house.granule("simli", "123000").unlink()
    house.granule("simpa", "124200").write_bytes(house.granule("simpa", "124800").read_bytes())
    fetched = {item.granule.key.rsplit("/", 1)[-1]: str(item.state) for item in fetch(hour)}
    assert {name: state for name, state in fetched.items() if state != "ok"} == {
        house.granule("simli", "123000").name: "missing",
        house.granule("simpa", "124200").name: "corrupt",
    }
    made = cycle.fn("small", FIRST)
    assert made.state == "degraded"
    assert sorted(codes(made)) == ["granule_corrupt", "radar_missing", "radar_missing"]
