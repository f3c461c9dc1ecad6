"""Which GOES satellite stands in the East and which in the West, by valid time.

The days are those of NOAA's announcements (NCEI, "GOES-R Series"; NESDIS, "GOES-18 is now GOES West"; registry of open data on
AWS, noaa-goes): GOES-16 on 2017-12-18, GOES-17 on 2019-02-12, GOES-18 on 2023-01-04, GOES-19 on 2025-04-07 at 15 UTC (announced
for 4 April, and put off). Where the hour was not announced the day begins it: both satellites were sending then.
"""

from typing import Literal

from stormcycle.times import Time, iso, parse_time

Slot = Literal["east", "west"]
OPERATIONAL: dict[Slot, tuple[tuple[Time, str], ...]] = {
    "east": ((parse_time("2017-12-18T00:00Z"), "G16"), (parse_time("2025-04-07T15:00Z"), "G19")),
    "west": ((parse_time("2019-02-12T00:00Z"), "G17"), (parse_time("2023-01-04T00:00Z"), "G18")),
}
"""From when which satellite, oldest first. Before the first of a slot no ABI stood there: GOES-13 and GOES-15 carried older imagers."""


def satellite_at(slot: Slot, time: Time) -> str:
    """The satellite that was GOES-East or GOES-West at a time, as file names write it (`G16`).

    Raises ValueError with a sentence for a time before an ABI stood there.
    """
    found = [satellite for since, satellite in OPERATIONAL[slot] if since <= time]
    if not found:
        since, satellite = OPERATIONAL[slot][0]
        raise ValueError(
            f"At {iso(time)} no satellite with an ABI was GOES-{slot.title()}: {satellite} was the first, from {iso(since)}. "
            "GOES-16 sent from its test slot (89.5 W) before: name the satellite's own bucket to use that."
        )
    return found[-1]
