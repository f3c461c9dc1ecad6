"""Something is killed in the middle of a cycle; the hour is run again and gives the digest of an undisturbed run.

A line of KILLS is a test and a line of docs/kills.md.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import psutil
import pytest
from bad_input.spoiling import undisturbed
from faults.world import (
    Killed,
    World,
    begin,
    clear,
    go_on,
    gone,
    halt_at,
    halted,
    health,
    kill_model,
    kill_runner,
    kill_server,
    kill_triton,
    start_models,
    start_runner,
    start_server,
    wait,
)
from house import FIRST, SMALL
from moving_model import MODEL
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Scheduled
from retrying import done, finished

from flows.cycle import cycle

pytestmark = pytest.mark.server


def the_flow(world: World, process: psutil.Process) -> None:
    process.kill()
    wait(lambda: gone(process), "The flow's process does not end.")


def the_runner(world: World, process: psutil.Process) -> None:
    kill_runner(world)


def the_prefect_server(world: World, process: psutil.Process) -> None:
    kill_server(world)


def the_models_process(world: World, process: psutil.Process) -> None:
    kill_model(world)


def the_triton_server(world: World, process: psutil.Process) -> None:
    kill_triton(world)


@dataclass(frozen=True)
class Kill:
    """What is killed, how, and at which stage; a flow process that is not killed goes on afterwards."""

    what: str
    kill: Callable[[World, psutil.Process], None]
    stage: str
    by_a_model: bool = False


KILLS = [
    Kill("flow process", the_flow, "decode"),
    Kill("flow process", the_flow, "mosaic"),
    Kill("flow process", the_flow, "release"),
    Kill("runner", the_runner, "quality"),
    Kill("Prefect server", the_prefect_server, "grid"),
    Kill("Prefect server", the_prefect_server, "release"),
    Kill("model's process of Triton", the_models_process, "models, nowcast", by_a_model=True),
    Kill("tritonserver", the_triton_server, "models, nowcast", by_a_model=True),
]


@pytest.fixture
def modelled(world: World) -> Iterator[str]:
    """The domain's nowcast is made by a served model; the digest of an undisturbed run of it."""
    start_models(world)
    (world.domains / "small.yaml").write_text(SMALL.replace("nowcast: {members: 4}", f"nowcast: {{members: 4, model: {MODEL}}}"))
    made = cycle.fn("small", FIRST)
    assert made.state == "complete", made
    clear(world)
    yield made.digest
    (world.domains / "small.yaml").write_text(SMALL)


@pytest.mark.parametrize("case", KILLS, ids=lambda case: f"{case.what} at {case.stage}".replace(" ", "-"))
def test_whatever_is_killed_a_rerun_gives_the_undisturbed_release(
    case: Kill, world: World, simulated_bucket: Path, kill_table: list[Killed], request: pytest.FixtureRequest
) -> None:
    wanted = request.getfixturevalue("modelled") if case.by_a_model else undisturbed(simulated_bucket).digest
    halt_at(world, case.stage)
    with SyncPrefectClient(world.url) as client:
        run_id = begin(client)
        process = halted(world)
        assert health(world) == "running"
        case.kill(world, process)
        go_on(world)
    word = wait(lambda: health(world) != "running" and health(world), "The cycle goes on for ever.")
    kept, begun = done(world.home), time.monotonic()
    start_server(world)
    start_runner(world)
    if case.by_a_model:
        start_models(world)
    with SyncPrefectClient(world.url) as client:
        state = finished(client, run_id, 1).state
        assert state is not None
        if state.is_completed():  # where nothing is to be repaired the hour is run once more all the same
            again = finished(client, begin(client, revise=word == "degraded"), 1)
        else:
            client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry", message="retried by hand"))
            again = finished(client, run_id, 2)
    seconds = time.monotonic() - begun
    assert again.state is not None
    assert again.state.is_completed(), again.state
    assert (word in ("complete", "degraded"), health(world)) == (state.is_completed(), "complete")
    now_done = done(world.home)
    anew = [path for path, written in kept.items() if now_done[path] != written]
    latest = json.loads((world.home / "releases/small/latest.json").read_text())
    same = latest["digest"] == wanted
    said = shorten(f"{state.name}: {state.message}" if state.message else str(state.name), 110)
    kill_table.append(Killed(case.what, case.stage, str(word), said, f"{seconds:.0f}", len(anew), "yes" if same else "no"))
    assert (latest["version"], same, anew) == (2 if word == "degraded" else 1, True, [])
