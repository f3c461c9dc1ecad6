"""Which run of a forecast model serves a time. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from stormcycle.times import HOUR, Time


@dataclass(frozen=True)
class Available:
    """A file of a run: the key that it is fetched by, and the lead that its name tells; None where it holds several, or all."""

    base_time: Time
    lead_hours: int | None
    key: str


@dataclass(frozen=True)
class Choice:
    """The files of one run that can hold the forecast for a time, by key."""

    base_time: Time
    lead_hours: int
    keys: tuple[str, ...]


def choose_run(available: Iterable[Available], valid_time: Time, longest_lead_hours: int = 24) -> list[Choice]:
    """The runs that can serve a time (an hour), the shortest forecast first; none whose lead is longer than `longest_lead_hours`.

    A run whose files each hold one lead serves the time only where one of them holds that lead.
    """
    keys: dict[Time, set[str]] = {}
    for file in available:
        lead = (valid_time - file.base_time) / HOUR
        if 0 <= lead <= longest_lead_hours and lead == int(lead) and file.lead_hours in (None, lead):
            keys.setdefault(file.base_time, set()).add(file.key)
    return [Choice(base, int((valid_time - base) / HOUR), tuple(sorted(keys[base]))) for base in sorted(keys, reverse=True)]
