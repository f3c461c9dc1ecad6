"""A cycle that fails at each stage in turn and is retried as the Prefect UI's button does it, against a real server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from faulty import STAGES
from house import FIRST, House
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled
from processes import stop_group

from flows.cycle import cycle
from stormcycle.times import hour_name, now

pytestmark = pytest.mark.server
RUN_SECONDS = 180


@pytest.fixture
def fail_at(house: House) -> Path:
    """The file that names the stage to fail at."""
    path = house.home / "fail-at"
    path.write_text("")
    return path


@pytest.fixture
def served(house: House, fail_at: Path, prefect_environ: dict[str, str]) -> Iterator[None]:
    """The faulty deployment `cycle/small`, served by a process of its own."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, **prefect_environ, "FAIL_AT": str(fail_at), "PREFECT_RUNNER_POLL_FREQUENCY": "2", "PYTHONPATH": str(root)}
    environment |= {"STORMCYCLE_HOME": str(house.home), "PREFECT_HOME": str(house.home / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR"}
    with (house.home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "tests/servers/faulty.py", "small"], cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    yield
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


def done(house: House) -> dict[str, int]:
    """Every finished output of the work store with the time of its writing."""
    return {str(path): path.stat().st_mtime_ns for path in (house.home / "work/small").rglob("*/*.json") if path.parent.name != "tokens"}


def test_failing_at_each_stage_in_turn_then_retrying_gives_the_undisturbed_release(
    house: House, fail_at: Path, served: None, prefect_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept: dict[str, int] = {}
    with SyncPrefectClient(prefect_url) as client:
        fail_at.write_text(next(iter(STAGES)))
        run_id = client.create_flow_run_from_deployment(deployment_id(client), parameters={"domain": "small", "cycle_time": FIRST}).id
        for attempt, stage in enumerate(STAGES, start=1):
            run = finished(client, run_id, attempt)
            assert run.state is not None
            assert run.state.is_failed(), (stage, run.state)
            assert f"made to fail in {stage}" in str(run.state.message)
            assert not (house.home / "releases/small/latest.json").exists()
            assert kept.items() <= done(house).items(), f"the retry after {stage} did again what was done"
            kept = done(house)
            following = list(STAGES)[attempt : attempt + 1]
            fail_at.write_text(following[0] if following else "")
            client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry", message="retried by hand"))
        last = finished(client, run_id, len(STAGES) + 1)
    assert last.state is not None
    assert last.state.is_completed(), last.state
    assert kept.items() <= done(house).items()
    latest: dict[str, Any] = json.loads((house.home / "releases/small/latest.json").read_text())
    assert (latest["state"], latest["version"]) == ("complete", 1)
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "undisturbed"))
    (tmp_path / "undisturbed").mkdir()
    (tmp_path / "undisturbed/buckets").symlink_to(house.home / "buckets")
    assert cycle.fn("small", FIRST).digest == latest["digest"]


def test_a_run_without_a_cycle_time_takes_the_scheduled_hour(house: House, served: None, prefect_url: str) -> None:
    with SyncPrefectClient(prefect_url) as client:
        hours = {hour_name(now())}
        run_id = client.create_flow_run_from_deployment(deployment_id(client)).id
        run = finished(client, run_id, 1)
        hours.add(hour_name(now()))
    assert run.state is not None
    assert run.state.is_completed(), run.state
    assert {path.name for path in (house.home / "work/small").iterdir()} <= hours
