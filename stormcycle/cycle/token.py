"""The fencing token of a cycle: runs take rising numbers, and only the holder of the highest may publish.

A run that Prefect believes dead may still be alive; when another run of the same cycle has begun, the older one has
lost its token and cannot publish (docs/architecture.md, law 6).
"""

import os
from pathlib import Path

from stormcycle.cycle.files import create_file, json_bytes


class LostToken(RuntimeError):
    """Another run of the same cycle began later; this one must not publish."""


def take_token(folder: Path) -> int:
    """Take the next token of the cycle whose work folder this is; every call gets a number of its own."""
    token = highest_token(folder) + 1
    while not create_file(folder / "tokens" / f"{token:06d}.json", json_bytes({"pid": os.getpid()})):
        token += 1
    return token


def highest_token(folder: Path) -> int:
    """The highest token taken so far; 0 before the first."""
    return max((int(path.stem) for path in (folder / "tokens").glob("[0-9]*.json")), default=0)


def check_token(folder: Path, token: int) -> None:
    """Raise LostToken unless this token is still the highest."""
    highest = highest_token(folder)
    if highest != token:
        raise LostToken(f"Run {token} of this cycle was overtaken by run {highest}, which alone may publish; nothing was published by run {token}.")
