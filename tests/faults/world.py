"""What the tests of this folder do to a world: start, halt, kill, retry, and write down what came of it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from house import FIRST, SMALL
from moving_model import MODEL, make_moving
from prefect.client.orchestration import SyncPrefectClient
from processes import stop_group
from retrying import deployment_id, start_serving

from flows import processes
from flows.servers import prefect_environment, start_prefect
from flows.studies.tables import markdown
from flows.triton import start_triton
from flows.zombies import HEARTBEAT_S
from stormcycle.release.hours import hour_of
from stormcycle.release.targets import DiskTarget
from stormcycle.states import HourState
from stormcycle.times import parse_time

PATIENCE_S = 120


@dataclass
class World:
    """A house, the ports of its servers, and the runner that serves the cycle that can be halted."""

    home: Path
    domains: Path
    port: int
    triton_port: int
    runner: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The API of the Prefect server."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environ(self) -> dict[str, str]:
        """What a process is told that lives in this world."""
        places = {"STORMCYCLE_HOME": self.home, "STORMCYCLE_DOMAINS": self.domains, "STORMCYCLE_MODELS": self.home / "model-sources"}
        return {**{name: str(path) for name, path in places.items()}, "PREFECT_API_URL": self.url, "TRITON_URL": f"127.0.0.1:{self.triton_port}"}


@dataclass(frozen=True)
class Killed:
    """A line of the kill table."""

    killed: str
    at_stage: str
    health: str
    the_run_said: str
    seconds_to_repair: str
    outputs_made_again: int
    same_digest: str


def build(world: World, bucket: Path) -> None:
    """Make a world's house, with the domain `small` and its bucket."""
    world.domains.mkdir(parents=True)
    (world.domains / "small.yaml").write_text(SMALL)
    (world.home / "buckets").mkdir(parents=True)
    (world.home / "buckets/small").symlink_to(bucket)


def start_server(world: World) -> None:
    """Start the Prefect server, or find it running."""
    assert start_prefect(world.port) == world.url, "its port was taken in between"


def kill_server(world: World) -> None:
    """Kill the Prefect server and all its processes."""
    known = processes.state("prefect")
    assert known is not None
    os.killpg(known["pid"], signal.SIGKILL)
    os.waitpid(known["pid"], 0)


def start_models(world: World) -> None:
    """Serve the model `moving` by Triton, unless it is being served."""
    served = world.home / "models"
    if not served.exists():
        make_moving(world.home / "model-sources", served)
    assert start_triton(served, world.triton_port).endswith(f":{world.triton_port}"), "its port was taken in between"


def kill_triton(world: World) -> None:
    """Kill tritonserver alone."""
    known = processes.state("triton")
    assert known is not None
    os.kill(known["pid"], signal.SIGKILL)
    os.waitpid(known["pid"], 0)


def kill_model(world: World) -> None:
    """Kill the process in which Triton runs the model `moving`."""
    known = processes.state("triton")
    assert known is not None
    next(child for child in psutil.Process(known["pid"]).children(recursive=True) if f"{MODEL}_0_0" in child.cmdline()).kill()


def start_runner(world: World) -> None:
    """Serve the cycle that can be halted, unless it is being served."""
    if world.runner is None or world.runner.poll() is not None:
        quick = {"PREFECT_CLIENT_MAX_RETRIES": "2", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)}  # by default a call waits a minute for a dead server
        environ = {**prefect_environment(), **world.environ, **quick, "HALT_AT": str(world.home / "halt-at")}
        world.runner = start_serving("faults/halting.py", world.home, environ)


def stop_runner(world: World) -> None:
    """Stop serving, and end what a killed runner left."""
    if world.runner is not None:
        stop_group(world.runner)


def kill_runner(world: World) -> None:
    """Kill the runner alone; the flow runs that it started live on."""
    assert world.runner is not None
    world.runner.kill()
    world.runner.wait()


def clear(world: World) -> None:
    """Forget all that was computed and released."""
    for name in ("work", "releases"):
        shutil.rmtree(world.home / name, ignore_errors=True)
    for name in ("halt-at", "halted"):
        (world.home / name).unlink(missing_ok=True)


def begin(client: SyncPrefectClient, revise: bool = False) -> UUID:
    """Ask for a flow run of the first hour."""
    return client.create_flow_run_from_deployment(deployment_id(client), parameters={"domain": "small", "cycle_time": FIRST, "revise": revise}).id


def halt_at(world: World, stage: str) -> None:
    """Have the next run halt in a stage."""
    (world.home / "halt-at").write_text(stage)


def go_on(world: World) -> None:
    """Let what has halted go on."""
    (world.home / "halt-at").unlink()
    (world.home / "halted").unlink()


def halted(world: World) -> psutil.Process:
    """The process of the flow run that has halted."""
    path = world.home / "halted"
    wait(lambda: path.is_file() and path.read_text() != "", "The run did not reach the stage.")
    return psutil.Process(int(path.read_text()))


def wait(comes: Callable[[], Any], otherwise: str) -> Any:
    """What comes when it has come; waited for with patience."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := comes():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{otherwise} ({PATIENCE_S} s)")


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def health(world: World) -> HourState:
    """What `stormcycle health` says of the first hour."""
    return hour_of(DiskTarget(str(world.home / "releases")), "small", parse_time(FIRST)).state


def write_table(path: Path, rows: list[Killed]) -> None:
    """Write the document of the kills."""
    lines = [
        "# What was killed, and what it took to repair",
        "",
        "Made by `make kill-table` (tests/faults/test_kills.py): the small simulated domain, one hour. The cycle is halted in the middle of a stage,",
        "something is killed with SIGKILL, what was not killed goes on, the hour is run again. *health*: the word of `stormcycle health` after the kill.",
        "A degraded hour is revised, a failed one retried, a complete one run once more to see that nothing changes. *seconds to repair*: from the restart",
        "of what was killed and the click to the release, or to the answer that it is there, on a machine that did other work too. *outputs made again*:",
        "finished outputs of the work store that were written anew. *same digest*: as that of an undisturbed run.",
        "",
        *markdown([{name.replace("_", " "): value for name, value in asdict(row).items()} for row in rows]),
    ]
    path.write_text("\n".join(lines) + "\n")
