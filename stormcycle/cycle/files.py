"""Writing files so that a reader sees the old one or the new one, whole."""

import json
import os
import uuid
from pathlib import Path
from typing import Any


def temporary_beside(path: Path) -> Path:
    """A temporary name in the folder of a file, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")


def replace_file(path: Path, content: bytes) -> None:
    """Put content in place of a file at once: temporary name, flush to disk, rename."""
    temporary = temporary_beside(path)
    try:
        _write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def create_file(path: Path, content: bytes) -> bool:
    """Create a file with content at once, unless it exists: True for the one who created it.

    A hard link is the exclusive create that never shows half a file.
    """
    temporary = temporary_beside(path)
    try:
        _write(temporary, content)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def json_bytes(value: Any) -> bytes:
    """JSON as it is written everywhere: sorted, indented, a newline at the end."""
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
