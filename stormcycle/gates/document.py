"""Beside each limit what good data gave, and docs/gates.md, the table of them all; both made by `make limits`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stormcycle.gates.suites import SEVERITIES, in_words, limits_of, suite, suite_names, variable_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "gates.md"
COMMAND = "make limits"
DIGITS = 6


def with_measurements(content: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A suite's content with what rows of statistics (of good data, each with its `sample`) gave beside each limit."""
    return content | {"expectations": [_with_measurement(expectation, rows) for expectation in content["expectations"]]}


def _with_measurement(expectation: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    statistic, variable = expectation["kwargs"]["column"], variable_of(expectation)
    found = [(float(row[statistic]), row["sample"]) for row in rows if row["variable"] == variable and row[statistic] == row[statistic]]
    values = [value for value, _ in found]
    measured = {
        "least": round(min(values), DIGITS) if values else None,
        "greatest": round(max(values), DIGITS) if values else None,
        "summaries": len(values),
        "of": ", ".join(f"{count} ({sample})" for sample, count in Counter(sample for _, sample in found).items()),
    }
    return expectation | {"meta": {**expectation["meta"], "measured": measured, "command": COMMAND}}


def gates_document() -> str:
    """docs/gates.md: every limit beside what good data gave."""
    lines = [
        "# Gates",
        "",
        f"Made by `{COMMAND}` from `schemas/expectations/*.json`; do not edit. Limits are set by hand in those files, what was measured is written there.",
        "",
        "Each volume or frame on the grid (`radar_fields`) and each product is reduced to statistics that Great Expectations holds against these limits.",
        "`block`: the field is left out, a product with its reason in the manifest. `warn`: it is used and flagged.",
        "A statistic that has no meaning (quantiles without an echo) passes: a dry hour is a finding, not a fault.",
        "Statistics of reflectivity are over echoes, in dBZ, its shares over observed pixels; frames of which nothing was received do not count.",
        "",
        *(f"- `{name}`: {meaning}" for name, meaning in STATISTICS.items()),
    ]
    for name in suite_names():
        lines += ["", f"## `{name}`", "", "| variable | statistic | allowed | measured | severity | why |", "|---|---|---|---|---|---|"]
        lines += [_row(expectation) for expectation in suite(name)["expectations"]]
        lines += ["", *_measured_on(suite(name), "volumes and frames" if name == "radar_fields" else "hours")]
    return "\n".join(lines) + "\n"


STATISTICS = {
    "least, greatest": "extremes",
    "p01, p50, p99": "quantiles, where there are 100 values or more",
    "spread": "p99 - p01: 0 in a constant field",
    "observed_share": "pixels that hold a value, of all",
    "echo_share": "pixels with an echo, of the observed ones",
    "strong_share, extreme_share": "pixels of at least 30 dBZ, of at least 60 dBZ, of the observed ones",
    "rejected_share": "pixels where quality control rejected a gate, of those that a beam met",
    "known_share": "pixels where the moment is known, of those with an echo, where there are 100 or more",
    "age_minutes": "from the newest actual time to the cycle time",
}


def _row(expectation: dict[str, Any]) -> str:
    measured = expectation["meta"]["measured"]
    seen = f"{measured['least']:.4g} to {measured['greatest']:.4g} ({measured['summaries']})" if measured["summaries"] else "not measured"
    cells = [f"`{variable_of(expectation)}`", f"`{expectation['kwargs']['column']}`", in_words(*limits_of(expectation)), seen]
    return f"| {' | '.join([*cells, SEVERITIES[expectation['severity']], expectation['meta']['why']])} |"


def _measured_on(content: dict[str, Any], what: str) -> list[str]:
    """On what the suite was measured, once for all limits that were measured on the same; those are most."""
    by_sample: dict[str, list[str]] = {}
    for expectation in content["expectations"]:
        if of := expectation["meta"]["measured"]["of"]:
            by_sample.setdefault(of, []).append(f"{variable_of(expectation)}.{expectation['kwargs']['column']}")
    return [f"Measured on {what}, {of}: {', '.join(dict.fromkeys(names))}." for of, names in by_sample.items()]
