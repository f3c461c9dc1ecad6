"""The servers on loopback: started, waited for and stopped; what runs is written under STORMCYCLE_HOME/servers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from stormcycle.cycle.files import json_bytes, replace_file
from stormcycle.home import home

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "stormcycle",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Nothing calls home, and our own log lines reach the runs' pages in the UI."""
START_SECONDS = 120
STOP_SECONDS = 20


class ServerError(RuntimeError):
    """A server does not start, or is asked for and is not there."""


def prefect_environment() -> dict[str, str]:
    """The environment of everything that talks to our Prefect server."""
    folder = home() / "prefect"
    folder.mkdir(parents=True, exist_ok=True)  # Prefect does not make the folders above it
    return {**QUIET, "PREFECT_HOME": str(folder), **os.environ}


def answers(url: str) -> bool:
    """Whether the Prefect API at a URL is healthy."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=3) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def start_prefect(port: int = 4200) -> str:
    """Start the Prefect server, or find it running; its API URL. A taken port gives way to a free one.

    Raises ServerError when it does not answer in time; its log is named.
    """
    running = running_prefect()
    if running is not None:
        return running
    port = port if _is_free(port) else _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log_path = home() / "servers" / "prefect.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("w") as log:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=prefect_environment(), start_new_session=True)
    replace_file(_state_path(), json_bytes({"pid": process.pid, "url": url}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(url):
            return url
        time.sleep(0.3)
    stop_prefect()
    raise ServerError(f"The Prefect server did not answer at {url} within {START_SECONDS} s; its log is {log_path}.")


def running_prefect() -> str | None:
    """The API URL of the server that `up` started, or None when it is not there."""
    state = _state()
    return state["url"] if state is not None and answers(state["url"]) else None


def stop_prefect() -> bool:
    """Stop the server that `up` started; whether there was one."""
    state = _state()
    if state is None:
        return False
    try:
        os.killpg(state["pid"], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and _group_lives(state["pid"]):
            time.sleep(0.1)
        if _group_lives(state["pid"]):
            os.killpg(state["pid"], signal.SIGKILL)
    except ProcessLookupError:
        pass  # it is gone already, which is what was asked for
    finally:
        _state_path().unlink(missing_ok=True)
    return True


def _group_lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # it was started by an earlier command
        os.waitpid(pid, os.WNOHANG)  # our own child does not stay a zombie
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _state_path() -> Path:
    return home() / "servers" / "prefect.json"


def _state() -> dict[str, Any] | None:
    try:
        return dict(json.loads(_state_path().read_text()))
    except FileNotFoundError:
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
