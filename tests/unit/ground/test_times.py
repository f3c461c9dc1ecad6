"""Cycle arithmetic: full hours, slots that share no instant and miss none, folders that read back."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.times import frame_slots, hour_folder, hour_name, iso, minutes, now, parse_cycle_time, parse_time, season, slot_of

NOON = np.datetime64("2015-07-12T12:00:00", "s")
STEPS = st.sampled_from([5, 6, 10, 15])
HOURS = st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)).map(lambda moment: moment.replace(minute=0, second=0, microsecond=0))


@given(STEPS, HOURS, st.integers(-7200, 7200))
def test_every_instant_of_the_window_belongs_to_exactly_one_slot(step: int, hour: datetime, offset: int):
    cycle_time = np.datetime64(hour, "s")
    slots, instant = frame_slots(cycle_time, step), hour + timedelta(seconds=offset)
    # plain datetimes: [slot - step/2, slot + step/2) of T - 60 min + step, ..., T
    owners = [
        index
        for index in range(60 // step)
        if timedelta(minutes=-step / 2) <= instant - (hour - timedelta(minutes=60) + timedelta(minutes=step * (index + 1))) < timedelta(minutes=step / 2)
    ]
    inside = -3600 + step * 30 <= offset < step * 30
    assert len(owners) == (1 if inside else 0)
    assert slot_of(np.datetime64(instant, "s"), slots, step) == (owners[0] if owners else None)


def test_a_time_exactly_between_two_slots_belongs_to_the_later():
    slots = frame_slots(NOON, 6)
    assert slot_of(NOON - np.timedelta64(180, "s"), slots, 6) == 9
    assert slot_of(NOON - np.timedelta64(181, "s"), slots, 6) == 8
    assert slot_of(NOON + np.timedelta64(180, "s"), slots, 6) is None  # the next cycle's
    assert slot_of(slots[0] - np.timedelta64(180, "s"), slots, 6) == 0


@given(STEPS, HOURS)
def test_two_cycles_share_no_slot_and_leave_none_out(step: int, hour: datetime):
    first, second = (frame_slots(np.datetime64(moment, "s"), step) for moment in (hour, hour + timedelta(hours=1)))
    both = np.concatenate([first, second])
    assert len(both) == 2 * 60 // step
    assert set(np.diff(both)) == {np.timedelta64(step, "m")}
    assert first[-1] == np.datetime64(hour, "s")


@given(HOURS)
def test_an_hours_folder_reads_back(hour: datetime):
    time = np.datetime64(hour, "s")
    assert datetime.strptime(hour_folder(time), "%Y/%m/%dT%HZ") == hour
    assert hour_folder(time) == f"{hour.year:04d}/{hour.month:02d}/{hour.day:02d}T{hour.hour:02d}Z"
    assert hour_name(time) == hour_folder(time).replace("/", "")


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_time_with_a_zone_is_turned_to_utc(moment: datetime, offset: int):
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    assert iso(parse_time(aware.isoformat())) == aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_time_without_a_zone_is_utc():
    assert parse_time("2015-07-12T12:00") == parse_time(" 2015-07-12T12:00Z ") == parse_time("2015-07-12T14:00+02:00") == NOON


@pytest.mark.parametrize("text", ["", "yesterday", "2015-13-01T00:00Z", "2015-02-29T00:00Z", "2015-07-12T24:30Z", "12", "2015-07-12T12:00ZZ"])
def test_nonsense_is_refused_in_a_sentence_that_quotes_it(text: str):
    with pytest.raises(ValueError, match="is not a time; write it like") as refused:
        parse_cycle_time(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", ["2015-07-12T12:30Z", "2015-07-12T12:00:01Z", "2015-07-12T12:00+05:30"])
def test_a_cycle_time_off_the_hour_is_refused(text: str):
    with pytest.raises(ValueError, match="not on the hour"):
        parse_cycle_time(text, NOON)


def test_a_cycle_time_in_the_future_is_refused_and_the_present_hour_is_not():
    assert parse_cycle_time("2015-07-12T12:00Z", NOON) == NOON
    with pytest.raises(ValueError, match="lies in the future"):
        parse_cycle_time("2015-07-12T13:00Z", NOON)
    with pytest.raises(ValueError, match="lies in the future"):
        parse_cycle_time("2999-01-01T00:00Z")


def test_the_present_is_utc():
    assert abs(now().astype("int64") - datetime.now(UTC).timestamp()) < 5


def test_minutes_of_a_span():
    assert minutes(np.timedelta64(90, "s")) == 1.5
    assert minutes(np.timedelta64(-2, "h").astype("timedelta64[ns]")) == -120.0


def test_a_time_that_leaves_the_calendar_is_no_time():
    with pytest.raises(ValueError, match="is not a time"):
        parse_time("0001-01-01T00:00+05:00")


@pytest.mark.parametrize(("month", "name"), [("12", "DJF"), ("02", "DJF"), ("03", "MAM"), ("08", "JJA"), ("11", "SON")])
def test_seasons(month: str, name: str) -> None:
    assert season(parse_time(f"2026-{month}-15T00:00Z")) == name
