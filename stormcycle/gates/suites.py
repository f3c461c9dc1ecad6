"""The suites of limits: schemas/expectations/<name>.json, in the form that Great Expectations writes itself.

An expectation's meta says why the limit stands where it does (`why`) and what was measured (`measured`, written by the
command named beside it, never by hand).
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

EXPECTATIONS = Path(__file__).parents[2] / "schemas" / "expectations"
SEVERITIES = {"critical": "block", "warning": "warn"}
"""Our words for Great Expectations' severities: what cannot be is blocked, what is unusual is warned of."""


@cache
def suite(name: str) -> dict[str, Any]:
    """The suite of a name. Raises ValueError for a name that has none."""
    path = EXPECTATIONS / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"There is no suite {name!r} of expectations; schemas/expectations knows {', '.join(suite_names())}.")
    return dict(json.loads(path.read_text()))


def suite_names() -> list[str]:
    """The names of all suites, sorted."""
    return sorted(path.stem for path in EXPECTATIONS.glob("*.json"))


def variable_of(expectation: dict[str, Any]) -> str:
    """The variable whose rows an expectation is about, by its row condition."""
    return str(expectation["kwargs"]["row_condition"]["parameter"])


def limits_of(expectation: dict[str, Any]) -> tuple[float | None, float | None]:
    """The least and the greatest value that an expectation allows; None where it sets no limit."""
    return expectation["kwargs"].get("min_value"), expectation["kwargs"].get("max_value")


def in_words(least: float | None, greatest: float | None) -> str:
    """Limits for people."""
    return f"at most {greatest:g}" if least is None else f"at least {least:g}" if greatest is None else f"{least:g} to {greatest:g}"
