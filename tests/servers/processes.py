"""Ending what a test started."""

import contextlib
import os
import signal
import subprocess

PATIENCE_S = 15


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started: asked first, then made to. SIGINT would not do: a background shell ignores it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
