"""Runs that are believed dead: Prefect is told so by an automation, and one that wakes up again cannot publish."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_input.spoiling import undisturbed
from faults.world import World, begin, go_on, gone, halt_at, halted, health, kill_runner, start_runner, wait
from house import FIRST
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Scheduled
from retrying import finished

from flows.cycle import cycle
from flows.zombies import HEARTBEAT_S, NAME, SILENCE_S, automation, end_zombies

pytestmark = pytest.mark.server
SHORT_S = 10
"""The shortest silence that Prefect takes; heartbeats come every 30 s, so no run of these tests may be at work longer."""


@pytest.fixture
def prefect(world: World) -> Iterator[SyncPrefectClient]:
    """A client of the world's server, which has no automation before and after."""
    with SyncPrefectClient(world.url) as client:
        forget(client)
        yield client
        forget(client)


def forget(client: SyncPrefectClient) -> None:
    for kept in client.read_automations_by_name(NAME):
        client.delete_automation(kept.id)


def released(world: World) -> dict[str, tuple[int, bytes]]:
    """Every file of the releases with the time of its writing."""
    root = world.home / "releases"
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}


def test_the_automation_is_made_once_and_stays_as_an_operator_left_it(world: World, prefect: SyncPrefectClient) -> None:
    assert SILENCE_S >= 3 * HEARTBEAT_S
    end_zombies(world.url)
    (first,) = prefect.read_automations_by_name(NAME)
    end_zombies(world.url)
    assert prefect.read_automations_by_name(NAME) == [first]
    prefect.create_automation(automation(SILENCE_S))  # two made it at once
    for double in prefect.read_automations_by_name(NAME):
        prefect.pause_automation(double.id)
    end_zombies(world.url, SHORT_S)
    (kept,) = prefect.read_automations_by_name(NAME)
    assert not kept.enabled
    assert kept.trigger.within.total_seconds() == SHORT_S  # type: ignore[union-attr]
    assert f"No heartbeat for {SHORT_S} s" in kept.actions[0].message  # type: ignore[union-attr, operator]


def test_a_run_that_nobody_tends_any_more_becomes_crashed_and_is_retried(world: World, simulated_bucket: Path, prefect: SyncPrefectClient) -> None:
    end_zombies(world.url, SHORT_S)
    halt_at(world, "pin")
    run_id = begin(prefect)
    process = halted(world)
    kill_runner(world)
    process.kill()
    wait(lambda: gone(process), "The flow's process does not end.")
    assert prefect.read_flow_run(run_id).state.is_running()  # type: ignore[union-attr]
    assert health(world) == "failed"
    state = finished(prefect, run_id, 1).state
    assert state is not None
    assert state.is_crashed(), state
    assert str(state.message).startswith(f"No heartbeat for {SHORT_S} s")
    forget(prefect)
    go_on(world)
    start_runner(world)
    prefect.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry", message="retried by hand"))
    assert finished(prefect, run_id, 2).state.is_completed()  # type: ignore[union-attr]
    assert health(world) == "complete"


@pytest.mark.parametrize(("stage", "ends"), [("mosaic", "Failed"), ("release", "Completed")])
def test_a_run_that_wakes_up_after_another_released_its_hour_changes_nothing(
    stage: str, ends: str, world: World, simulated_bucket: Path, prefect: SyncPrefectClient
) -> None:
    halt_at(world, stage)
    run_id = begin(prefect)
    process = halted(world)
    process.send_signal(signal.SIGSTOP)
    go_on(world)
    made = cycle.fn("small", FIRST)
    assert (made.new, made.version, made.digest) == (True, 1, undisturbed(simulated_bucket).digest)
    before = released(world)
    process.send_signal(signal.SIGCONT)
    state = finished(prefect, run_id, 1).state
    assert state is not None
    assert state.name == ends, state  # what woke up within the last step finds its own release published already
    if ends == "Failed":
        assert "Run 1 of this cycle was overtaken by run 2, which alone may publish; nothing was published by run 1." in str(state.message)
    assert released(world) == before
    assert health(world) == "complete"
