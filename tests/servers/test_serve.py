"""`stormcycle serve` against a real Prefect server: what it registers, and a run of it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from house import FIRST, SMALL, House
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from processes import stop_group

from flows.deployments import VERIFY_AFTER_MINUTES
from stormcycle.domain import load_domain

pytestmark = pytest.mark.server


@pytest.fixture
def serving(house: House, prefect_environ: dict[str, str]) -> Iterator[None]:
    """`stormcycle serve served`, a domain like `small`."""
    (house.domains / "served.yaml").write_text(SMALL.replace("name: small", "name: served").replace("{active: false}", "{minute: 12}"))
    environment = {**os.environ, **prefect_environ, "PREFECT_RUNNER_POLL_FREQUENCY": "2"}
    process = subprocess.Popen([sys.executable, "-m", "flows.cli", "serve", "served"], env=environment, start_new_session=True)
    yield
    stop_group(process)


def registered(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    """A deployment of the server, when it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return client.read_deployment_by_name(name)
        except Exception:  # it is not registered yet
            time.sleep(0.5)
    raise AssertionError(f"The deployment {name} was not registered.")


def test_a_domain_is_served_hourly_and_its_runs_release(house: House, serving: None, prefect_url: str) -> None:
    minute = load_domain("served").schedule.minute
    with SyncPrefectClient(prefect_url) as client:
        cycles, verifications = registered(client, "cycle/served"), registered(client, "verify/served")
        assert [schedule.schedule.cron for schedule in cycles.schedules] == [f"{minute} * * * *"]  # type: ignore[union-attr]
        assert [schedule.schedule.cron for schedule in verifications.schedules] == [f"{minute + VERIFY_AFTER_MINUTES} * * * *"]  # type: ignore[union-attr]
        run_id = client.create_flow_run_from_deployment(cycles.id, parameters={"domain": "served", "cycle_time": FIRST}).id
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (run := client.read_flow_run(run_id)).state.is_final():  # type: ignore[union-attr]
            time.sleep(0.5)
        assert run.state is not None
        assert run.state.is_completed(), run.state
        edges = drawn_edges(client, run_id)
    assert (house.home / "releases/served/latest.json").is_file()
    chain = ["pin", "fetch", "decode", "quality", "grid", "gate_fields", "mosaic"]
    ends = {
        ("pin", "models"),
        ("models", "nowcast"),
        ("mosaic", "nowcast"),
        ("mosaic", "probability"),
        ("models", "probability"),
        ("mosaic", "analysis"),
        ("background", "analysis"),
        ("gate_fields", "release"),
        ("gate_products", "release"),
    }
    ends |= {(product, after) for product in ("mosaic", "nowcast", "probability") for after in ("gate_products", "release")}  # the references pass through
    ends |= {("pin", branch) for branch in ("imagery", "lightning", "background")} | {(part, "satellite") for part in ("imagery", "lightning")}
    assert edges == set(pairwise(chain)) | ends


def drawn_edges(client: SyncPrefectClient, run_id: object) -> set[tuple[str, str]]:
    """The arrows of a run's graph as the UI draws it: (from, to) by the tasks' names."""
    nodes = client.request("GET", "/flow_runs/{id}/graph-v2", path_params={"id": run_id}).json()["nodes"]
    labels = {key: node["label"] for key, node in nodes}
    return {(labels[parent["id"]], node["label"]) for _, node in nodes for parent in node["parents"]}
