"""What operators see in the Prefect UI beside a run: tables and texts; nothing outside a flow run, or when Prefect is gone."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.context import FlowRunContext

from tasks.seam import log

PICTURE_PX = 1000


def _show(create: Callable[..., Any], **what: Any) -> None:
    """Make an artifact in a flow run. A Prefect that is gone does not end a cycle: it is a view."""
    if FlowRunContext.get() is None:
        return
    try:
        create(**what)
    except httpx.HTTPError as error:
        log.warning("%s is not shown, as Prefect does not take it: %s", what["key"], error)


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show a table beside the run."""
    _show(create_table_artifact, key=key, table=[dict(row) for row in rows], description=description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a text with Markdown beside the run."""
    _show(create_markdown_artifact, key=key, markdown=markdown, description=description)


def show_picture(key: str, path: Path, description: str) -> None:
    """Show a picture beside the run: a reduced copy that travels inside the artifact, as a browser may not read our disk."""
    if FlowRunContext.get() is not None:
        buffer = io.BytesIO()
        with Image.open(path) as picture:
            picture.thumbnail((PICTURE_PX, PICTURE_PX))
            picture.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
        _show(create_image_artifact, key=key, image_url=f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", description=description)
