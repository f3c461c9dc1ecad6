"""A world in which things are killed: a house, a Prefect server and a runner of its own, started once for this folder.

STORMCYCLE_KILL_TABLE names the document that the table of kills is written to (`make kill-table`); without it none is.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.world import Killed, World, build, clear, start_runner, start_server, stop_runner, write_table
from servers.conftest import free_ports

from flows.servers import stop_prefect
from flows.triton import stop_triton


def enter(world: World, patch: pytest.MonkeyPatch) -> None:
    """Let this process live in a world; what it runs itself is not recorded in Prefect."""
    for name, value in world.environ.items():
        patch.setenv(name, value)
    patch.delenv("PREFECT_API_URL")


@pytest.fixture(scope="session")
def kept_world(tmp_path_factory: pytest.TempPathFactory, simulated_bucket: Path) -> Iterator[World]:
    """The world, and its end."""
    folder = tmp_path_factory.mktemp("faults")
    made = World(folder / "home", folder / "domains", *free_ports(2))
    build(made, simulated_bucket)
    yield made
    stop_runner(made)
    with pytest.MonkeyPatch.context() as patch:
        enter(made, patch)
        stop_prefect()
        stop_triton()


@pytest.fixture
def world(kept_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world as a test wants it: server and runner up, nothing computed yet."""
    enter(kept_world, monkeypatch)
    clear(kept_world)
    start_server(kept_world)
    start_runner(kept_world)
    return kept_world


@pytest.fixture(scope="session")
def kill_table() -> Iterator[list[Killed]]:
    """The lines of the kill table, written at the end where a document is named."""
    rows: list[Killed] = []
    yield rows
    document = os.environ.get("STORMCYCLE_KILL_TABLE")
    if document and rows:
        write_table(Path(document), rows)
