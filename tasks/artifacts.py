"""What operators see in the Prefect UI beside a run: tables and texts; nothing outside a flow run."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.context import FlowRunContext


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show a table beside the run."""
    if FlowRunContext.get() is not None:
        create_table_artifact(key=key, table=[dict(row) for row in rows], description=description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a text with Markdown beside the run."""
    if FlowRunContext.get() is not None:
        create_markdown_artifact(key=key, markdown=markdown, description=description)
