"""Feeds that change while they are listed: a prefix that still grows, files that come and go between two calls."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from house import FIRST, SMALL, House

from stormcycle.cycle.record import PrefixState, newest_record
from stormcycle.domain import load_domain
from stormcycle.feeds import Listing, list_radar_feed, prefixes
from stormcycle.states import GranuleState
from stormcycle.times import iso, parse_time
from tasks.fetch import fetch
from tasks.pin import pin

LISTED_AT = parse_time("2026-07-01T13:05:00Z")
LONG_AGO = parse_time("2026-07-01T12:00:00Z")


@pytest.fixture
def clock(house: House, monkeypatch: pytest.MonkeyPatch) -> list[np.datetime64]:
    """The present as the listing sees it, in a list so that tests move it; the feed waits until it is 30 s old."""
    domain = yaml.safe_load(SMALL)
    domain["radar"]["feed"] |= {"settle_seconds": 30}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    for path in house.bucket.rglob("*.h5"):
        came(path, LONG_AGO)
    present = [LISTED_AT]
    monkeypatch.setattr("stormcycle.feeds.listing.now", lambda: present[0])
    return present


def came(path: Path, time: np.datetime64) -> None:
    seconds = int(time.astype("int64"))
    os.utime(path, (seconds, seconds))


def listed(clock: list[np.datetime64], meanwhile: Callable[[int], None] = lambda wait: None) -> tuple[Listing, list[float]]:
    """A listing, and how long it waited; `meanwhile` is what happens during the n-th wait."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += np.timedelta64(int(seconds), "s")
        meanwhile(len(waits))

    return list_radar_feed(load_domain("small"), parse_time(FIRST), sleep), waits


def states(listing: Listing) -> dict[str, str]:
    return {prefix.site: str(prefix.state) for prefix in listing.prefixes}


def test_a_listing_whose_newest_granule_is_old_enough_is_settled_at_once(house: House, clock: list[np.datetime64]) -> None:
    came(house.granule("simli", "130000"), LISTED_AT - np.timedelta64(30, "s"))
    found, waits = listed(clock)
    assert (states(found), waits) == ({"simli": "settled", "simpa": "settled"}, [])


def test_a_granule_that_came_just_now_is_waited_for_and_then_it_is_settled(house: House, clock: list[np.datetime64]) -> None:
    came(house.granule("simli", "130000"), LISTED_AT - np.timedelta64(29, "s"))
    found, waits = listed(clock)
    assert (states(found), waits) == ({"simli": "settled", "simpa": "settled"}, [30])


def test_what_comes_while_we_wait_is_pinned_too(house: House, clock: list[np.datetime64]) -> None:
    held_back = [(house.granule("simli", time), house.granule("simli", time).read_bytes()) for time in ("125400", "130000")]
    for path, _ in held_back:
        path.unlink()
    came(house.granule("simli", "124800"), LISTED_AT)

    def meanwhile(wait: int) -> None:
        path, content = held_back[wait - 1]
        if wait == 1:
            path.write_bytes(content)
            came(path, clock[0] - np.timedelta64(5, "s"))

    found, waits = listed(clock, meanwhile)
    assert [granule.key[-10:-4] for granule in found.granules if granule.site == "simli"][-2:] == ["124800", "125400"]
    assert (states(found), waits) == ({"simli": "settled", "simpa": "settled"}, [30, 30])


def test_a_prefix_that_never_stops_growing_is_taken_as_it_is_after_three_listings(house: House, clock: list[np.datetime64]) -> None:
    came(house.granule("simpa", "130000"), LISTED_AT)
    found, waits = listed(clock, lambda wait: came(house.granule("simpa", "130000"), clock[0]))
    assert (states(found), len(waits), len(found.granules)) == ({"simli": "settled", "simpa": "growing"}, 2, 20)


def test_a_prefix_whose_last_two_listings_differ_is_growing_however_old_its_granules(house: House, clock: list[np.datetime64]) -> None:
    came(house.granule("simli", "130000"), LISTED_AT)

    def meanwhile(wait: int) -> None:
        house.granule("simli", "125400" if wait == 1 else "124800").unlink()

    found, waits = listed(clock, meanwhile)
    assert (states(found), len(waits), len(found.granules)) == ({"simli": "growing", "simpa": "settled"}, 2, 18)


def test_files_that_go_between_the_listing_and_the_look_at_them_are_not_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = prefixes.content_digest

    def went(filesystem: object, info: dict) -> str:
        if "125400" in info["name"]:
            Path(info["name"]).unlink()
        return digest(filesystem, info)

    monkeypatch.setattr(prefixes, "content_digest", went)
    found = list_radar_feed(load_domain("small"), parse_time(FIRST))
    assert len(found.granules) == 18
    assert {prefix.state for prefix in found.prefixes} == {PrefixState.SETTLED}


def test_the_record_keeps_how_the_prefixes_were_and_the_log_warns(house: House, caplog: pytest.LogCaptureFixture) -> None:
    (house.bucket / "2026/07/01/simpa").rename(house.home / "away")
    with caplog.at_level("WARNING", logger="stormcycle"):
        hour = pin("small", FIRST, False)
    record = newest_record(hour.folder)
    assert record is not None
    assert [(prefix.site, str(prefix.state), prefix.granules) for prefix in record.prefixes] == [("simli", "settled", 10), ("simpa", "missing", 0)]
    assert f"The radar feed of small at {FIRST}: '2026/07/01/simpa' of simpa is missing." in caplog.messages


def test_a_duplicate_is_not_fetched_and_a_late_granule_stays_late(house: House) -> None:
    domain = yaml.safe_load(SMALL)
    domain["radar"]["feed"] |= {"late_after_minutes": 10}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    for path in house.bucket.rglob("*.h5"):
        came(path, LONG_AGO)
    twin = house.granule("simli", "124200")
    twin.write_bytes(house.granule("simli", "123600").read_bytes())
    came(twin, LONG_AGO)
    came(house.granule("simli", "123000"), parse_time("2026-07-01T12:40:01Z"))
    items = {item.granule.key[-10:-4]: item for item in fetch(pin("small", FIRST, False)) if item.state is not GranuleState.OK}
    assert {name: (str(item.state), item.usable) for name, item in items.items()} == {
        "123000": ("late", True),
        "124200": ("duplicate", False),
    }
    duplicate = items["124200"]
    assert duplicate.note == "The same bytes as 2026/07/01/simli/simli_pvol_20260701T123600Z.h5."
    assert iso(LONG_AGO) == duplicate.granule.arrived
    assert len(list((house.home / "work").rglob("inputs/*"))) == 19
