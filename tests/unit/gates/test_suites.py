"""The suites of limits: each is Great Expectations' own form, contains what good data gave, and bites."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from stormcycle.gates import GateError, blocking, judge, judged, sentence, suite, suite_names, suites, summaries, warning
from stormcycle.gates.document import DOCUMENT, STATISTICS, gates_document, with_measurements
from stormcycle.gates.judging import judge_all
from stormcycle.gates.suites import limits_of, variable_of

EXPECTATIONS = [(name, index) for name in suite_names() for index in range(len(suite(name)["expectations"]))]
STATISTIC_NAMES = [name for names in STATISTICS for name in names.split(", ")]


def named(item: tuple[str, int]) -> str:
    expectation = suite(item[0])["expectations"][item[1]]
    return f"{item[0]}-{variable_of(expectation)}-{expectation['kwargs']['column']}-{expectation['severity']}"


def good_row(name: str, variable: str, subject: str = "good") -> dict[str, Any]:
    """A row in the middle of what good data gave; NaN for statistics without a limit."""
    row = {"subject": subject, "variable": variable} | dict.fromkeys(STATISTIC_NAMES, np.nan)
    for expectation in suite(name)["expectations"]:
        if variable_of(expectation) == variable:
            measured = expectation["meta"]["measured"]
            row[expectation["kwargs"]["column"]] = (measured["least"] + measured["greatest"]) / 2
    return row


def spoiled_row(name: str, index: int) -> dict[str, Any]:
    """A good row with one statistic just outside one limit."""
    expectation = suite(name)["expectations"][index]
    least, greatest = limits_of(expectation)
    outside = least - max(abs(least), 1.0) * 1e-7 if least is not None else greatest + max(abs(greatest), 1.0) * 1e-7
    return good_row(name, variable_of(expectation), f"spoiled {index}") | {expectation["kwargs"]["column"]: outside}


@cache
def results(name: str) -> list[dict[str, Any]]:
    """Good rows, and a row spoiled for each expectation of a suite, judged together."""
    expectations = suite(name)["expectations"]
    rows = [good_row(name, variable) for variable in dict.fromkeys(map(variable_of, expectations))]
    return judge(name, [*rows, *(spoiled_row(name, index) for index in range(len(expectations)))])


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_is_what_great_expectations_writes_itself(name: str) -> None:
    import great_expectations as gx

    content = suite(name)
    written = gx.ExpectationSuite(name=content["name"], expectations=content["expectations"]).to_json_dict()
    assert (written["name"], written["expectations"]) == (name, content["expectations"])


@pytest.mark.parametrize("name", suite_names())
def test_good_rows_keep_every_limit(name: str) -> None:
    good = [result for result in results(name) if result["subject"] == "good"]
    assert len(good) == len(suite(name)["expectations"])
    assert all(result["passed"] for result in good)


@pytest.mark.parametrize("item", EXPECTATIONS, ids=named)
def test_each_expectation_fails_just_outside_its_limit_and_nothing_else_does(item: tuple[str, int]) -> None:
    name, index = item
    expectation = suite(name)["expectations"][index]
    failed = [result for result in results(name) if result["subject"] == f"spoiled {index}" and not result["passed"]]
    severity = {"critical": "block", "warning": "warn"}[expectation["severity"]]
    guilty = [result for result in failed if result["limit"] == list(limits_of(expectation))]
    assert [(result["variable"], result["statistic"], result["severity"]) for result in guilty] == [
        (variable_of(expectation), expectation["kwargs"]["column"], severity)
    ]
    assert (blocking(guilty) if severity == "block" else warning(guilty)) == guilty
    # what is blocked lies outside the narrower limit of a warning, too
    others = [result for result in failed if result not in guilty]
    assert all((severity, other["severity"], other["statistic"]) == ("block", "warn", guilty[0]["statistic"]) for other in others)


@pytest.mark.parametrize("item", EXPECTATIONS, ids=named)
def test_each_limit_contains_what_good_data_gave(item: tuple[str, int]) -> None:
    expectation = suite(item[0])["expectations"][item[1]]
    measured, (least, greatest) = expectation["meta"]["measured"], limits_of(expectation)
    assert expectation["meta"]["command"] == "make limits"
    assert measured["summaries"] > 0
    assert measured["of"]
    assert expectation["meta"]["why"].endswith(".")
    assert least is None or least <= measured["least"]
    assert greatest is None or measured["greatest"] <= greatest


def test_each_limited_statistic_is_explained_and_each_explained_one_is_made() -> None:
    made = summaries(xr.Dataset({"reflectivity": (("y", "x"), np.zeros((3, 3), "float32"))}), "a")[0]
    limited = {expectation["kwargs"]["column"] for name in suite_names() for expectation in suite(name)["expectations"]}
    assert limited <= set(STATISTIC_NAMES) == set(made) - {"subject", "variable"}


def test_the_document_is_what_the_suites_say() -> None:
    assert DOCUMENT.read_text() == gates_document(), "run `make limits`"


def test_measurements_are_the_extremes_of_the_rows_that_have_a_meaning() -> None:
    found = ((0.5, "a"), (np.nan, "a"), (0.25, "b"), (1, "b"))
    rows = [good_row("probability", "exceedance") | {"greatest": value, "sample": sample} for value, sample in found]
    content = with_measurements(suite("probability"), [*rows, good_row("nowcast", "reflectivity") | {"greatest": 9.0, "sample": "c"}])
    (measured,) = [item["meta"]["measured"] for item in content["expectations"] if item["kwargs"]["column"] == "greatest"]
    assert measured == {"least": 0.25, "greatest": 1.0, "summaries": 3, "of": "1 (a), 2 (b)"}


def test_a_statistic_without_a_meaning_passes_and_is_not_a_number() -> None:
    row = good_row("radar_fields", "reflectivity") | {"greatest": np.nan, "spread": np.nan}
    told = {result["statistic"]: result for result in judge("radar_fields", [row])}
    assert (told["greatest"]["passed"], told["greatest"]["observed"]) == (True, None)
    assert json.loads(json.dumps(told)) == told


def test_rows_of_variables_without_a_limit_are_not_judged() -> None:
    assert judge("radar_fields", [good_row("radar_fields", "reflectivity") | {"variable": "temperature"}]) == []


def test_a_sentence_says_what_was_found_and_what_is_allowed() -> None:
    (result,) = [found for found in judge("radar_fields", [good_row("radar_fields", "reflectivity") | {"greatest": 95.0}]) if not found["passed"]]
    assert sentence(result).startswith("reflectivity: greatest is 95, allowed is at most 80. ")


def test_a_suite_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"no suite 'clouds'.*nowcast, probability, radar, radar_fields"):
        suite("clouds")


def test_judging_happens_in_a_child_process_and_gives_what_this_process_gives() -> None:
    program = """
import json, sys
from stormcycle.gates import judged
if __name__ == "__main__":
    results = judged(json.loads(sys.stdin.read()))
    assert "great_expectations" not in sys.modules, "the parent imported Great Expectations"
    print(json.dumps(results))
"""
    rows = {"probability": [good_row("probability", "exceedance"), spoiled_row("probability", 2)], "nowcast": [good_row("nowcast", "rain_sum")]}
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(rows), capture_output=True, text=True, check=False, env=os.environ, cwd=DOCUMENT.parents[1]
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [result for name, items in rows.items() for result in judge(name, items)]


def test_nothing_to_judge_starts_no_child() -> None:
    assert judged({}) == judged({"radar": []}) == []


class Deadly:
    """What kills the process that unpickles it, as a crash of a C library would."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (3,)


def test_a_child_that_dies_is_an_error_and_no_pass() -> None:
    with pytest.raises(GateError, match="died; nothing was judged"):
        judged({"radar": [{"variable": "reflectivity", "greatest": Deadly()}]})


def test_rows_that_lack_a_statistic_are_an_error_and_no_pass() -> None:
    row = good_row("radar", "hourly_sum")
    del row["greatest"]
    with pytest.raises(GateError, match="could not evaluate greatest of hourly_sum"):
        judged({"radar": [row]})


def test_a_suite_that_great_expectations_refuses_is_an_error_and_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(json.dumps(suite("radar")))
    content["expectations"][0]["type"] = "expect_miracles"
    (tmp_path / "broken.json").write_text(json.dumps(content))
    monkeypatch.setattr(suites, "EXPECTATIONS", tmp_path)
    with pytest.raises(GateError, match="does not understand every expectation"):
        judge("broken", [good_row("radar", "reflectivity")])


def test_whatever_is_raised_is_an_error_of_the_gate_that_the_parent_can_read() -> None:
    with pytest.raises(GateError, match="nothing was judged: ValueError: There is no suite 'clouds'"):
        judge_all({"clouds": [good_row("radar", "reflectivity")]})
