"""Which run serves a time, against a plain search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.background.runs import Available, choose_run
from stormcycle.times import HOUR, parse_time

T = parse_time("2026-07-01T14:00Z")


def run(hours_before: int, lead: int | None = None, key: str = "") -> Available:
    return Available(T - hours_before * HOUR, lead, key or f"{hours_before}-{lead}")


def test_the_shortest_forecast_comes_first_and_none_older_than_a_day():
    chosen = choose_run([run(hours) for hours in (26, 20, 14, 8, 2, -4)], T)
    assert [choice.lead_hours for choice in chosen] == [2, 8, 14, 20]
    assert [choice.lead_hours for choice in choose_run([run(26), run(20), run(2)], T, 10)] == [2]


def test_files_of_one_lead_serve_only_at_that_lead():
    chosen = choose_run([run(2, 1), run(2, 3), run(8, 8), run(8, 7)], T)
    assert [(choice.lead_hours, choice.keys) for choice in chosen] == [(8, ("8-8",))]


def test_the_files_of_one_field_with_all_leads_come_together():
    chosen = choose_run([run(2, None, "u"), run(2, None, "t"), run(8, None, "t8")], T)
    assert [choice.keys for choice in chosen] == [("t", "u"), ("t8",)]


def test_nothing_serves_where_nothing_is_available():
    assert choose_run([], T) == []
    assert choose_run([Available(T - np.timedelta64(90, "m"), None, "between hours")], T) == []


@given(st.lists(st.tuples(st.integers(-6, 40), st.none() | st.integers(0, 48)), max_size=20), st.integers(0, 36))
def test_it_is_the_plain_search(files: list[tuple[int, int | None]], longest: int):
    available = [Available(T - before * HOUR, lead, f"{before}/{lead}") for before, lead in files]
    expected = {}
    for lead_hours in range(longest + 1):
        keys = {f"{before}/{lead}" for before, lead in files if before == lead_hours and (lead is None or lead == lead_hours)}
        if keys:
            expected[lead_hours] = keys
    chosen = choose_run(available, T, longest)
    assert [choice.lead_hours for choice in chosen] == sorted(expected)
    assert {choice.lead_hours: set(choice.keys) for choice in chosen} == expected
    assert all(choice.base_time + choice.lead_hours * HOUR == T for choice in chosen)
