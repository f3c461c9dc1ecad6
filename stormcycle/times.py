"""Cycle arithmetic: hours, frame slots, the slot of a granule. All times are UTC.

Inside the library a time is a numpy datetime64[s]; text is ISO 8601 with a Z.
"""

from datetime import UTC, datetime

import numpy as np

Time = np.datetime64
HOUR = np.timedelta64(1, "h")


def now() -> Time:
    """The present, UTC."""
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "s")


def parse_time(text: str) -> Time:
    """A UTC time to the second from ISO 8601 text (`2015-07-12T01:00Z`; a missing zone means UTC).

    Raises ValueError with a sentence when the text is no time.
    """
    return np.datetime64(_moment(text), "s")


def parse_cycle_time(text: str, present: Time | None = None) -> Time:
    """A cycle time from text: a full hour that has come.

    Raises ValueError with a sentence when it is not on the hour or lies in the future.
    """
    moment = _moment(text)
    if (moment.minute, moment.second, moment.microsecond) != (0, 0, 0):
        raise ValueError(f"The cycle time {moment.isoformat()}Z is not on the hour; cycles run at full hours UTC.")
    time = np.datetime64(moment, "s")
    if time > (present if present is not None else now()):
        raise ValueError(f"The cycle time {iso(time)} lies in the future; nothing has been observed yet.")
    return time


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; write it like 2015-07-12T01:00Z.") from None


def iso(time: Time) -> str:
    """ISO 8601 text to the second with a Z: `2015-07-12T01:00:00Z`."""
    return f"{np.datetime_as_string(time.astype('datetime64[s]'))}Z"


def hour_folder(cycle_time: Time) -> str:
    """The hour's part of a release path: `2015/07/12T01Z`."""
    return f"{cycle_time.astype(datetime):%Y/%m/%dT%HZ}"


def hour_name(cycle_time: Time) -> str:
    """The hour in one word: `20150712T01Z`."""
    return f"{cycle_time.astype(datetime):%Y%m%dT%HZ}"


def frame_slots(cycle_time: Time, step_minutes: int) -> np.ndarray:
    """The frame slots that a cycle owns: (T - 60 min, T], one every step; shape (60 / step,), datetime64[s]."""
    count = 60 // step_minutes
    return np.array([cycle_time - np.timedelta64(step_minutes * back, "m") for back in reversed(range(count))], "datetime64[s]")


def slot_of(nominal_time: Time, slots: np.ndarray, step_minutes: int) -> int | None:
    """The index of the slot within half a step of a nominal time, also just after the last one; None outside.

    A time exactly between two slots belongs to the later one, so that every time has one slot.
    """
    half = np.timedelta64(step_minutes * 30, "s")
    for index, slot in enumerate(slots):
        if slot - half <= nominal_time < slot + half:
            return index
    return None


def newest_run(time: Time, every_hours: int) -> Time:
    """The newest of a model's runs, one every so many hours from 00 UTC on, that had begun by a time."""
    day = time.astype("datetime64[D]").astype("datetime64[s]")
    return np.datetime64(day + ((time - day) // (every_hours * HOUR)) * (every_hours * HOUR), "s")


def season(time: Time) -> str:
    """The meteorological season of a time: DJF, MAM, JJA or SON."""
    return ("DJF", "MAM", "JJA", "SON")[int(str(time.astype("datetime64[M]"))[5:7]) % 12 // 3]


def minutes(span: np.timedelta64) -> float:
    """A span in minutes."""
    return float(span / np.timedelta64(1, "s")) / 60.0
