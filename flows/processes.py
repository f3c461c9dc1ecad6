"""Servers of ours that go on when a command ends: how they are started, found and stopped.

What runs is written to STORMCYCLE_HOME/servers/<name>.json, its log beside it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from stormcycle.cycle.files import json_bytes, replace_file
from stormcycle.home import home

STOP_SECONDS, KILL_SECONDS = 20, 2
BUSY_SECONDS = 10
"""What a living server is given to answer before it is taken for gone."""


class ServerError(RuntimeError):
    """A server does not start, or is asked for and is not there."""


def start(name: str, command: list[str], environment: Mapping[str, str], url: str, answers: Callable[[str], bool], seconds: float) -> str:
    """Start a server in a process group of its own and wait until it answers; its URL. What is left of one that died is ended first.

    Raises ServerError when it does not answer within some seconds; its log is named.
    """
    stop(name)
    log_path = state_path(name).with_suffix(".log")
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if log_path.is_file():
        log_path.replace(log_path.with_suffix(".log.before"))  # why the last one died
    with log_path.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(environment), start_new_session=True)
    replace_file(state_path(name), json_bytes({"pid": process.pid, "url": url, "command": command}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if answers(url):
            return url
        time.sleep(0.3)
    stop(name)
    raise ServerError(f"The {name.capitalize()} server did not answer at {url} within {seconds:g} s; its log is {log_path}.")


def running(name: str, answers: Callable[[str], bool]) -> str | None:
    """The URL of a server that was started, or None when it is not there."""
    known = state(name)
    if known is None:
        return None
    deadline = time.monotonic() + BUSY_SECONDS
    while not answers(known["url"]):
        if time.monotonic() > deadline or not family(name):  # one that lives may be busy, or starting
            return None
        time.sleep(0.3)
    return str(known["url"])


def stop(name: str) -> bool:
    """Stop a server that was started, and all its processes; whether there was one."""
    known = state(name)
    if known is None:
        return False
    try:
        if _is_ours(known):
            _end_group(known["pid"])
    finally:
        state_path(name).unlink(missing_ok=True)
    return True


def family(name: str) -> list[psutil.Process]:
    """A server that was started, and the processes that it started; none when it is gone, or its number is another's."""
    known = state(name)
    try:
        leader = psutil.Process(known["pid"]) if known is not None and _is_ours(known) else None
        return [leader, *leader.children(recursive=True)] if leader is not None else []
    except psutil.Error:
        return []


def state(name: str) -> dict[str, Any] | None:
    """What is written of a server: process id, URL, command; None when none was started."""
    try:
        return dict(json.loads(state_path(name).read_text()))
    except FileNotFoundError:
        return None


def state_path(name: str) -> Path:
    """Where a running server is written down."""
    return home() / "servers" / f"{name}.json"


def free_port(wanted: int) -> int:
    """A port on loopback: the wanted one, or another when it is taken."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", wanted)) != 0:
            return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ours(known: dict[str, Any]) -> bool:
    """Whether a process id still is that of the server: after a restart of the machine it may be anybody's."""
    try:
        return psutil.Process(known["pid"]).cmdline() in ([], known["command"])  # a zombie has no words left
    except psutil.NoSuchProcess:
        return True  # it is dead; those that it started may live on in its group


def _end_group(pid: int) -> None:
    """Ask a server to stop; what is left of its group when it has, or when its time is over, is killed."""
    with contextlib.suppress(ProcessLookupError):  # it is gone already, which is what was asked for
        os.killpg(pid, signal.SIGTERM)
        _wait_while(lambda: _lives(pid), STOP_SECONDS)
        os.killpg(pid, signal.SIGKILL)
        _wait_while(lambda: _group_lives(pid), KILL_SECONDS)


def _wait_while(lasts: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and lasts():
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # it was started by an earlier command
        os.waitpid(pid, os.WNOHANG)  # our own child does not stay a zombie
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
