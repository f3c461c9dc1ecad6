"""Judging rows of statistics by the suites, with Great Expectations, in a child process that ends with its work.

Children are forked by a server of our own that has imported Great Expectations, which takes seconds, and does nothing
else; it ends with the process that started it.
"""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from typing import Any

from stormcycle.gates.suites import SEVERITIES, in_words, limits_of, suite, variable_of

Row = dict[str, Any]
Result = dict[str, Any]


class GateError(RuntimeError):
    """The gate itself failed: nothing was judged, so nothing has passed."""


def prepare() -> None:
    """Start the server that judging children are forked by, if it does not run; it imports while other work is done."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    multiprocessing.get_context("forkserver").set_forkserver_preload(["great_expectations", "pandas", "stormcycle.gates.judging"])
    forkserver.ensure_running()


def judged(rows: Mapping[str, Sequence[Row]]) -> list[Result]:
    """The results (see `judge`) of rows by the name of their suite, made in one child process.

    Raises GateError with a sentence when the child dies or Great Expectations fails: that is not a pass.
    """
    if not any(rows.values()):
        return []
    prepare()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        try:
            return pool.submit(judge_all, {name: list(items) for name, items in rows.items()}).result()
        except BrokenProcessPool:
            raise GateError("The process that judges with Great Expectations died; nothing was judged. Run the cycle again.") from None


def judge_all(rows: Mapping[str, Sequence[Row]]) -> list[Result]:
    """The results of every suite. What Great Expectations raises becomes a GateError, which the parent can read without importing it."""
    try:
        return [result for name, items in rows.items() for result in judge(name, items)]
    except GateError:
        raise
    except Exception as error:
        raise GateError(f"The gate failed, nothing was judged: {type(error).__name__}: {' '.join(str(error).split())}") from None


def judge(suite_name: str, rows: Sequence[Row]) -> list[Result]:
    """The results of rows (stormcycle.gates.summaries) against a suite, in this process, in order of subject and expectation.

    A result is plain: suite, subject, variable, statistic, expectation, severity (`block`, `warn`), passed, observed (None:
    the statistic has no meaning here, which passes), limit ([least, greatest], None: none), why. Raises GateError.
    """
    import great_expectations as gx
    import pandas as pd

    variables = {row["variable"] for row in rows}
    wanted = [expectation for expectation in suite(suite_name)["expectations"] if variable_of(expectation) in variables]
    if not wanted:
        return []
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    whole_frame = context.data_sources.add_pandas("summaries").add_dataframe_asset(suite_name).add_batch_definition_whole_dataframe("all")
    batch = whole_frame.get_batch({"dataframe": pd.DataFrame(list(rows))})
    validation = batch.validate(
        gx.ExpectationSuite(name=suite_name, expectations=wanted),
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["subject"]},
    )
    if len(validation.results) != len(wanted):  # an expectation that it does not understand is logged and dropped
        raise GateError(f"Great Expectations does not understand every expectation of schemas/expectations/{suite_name}.json; nothing was judged.")
    outcomes = [(outcome.expectation_config.to_json_dict(), outcome) for outcome in validation.results]
    results = [result for expectation, outcome in outcomes for result in _by_subject(suite_name, rows, expectation, outcome.result)]
    return sorted(results, key=lambda result: (result["subject"], result["variable"], result["statistic"], result["severity"]))


def _by_subject(suite_name: str, rows: Sequence[Row], expectation: dict[str, Any], outcome: Mapping[str, Any]) -> list[Result]:
    """What one expectation says of each subject. Raises GateError when Great Expectations could not evaluate it."""
    statistic, variable = expectation["kwargs"]["column"], variable_of(expectation)
    if "unexpected_index_list" not in outcome:
        raise GateError(
            f"Great Expectations could not evaluate {statistic} of {variable} in the suite {suite_name}; see schemas/expectations/{suite_name}.json."
        )
    failed = {item["subject"] for item in outcome["unexpected_index_list"]}
    return [
        {
            "suite": suite_name,
            "subject": row["subject"],
            "variable": variable,
            "statistic": statistic,
            "expectation": expectation["type"],
            "severity": SEVERITIES[expectation["severity"]],
            "passed": row["subject"] not in failed,
            "observed": None if row[statistic] != row[statistic] else round(row[statistic], 6),
            "limit": list(limits_of(expectation)),
            "why": expectation["meta"]["why"],
        }
        for row in rows
        if row["variable"] == variable
    ]


def blocking(results: Sequence[Result]) -> list[Result]:
    """The results that keep a field from being used."""
    return [result for result in results if not result["passed"] and result["severity"] == "block"]


def warning(results: Sequence[Result]) -> list[Result]:
    """The results that only warn."""
    return [result for result in results if not result["passed"] and result["severity"] == "warn"]


def sentence(result: Result) -> str:
    """What a failed result says to people."""
    return f"{result['variable']}: {result['statistic']} is {result['observed']:.4g}, allowed is {in_words(*result['limit'])}. {result['why']}"


def verdict(subject: str, results: Sequence[Result]) -> Row:
    """How a subject was judged as a whole, as a manifest tells it: `block`, `warn` or `pass`, what was observed, and the expectations that failed."""
    blocked, warned = blocking(results), warning(results)
    failed = [{key: result[key] for key in ("variable", "statistic", "severity", "observed", "limit", "why")} for result in (*blocked, *warned)]
    return {
        "subject": subject,
        "verdict": "block" if blocked else "warn" if warned else "pass",
        "observed": {f"{result['variable']}.{result['statistic']}": result["observed"] for result in results},
        "failed": failed,
    }
