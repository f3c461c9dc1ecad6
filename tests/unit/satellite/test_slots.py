import pytest

from stormcycle.satellite import satellite_at
from stormcycle.satellite.slots import Slot
from stormcycle.times import parse_time


@pytest.mark.parametrize(
    ("slot", "time", "satellite"),
    [
        ("east", "2017-12-18T00:00Z", "G16"),
        ("east", "2022-10-02T11:01Z", "G16"),
        ("east", "2025-04-07T14:59:59Z", "G16"),
        ("east", "2025-04-07T15:00Z", "G19"),
        ("east", "2026-07-01T12:00Z", "G19"),
        ("west", "2019-02-12T00:00Z", "G17"),
        ("west", "2023-01-03T23:59:59Z", "G17"),
        ("west", "2023-01-04T18:00Z", "G18"),
        ("west", "2025-04-07T15:00Z", "G18"),
    ],
)
def test_the_satellite_of_a_slot_is_the_one_that_was_operational(slot: Slot, time: str, satellite: str) -> None:
    assert satellite_at(slot, parse_time(time)) == satellite


@pytest.mark.parametrize(("slot", "first"), [("east", "G16 was the first, from 2017-12-18"), ("west", "G17 was the first, from 2019-02-12")])
def test_before_an_abi_stood_there_a_sentence_says_so(slot: Slot, first: str) -> None:
    with pytest.raises(ValueError, match=first):
        satellite_at(slot, parse_time("2017-07-12T18:11Z"))
