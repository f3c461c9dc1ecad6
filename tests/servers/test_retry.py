"""A cycle that fails at each stage in turn and is retried as the Prefect UI's button does it, against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty import STAGES
from house import FIRST, House
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Scheduled
from retrying import deployment_id, done, finished, serving

from flows.cycle import cycle
from stormcycle.times import hour_name, now

pytestmark = pytest.mark.server


@pytest.fixture
def fail_at(house: House) -> Path:
    """The file that names the stage to fail at."""
    path = house.home / "fail-at"
    path.write_text("")
    return path


@pytest.fixture
def served(house: House, fail_at: Path, prefect_environ: dict[str, str]) -> Iterator[None]:
    """The faulty deployment `cycle/small`, served by a process of its own."""
    with serving("servers/faulty.py", house.home, {**prefect_environ, "FAIL_AT": str(fail_at)}):
        yield


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
            assert kept.items() <= done(house.home).items(), f"the retry after {stage} did again what was done"
            kept = done(house.home)
            following = list(STAGES)[attempt : attempt + 1]
            fail_at.write_text(following[0] if following else "")
            client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry", message="retried by hand"))
        last = finished(client, run_id, len(STAGES) + 1)
    assert last.state is not None
    assert last.state.is_completed(), last.state
    assert kept.items() <= done(house.home).items()
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
