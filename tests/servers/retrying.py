"""Serving a cycle that is made to fail or to halt, and following its runs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from processes import stop_group

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 180


def start_serving(program: str, home: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a program of the tests that serves the deployment `cycle/small`, with a house as its home."""
    environment = {**os.environ, **environ, "PREFECT_RUNNER_POLL_FREQUENCY": "2", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/servers'}"}
    environment |= {"STORMCYCLE_HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR"}
    with (home / "serve.log").open("a") as log:
        return subprocess.Popen([sys.executable, f"tests/{program}", "small"], cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)


@contextmanager
def serving(program: str, home: Path, environ: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that `start_serving` started, until the test is done with it."""
    process = start_serving(program, home, environ)
    try:
        yield process
    finally:
        stop_group(process)


def finished(client: SyncPrefectClient, run_id: UUID, count: int) -> FlowRun:
    """The flow run when its `count`-th attempt has ended."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        run = client.read_flow_run(run_id)
        if run.state is not None and run.state.is_final() and run.run_count >= count:
            return run
        time.sleep(0.3)
    raise AssertionError(f"The flow run did not end within {RUN_SECONDS} s: {run.state}.")


def deployment_id(client: SyncPrefectClient) -> UUID:
    """The deployment, when it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return client.read_deployment_by_name("cycle/small").id
        except Exception:  # it is not registered yet
            time.sleep(0.5)
    raise AssertionError("The deployment was not registered.")


def done(home: Path) -> dict[str, int]:
    """Every finished output of the work store with the time of its writing."""
    return {str(path): path.stat().st_mtime_ns for path in (home / "work/small").rglob("*/*.json") if path.parent.name not in ("tokens", "failures")}
