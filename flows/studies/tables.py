"""Markdown tables of the studies' documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.cli.answering import cell


def markdown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows with the same keys as the lines of a Markdown table."""
    header = list(rows[0])
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *(f"| {' | '.join(cell(value) or '-' for value in row.values())} |" for row in rows)]
