"""The health of feeds: of each the newest granule, and its delay beside the delay that is usual for the feed."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from stormcycle.cycle.record import CycleRecord, Granule, PrefixState
from stormcycle.times import minutes, parse_time

Health = Literal["ok", "delayed", "missing", "unreachable"]
GRACE_MINUTES = 5.0
"""A newest granule is delayed when it came this much later than is usual, and twice as late."""


def feed_health(record: CycleRecord, earlier: Iterable[CycleRecord]) -> list[dict[str, Any]]:
    """A row for each feed that a cycle asked: `feed`, `state`, `granules`, `newest` (time by name), `delay_minutes` of the newest
    from that time to its arrival, `usual_delay_minutes` (the median over the granules of earlier cycles). None where it is not told.
    """
    before = [granule for one in earlier for granule in one.granules]
    rows = []
    for feed in dict.fromkeys(prefix.feed for prefix in record.prefixes):
        granules = [granule for granule in record.granules if granule.feed == feed]
        told = [granule for granule in granules if granule.valid_time is not None]
        newest = max(told, key=lambda granule: str(granule.valid_time), default=None)
        delay, usual = _delay(newest), _usual([granule for granule in before if granule.feed == feed])
        state = _state(granules, {prefix.state for prefix in record.prefixes if prefix.feed == feed}, delay, usual)
        rows.append(
            {
                "feed": feed,
                "state": state,
                "granules": len(granules),
                "newest": newest.valid_time if newest is not None else None,
                "delay_minutes": delay,
                "usual_delay_minutes": usual,
            }
        )
    return rows


def _state(granules: Sequence[Granule], prefixes: set[PrefixState], delay: float | None, usual: float | None) -> Health:
    if not granules:
        return "unreachable" if PrefixState.UNREACHABLE in prefixes else "missing"
    return "delayed" if delay is not None and usual is not None and delay > max(usual + GRACE_MINUTES, 2 * usual) else "ok"


def _delay(granule: Granule | None) -> float | None:
    """Minutes from a granule's time by name to its arrival."""
    if granule is None or granule.valid_time is None or granule.arrived is None:
        return None
    return round(minutes(parse_time(granule.arrived) - parse_time(granule.valid_time)), 1)


def _usual(granules: Iterable[Granule]) -> float | None:
    delays = [delay for granule in granules if (delay := _delay(granule)) is not None]
    return round(float(np.median(delays)), 1) if delays else None
