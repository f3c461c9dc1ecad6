"""The command line as a user runs it: a process of its own, its exit code, what it says on both streams."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output; trouble where there is anything else."""
        return json.loads(self.out)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `stormcycle ARGUMENTS` with this process's environment."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "STORMCYCLE_DEBUG"} | {"TERM": "dumb"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> Said:
    """What a started command said, when it has ended; never a traceback."""
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in out + err, err
    return Said(process.returncode, out, " ".join(err.split()))


def stormcycle(*arguments: str) -> Said:
    """Run `stormcycle ARGUMENTS` to its end."""
    return finished(start(*arguments))
