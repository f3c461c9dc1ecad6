"""A real Triton server: started, answering as ONNX Runtime does, watched, stopped and swept after."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_models
from processes import stop_group
from tiny_models import Triton

from flows import processes
from flows.processes import ServerError
from flows.triton import (
    REGIONS,
    SHARED_MEMORY,
    running_triton,
    server_memory_mb,
    start_triton,
    stop_triton,
    sweep_shared_memory,
    triton_packages,
    watched,
)
from stormcycle.serving import declared_contract, infer, ready_model, reload_model, served_models

pytestmark = pytest.mark.server


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A STORMCYCLE_HOME without servers; what a test starts in it is stopped."""
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    yield tmp_path
    for name in ("triton", "other"):
        processes.stop(name)


def processes_of(home: Path) -> list[psutil.Process]:
    """The server of a home, then its models' processes; one that another test killed stays a zombie of the server and is left out."""
    known = processes.state("triton")
    assert known is not None
    leader = psutil.Process(known["pid"])
    return [leader, *(stub for stub in leader.children(recursive=True) if stub.status() != psutil.STATUS_ZOMBIE)]


def regions() -> set[str]:
    return {path.name for path in SHARED_MEMORY.glob(REGIONS)}


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 64, 64), (2, 33, 70), (1, 256, 256)])
def test_an_answer_is_onnx_runtimes_own_bit_for_bit(triton: Triton, count: int, rows: int, columns: int, rng: np.random.Generator) -> None:
    inputs = {name: rng.normal(20, 10, (count, channels, rows, columns)).astype("float32") for name, channels in (("frames", 4), ("mask", 1))}
    answer = infer(triton.url, declared_contract("steady"), inputs, 10.0)
    expected = tiny_models.in_process(tiny_models.network(tiny_models.weights_of(1), {}), inputs)
    assert answer.keys() == expected.keys() and (answer["change"] == expected["change"]).all()


def test_a_sound_model_is_ready_without_repair_under_its_weights_version(triton: Triton) -> None:
    ready = ready_model(triton.url, "steady", 10.0)
    assert ready.version == tiny_models.card_of(triton.models / "steady")["weights_sha256"][:12]
    assert not ready.repaired and ready.contract == declared_contract("steady")


def test_a_second_start_finds_the_running_server(triton: Triton) -> None:
    assert start_triton(triton.served) == triton.url == running_triton()


def test_it_listens_on_loopback_alone_and_not_by_http(triton: Triton) -> None:
    ports = {connection.laddr for connection in processes_of(triton.home)[0].net_connections() if connection.status == psutil.CONN_LISTEN}
    assert {address.ip.removeprefix("::ffff:") for address in ports} == {"127.0.0.1"} and len({address.port for address in ports}) == 2


def test_its_memory_is_that_of_all_its_processes(triton: Triton) -> None:
    expected = 0.0
    for process in processes_of(triton.home):
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        expected += sum(float(line.split()[1]) * 1024 / 1e6 for line in rollup if line.startswith("Pss:"))
    assert 40 < server_memory_mb() == pytest.approx(expected, rel=0.1)


def test_above_its_memory_limit_the_models_are_loaded_again(triton: Triton) -> None:
    before = {process.pid for process in processes_of(triton.home)[1:]}
    assert watched(100_000.0) is None
    assert {process.pid for process in processes_of(triton.home)[1:]} == before
    said = watched(1.0)
    assert said is not None and "more than 1: " in said and "steady" in said
    assert not {process.pid for process in processes_of(triton.home)[1:]} & before
    assert not ready_model(triton.url, "steady", 10.0).repaired


def test_loading_again_takes_up_a_changed_file_and_a_broken_one_leaves_the_old_serving(triton: Triton) -> None:
    from tritonclient.grpc import InferenceServerClient, InferenceServerException

    tiny_models.declare(triton.models, "changing")
    file = tiny_models.serve(triton.models, triton.served, "changing")
    reload_model(triton.url, "changing")
    contract, inputs = declared_contract("changing"), tiny_models.fields()
    first = infer(triton.url, contract, inputs, 10.0)["change"]
    tiny_models.serve(triton.models, triton.served, "changing", weights=tiny_models.weights_of(1) * 2)
    reload_model(triton.url, "changing")
    assert (infer(triton.url, contract, inputs, 10.0)["change"] == 2 * first).all()
    second = file.parents[1] / "2" / "model.onnx"
    second.parent.mkdir()
    for broken in (second, file):
        broken.write_bytes(b"not an ONNX file")
        with InferenceServerClient(triton.url) as server, pytest.raises(InferenceServerException):
            server.load_model("changing")
        assert (infer(triton.url, contract, inputs, 10.0)["change"] == 2 * first).all()


def test_a_taken_port_gives_way_and_a_broken_model_does_not_keep_the_others_from_starting(triton: Triton, own_home: Path) -> None:
    models, served = own_home / "sources", own_home / "served"
    for name in ("whole", "broken"):
        tiny_models.declare(models, name)
    tiny_models.serve(models, served, "whole")
    tiny_models.serve(models, served, "broken", content=b"not an ONNX file")
    taken = int(triton.url.rpartition(":")[2])
    before = regions()
    url = start_triton(served, taken)
    assert url != triton.url and served_models(url) == ["whole"]
    assert regions() > before
    started = processes_of(own_home)
    assert stop_triton() and running_triton() is None and not stop_triton()
    assert not any(process.is_running() for process in started)
    assert regions() == before


def test_what_a_killed_server_leaves_is_ended_and_swept_and_nothing_of_the_living(triton: Triton, own_home: Path) -> None:
    shutil.copytree(triton.served / "steady", own_home / "served" / "steady")
    living = regions()
    url = start_triton(own_home / "served")
    left = regions() - living
    orphans = processes_of(own_home)
    for process in orphans:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(orphans, timeout=5)
    assert left and left <= regions()
    assert set(sweep_shared_memory()) >= left and regions() == living
    assert start_triton(own_home / "served", int(url.rpartition(":")[2])) == url
    assert "steady" in served_models(url) and "steady" in served_models(triton.url)


def test_model_processes_that_outlive_their_server_are_ended_by_the_next_start(triton: Triton, own_home: Path) -> None:
    shutil.copytree(triton.served / "steady", own_home / "served" / "steady")
    start_triton(own_home / "served")
    leader, *stubs = processes_of(own_home)
    leader.kill()
    start_triton(own_home / "served")
    assert not any(stub.is_running() and stub.status() != psutil.STATUS_ZOMBIE for stub in stubs)


def test_a_process_that_has_a_dead_servers_number_is_left_alone(own_home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
    try:
        processes.state_path("other").parent.mkdir(parents=True)
        processes.state_path("other").write_text(f'{{"pid": {stranger.pid}, "url": "127.0.0.1:1", "command": ["tritonserver"]}}')
        assert processes.stop("other") and stranger.poll() is None
    finally:
        stop_group(stranger)


def test_a_server_that_dies_at_once_is_a_sentence_with_its_log(own_home: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(ServerError, match=r"did not answer at 127\.0\.0\.1:1 within 60 s; its log is .*other\.log"):
        processes.start("other", [sys.executable, "-c", "raise SystemExit('no')"], os.environ, "127.0.0.1:1", lambda _: False, 60)
    assert time.monotonic() - begun < 30 and processes.state("other") is None
    assert "no" in processes.state_path("other").with_suffix(".log").read_text()


def test_without_its_environment_the_one_line_to_type_is_said(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMCYCLE_TRITON", str(own_home / "nowhere"))
    with pytest.raises(ServerError, match="please run `make install`"):
        start_triton(own_home)


@pytest.mark.parametrize(("python", "words"), [("3.8", "please run `sudo apt-get install libpython3.8`"), ("3.7", "has no backend for Python 3.7")])
def test_without_the_library_of_its_python_the_one_line_to_type_is_said(own_home: Path, monkeypatch: pytest.MonkeyPatch, python: str, words: str) -> None:
    packages = triton_packages()
    other = own_home / "venv" / "lib" / f"python{python}" / "site-packages"
    other.mkdir(parents=True)
    for name in ("pytriton", "nvidia_pytriton.libs"):
        (other / name).symlink_to(packages / name)
    monkeypatch.setenv("STORMCYCLE_TRITON", str(own_home / "venv"))
    with pytest.raises(ServerError, match=words):
        start_triton(own_home)


@pytest.mark.parametrize("name", ["my models", "models;x", "$models"])
def test_a_path_that_a_shell_would_cut_is_refused_before_the_start(own_home: Path, name: str) -> None:
    with pytest.raises(ServerError, match="without spaces and special characters"):
        start_triton(own_home / name)
