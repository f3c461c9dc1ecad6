"""Real servers on loopback, started once for all tests of this folder: SeaweedFS as S3, Prefect, Triton."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
import tiny_models
from tiny_models import Triton

from flows.servers import prefect_environment, start_prefect, stop_prefect
from flows.triton import start_triton, stop_triton

KEY, SECRET, BUCKET = "writer", "writer-secret", "releases"


@dataclass(frozen=True)
class S3:
    """A running S3 server: what fsspec needs to write to it, and to read it without credentials."""

    endpoint: str

    @property
    def writer(self) -> dict[str, Any]:
        """Storage options with credentials."""
        return {**self.reader, "key": KEY, "secret": SECRET, "anon": False}

    @property
    def reader(self) -> dict[str, Any]:
        """Storage options of an anonymous reader."""
        return {"anon": True, "endpoint_url": self.endpoint, "config_kwargs": {"s3": {"addressing_style": "path"}}}


def free_ports(count: int) -> list[int]:
    """Ports that are free now, whose neighbour 10000 higher (SeaweedFS's gRPC) is free too."""
    found: list[int] = []
    for port in range(20000 + os.getpid() % 5000, 55000):
        if all(_is_free(number) for number in (port, port + 10000)):
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("There are no free ports on loopback.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A SeaweedFS server with one bucket that anyone may read and `writer` may write."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    identities = [
        {"name": "writer", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
        {"name": "anonymous", "actions": [f"Read:{BUCKET}", f"List:{BUCKET}"]},
    ]
    (folder / "ids.json").write_text(json.dumps({"identities": identities}))
    master, volume, filer, s3_port = free_ports(4)
    command = [Path(sys.executable).with_name("weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3_port}"]
    command += [f"-s3.config={folder}/ids.json", "-volume.max=50", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    command += ["-master.electionTimeout=1s", "-master.heartbeatInterval=100ms", "-s3.port.iceberg=0"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    running = S3(f"http://127.0.0.1:{s3_port}")
    try:
        _wait_for_bucket(running, server, folder / "log")
        yield running
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # SIGTERM takes 16 s, and no finished PUT is lost either way
        server.wait()


def _wait_for_bucket(running: S3, server: subprocess.Popen[bytes], log: Path) -> None:
    filesystem = fsspec.filesystem("s3", **running.writer)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            filesystem.call_s3("create_bucket", Bucket=BUCKET)
            filesystem.call_s3("put_object", Bucket=BUCKET, Key="ready", Body=b"yes")
            return
        except Exception:  # whatever a server says that is not up yet
            time.sleep(0.3)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server of our own, as `stormcycle up` starts it; its API URL."""
    home = tmp_path_factory.mktemp("prefect-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_HOME", str(home))
        url = start_prefect(free_ports(1)[0])
    yield url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_HOME", str(home))
        assert stop_prefect()


@pytest.fixture
def prefect_environ(prefect_url: str) -> dict[str, str]:
    """The environment of a process that talks to the Prefect server of the tests."""
    return {**prefect_environment(), "PREFECT_API_URL": prefect_url}


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """A Triton server with the tiny model `steady`; tests put models of their own beside it."""
    folder = tmp_path_factory.mktemp("triton")
    models, served = folder / "models", folder / "served"
    tiny_models.declare(models, "steady")
    tiny_models.serve(models, served, "steady")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_HOME", str(folder / "home"))
        url = start_triton(served, free_ports(1)[0])
    yield Triton(url, folder / "home", models, served)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_HOME", str(folder / "home"))
        assert stop_triton()


@pytest.fixture
def triton(triton_server: Triton, monkeypatch: pytest.MonkeyPatch) -> Triton:
    """The Triton server of the tests, in its own STORMCYCLE_HOME and with its models' sources."""
    monkeypatch.setenv("STORMCYCLE_HOME", str(triton_server.home))
    monkeypatch.setenv("STORMCYCLE_MODELS", str(triton_server.models))
    return triton_server
