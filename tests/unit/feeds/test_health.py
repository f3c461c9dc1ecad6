"""The health of feeds: what is delayed is told by what the day before made usual."""

import numpy as np
import pytest

from stormcycle.cycle import CycleRecord, Granule
from stormcycle.cycle.record import Prefix, PrefixState
from stormcycle.feeds import feed_health
from stormcycle.times import iso, parse_time

NOON = parse_time("2026-07-01T12:00Z")


def granule(feed: str, minute: int, delay: float | None) -> Granule:
    """A granule of some minutes before noon that arrived some minutes later."""
    time = NOON - np.timedelta64(minute, "m")
    arrived = None if delay is None else iso(time + np.timedelta64(int(60 * delay), "s"))
    return Granule(feed, f"{feed}/{minute}", "one", 1, f"{minute:064x}", iso(time), arrived=arrived)


def record(*granules: Granule, **prefixes: PrefixState) -> CycleRecord:
    return CycleRecord("sky", iso(NOON), 1, "", granules, tuple(Prefix("one", name, state, 0, name) for name, state in prefixes.items()))


def row(now: CycleRecord, *earlier: CycleRecord) -> dict:
    (found,) = feed_health(now, earlier)
    return found


def test_a_feed_tells_its_newest_granule_and_its_delay_beside_the_usual_one() -> None:
    now = record(granule("imager", 10, 30.0), granule("imager", 5, 2.0), imager=PrefixState.SETTLED)
    before = record(granule("imager", 70, 1.0), granule("imager", 75, 3.0), granule("radar", 70, 50.0), imager=PrefixState.SETTLED)
    assert row(now, before) == {
        "feed": "imager",
        "state": "ok",
        "granules": 2,
        "newest": "2026-07-01T11:55:00Z",
        "delay_minutes": 2.0,
        "usual_delay_minutes": 2.0,
    }


@pytest.mark.parametrize(
    ("usual", "delay", "state"),
    [(2.0, 7.0, "ok"), (2.0, 7.5, "delayed"), (240.0, 480.0, "ok"), (240.0, 481.0, "delayed"), (240.0, 10.0, "ok"), (4.0, 9.0, "ok"), (4.0, 9.5, "delayed")],
)
def test_delayed_is_five_minutes_beyond_the_usual_and_twice_as_late(usual: float, delay: float, state: str) -> None:
    before = [record(granule("imager", 70 + hour, usual), imager=PrefixState.SETTLED) for hour in range(3)]
    assert row(record(granule("imager", 5, delay), imager=PrefixState.SETTLED), *before)["state"] == state


def test_the_first_hour_of_a_feed_has_no_usual_delay_and_is_not_delayed() -> None:
    found = row(record(granule("imager", 5, 500.0), imager=PrefixState.SETTLED))
    assert (found["state"], found["delay_minutes"], found["usual_delay_minutes"]) == ("ok", 500.0, None)


def test_one_late_day_does_not_make_lateness_usual() -> None:
    before = record(*(granule("imager", 60 + minute, 1.0) for minute in range(5)), granule("imager", 90, 600.0), imager=PrefixState.SETTLED)
    assert row(record(granule("imager", 5, 1.0), imager=PrefixState.SETTLED), before)["usual_delay_minutes"] == 1.0


@pytest.mark.parametrize(
    ("prefix", "state"),
    [(PrefixState.UNREACHABLE, "unreachable"), *((state, "missing") for state in (PrefixState.MISSING, PrefixState.EMPTY, PrefixState.SETTLED))],
)
def test_a_feed_without_granules_is_missing_unless_it_could_not_be_reached(prefix: PrefixState, state: str) -> None:
    found = row(record(imager=prefix))
    assert (found["state"], found["granules"], found["newest"], found["delay_minutes"]) == (state, 0, None, None)


def test_granules_that_tell_no_time_or_no_arrival_have_no_delay() -> None:
    timeless = Granule("radar", "a.h5", "one", 1, "0" * 64, None, arrived=iso(NOON))
    found = row(record(timeless, radar=PrefixState.SETTLED))
    assert (found["state"], found["granules"], found["newest"], found["delay_minutes"]) == ("ok", 1, None, None)
    found = row(record(granule("radar", 5, None), radar=PrefixState.SETTLED))
    assert (found["state"], found["newest"], found["delay_minutes"]) == ("ok", "2026-07-01T11:55:00Z", None)


def test_every_feed_that_was_asked_has_a_row_in_the_order_of_asking() -> None:
    now = record(granule("background", 5, 1.0), radar=PrefixState.SETTLED, imager=PrefixState.UNREACHABLE, background=PrefixState.SETTLED)
    assert [(found["feed"], found["state"]) for found in feed_health(now, [])] == [("radar", "missing"), ("imager", "unreachable"), ("background", "ok")]
