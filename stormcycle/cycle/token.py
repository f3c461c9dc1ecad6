"""The fencing token of a cycle: runs take rising numbers, and only the holder of the highest may publish.

A run that Prefect believes dead may still be alive; when another run of the same cycle has begun, the older one has
lost its token and cannot publish (docs/architecture.md, law 6). A token says whose it is, so that `stormcycle health`
can tell whether its run lives, and beside it lies why its run failed, where it could still say so.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from stormcycle.cycle.files import create_file, json_bytes, replace_file
from stormcycle.times import Time, iso, now, parse_time

LONGEST_RUN = np.timedelta64(2, "h")
"""A run on another machine is taken for alive as long as this; its process cannot be looked at from here."""
SAME_START_S = 5.0
"""A process's start is told from the machine's clock, which may be set in between; a number used again starts much later."""


class LostToken(RuntimeError):
    """Another run of the same cycle began later; this one must not publish."""


@dataclass(frozen=True)
class Run:
    """Who took a token: the machine, its process there (number, start in s since 1970), when; nobody that lives by default."""

    token: int
    host: str = ""
    pid: int = 0
    process_start: float = 0.0
    taken_at: str = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Failure:
    """Why a run failed: its stage, a sentence, when."""

    stage: str
    sentence: str
    failed_at: str


def take_token(folder: Path) -> int:
    """Take the next token of the cycle whose work folder this is; every call gets a number of its own."""
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "process_start": psutil.Process().create_time(), "taken_at": iso(now())}
    token = highest_token(folder) + 1
    while not create_file(_token_path(folder, token), json_bytes(holder)):
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


def newest_run(folder: Path) -> Run | None:
    """Who took the highest token of the cycle, or None before the first."""
    token = highest_token(folder)
    return Run(token, **json.loads(_token_path(folder, token).read_text())) if token else None


def lives(run: Run, present: Time) -> bool:
    """Whether a run's process is still there; a run of another machine is judged by its age."""
    if run.host != socket.gethostname():
        return bool(present - parse_time(run.taken_at) < LONGEST_RUN)
    try:
        process = psutil.Process(run.pid)
        same = abs(process.create_time() - run.process_start) < SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE  # ended, but nobody has asked how
    except psutil.NoSuchProcess:
        return False


@contextmanager
def failure_kept(folder: Path, token: int, stage: str) -> Iterator[None]:
    """Whatever fails inside leaves its sentence beside the token, and goes on failing."""
    try:
        yield
    except Exception as error:
        try:
            replace_file(_failure_path(folder, token), json_bytes(asdict(Failure(stage, _sentence(error), iso(now())))))
        except OSError as trouble:  # a full disk must not hide what went wrong first
            error.add_note(f"The failure could not be kept for `stormcycle health`: {trouble}.")
        raise


def failure_of(folder: Path, token: int) -> Failure | None:
    """Why the run with this token failed, or None where it left no word."""
    try:
        kept: dict[str, Any] = json.loads(_failure_path(folder, token).read_text())
    except FileNotFoundError:
        return None
    return Failure(**kept)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _token_path(folder: Path, token: int) -> Path:
    return folder / "tokens" / f"{token:06d}.json"


def _failure_path(folder: Path, token: int) -> Path:
    return folder / "failures" / f"{token:06d}.json"
