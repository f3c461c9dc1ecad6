"""Served models that are not what they should be: each ends in its own error, a sentence that may be released."""

import shutil
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tiny_models
from tiny_models import Triton

from flows import processes
from flows.triton import start_triton, stop_triton
from stormcycle.serving import (
    CardError,
    DeadlinePassedError,
    MismatchedModelError,
    ModelBrokenError,
    ModelMissingError,
    ServerDownError,
    ServingError,
    declared_contract,
    infer,
    patiently,
    ready_model,
    reload_model,
    served_models,
)

pytestmark = pytest.mark.server
WEIGHTS = tiny_models.weights_of(1)
OTHER_ORDER = "zh-0 zh-6 zh-12 zh-18"


def refusal(triton: Triton, model: str, error: type[ServingError]) -> str:
    """What `ready_model` says of a model that it must refuse; no path of this machine stands in it."""
    with pytest.raises(error) as raised:
        ready_model(triton.url, model, 10.0)
    assert raised.type is error
    sentence = str(raised.value)
    assert not any(part in sentence for part in ("/tmp", "/home", str(triton.served), str(triton.home), "model.py", "\n"))
    return sentence


def stub_of(model: str) -> psutil.Process:
    """The process in which Triton's Python backend runs a model."""
    known = processes.state("triton")
    assert known is not None
    alive = [process for process in psutil.Process(known["pid"]).children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE]
    return next(process for process in alive if f"{model}_0_0" in process.cmdline())


@pytest.mark.parametrize(
    ("model", "spoiled", "error", "words"),
    [
        ("corrupt", {"content": b"not an ONNX file"}, ModelBrokenError, "is not an ONNX model"),
        ("empty", {"content": b""}, ModelBrokenError, "No graph was found"),
        ("other_name", {"output": "chance"}, ModelBrokenError, "it has the outputs chance, declared are change"),
        ("too_wide", {"more_channels": 1}, ModelBrokenError, "its output change has the shape ['n', 4, 'y', 'x'], declared is [-1, 3, -1, -1]"),
        ("order_in_config", {"config": {"frames": OTHER_ORDER}}, ModelBrokenError, f"declared is {OTHER_ORDER}"),
        ("order_in_file", {"metadata": {"channels.frames": OTHER_ORDER}}, ModelBrokenError, f"its channels.frames is {OTHER_ORDER}"),
        (
            "order_in_both",
            {"config": {"frames": OTHER_ORDER}, "metadata": {"channels.frames": OTHER_ORDER}},
            MismatchedModelError,
            f"has the channels {OTHER_ORDER} in frames, declared are zh-18",
        ),
        ("other_weights_named", {"metadata": {"weights_sha256": "0" * 64}}, ModelBrokenError, "its weights_sha256 is 000"),
        ("permuted_weights", {"weights": WEIGHTS[:, [1, 0, 2, 3, 4]]}, ModelBrokenError, "answers the canary wrongly"),
        ("permuted_answer", {"weights": WEIGHTS[[0, 2, 1]]}, ModelBrokenError, "answers the canary wrongly"),
        ("not_a_number", {"weights": WEIGHTS * np.float32(np.nan)}, ModelBrokenError, "values that are not finite in change"),
    ],
)
def test_a_model_that_is_not_what_is_declared_is_refused(triton: Triton, model: str, spoiled: dict[str, Any], error: type[ServingError], words: str) -> None:
    tiny_models.declare(triton.models, model)
    tiny_models.serve(triton.models, triton.served, model, **spoiled)
    assert words in refusal(triton, model, error)


def test_a_model_without_its_file_is_broken(triton: Triton) -> None:
    tiny_models.declare(triton.models, "hollow")
    tiny_models.serve(triton.models, triton.served, "hollow").unlink()
    assert "no file model.onnx" in refusal(triton, "hollow", ModelBrokenError)


def test_a_model_that_was_never_exported_is_missing(triton: Triton) -> None:
    tiny_models.declare(triton.models, "unexported")
    assert refusal(triton, "unexported", ModelMissingError) == "The server does not serve unexported."
    with pytest.raises(ModelMissingError):
        infer(triton.url, declared_contract("unexported"), tiny_models.fields(), 10.0)


def test_a_model_that_is_not_loaded_is_loaded(triton: Triton) -> None:
    tiny_models.declare(triton.models, "late")
    tiny_models.serve(triton.models, triton.served, "late")
    assert "late" not in served_models(triton.url)
    assert ready_model(triton.url, "late", 10.0).repaired
    assert not ready_model(triton.url, "late", 10.0).repaired


def test_weights_that_came_since_are_taken_up(triton: Triton) -> None:
    tiny_models.declare(triton.models, "renewed", seed=1)
    tiny_models.serve(triton.models, triton.served, "renewed")
    old = ready_model(triton.url, "renewed", 10.0)
    (triton.models / "renewed").rename(triton.home / "put away")
    tiny_models.declare(triton.models, "renewed", seed=2)
    assert "has other weights" in refusal(triton, "renewed", MismatchedModelError)
    tiny_models.serve(triton.models, triton.served, "renewed")
    new = ready_model(triton.url, "renewed", 10.0)
    assert new.repaired and new.version != old.version


def test_a_card_that_does_not_match_the_weights_is_refused(triton: Triton) -> None:
    folder = tiny_models.declare(triton.models, "mistaken")
    tiny_models.serve(triton.models, triton.served, "mistaken")
    tiny_models.write_card(folder, {**tiny_models.card_of(folder), "weights_sha256": "0" * 64})
    assert "is not that of its weights" in refusal(triton, "mistaken", CardError)


def test_a_killed_stub_says_ready_fails_and_is_repaired_once(triton: Triton) -> None:
    from tritonclient.grpc import InferenceServerClient

    ready_model(triton.url, "steady", 10.0)
    stub_of("steady").kill()
    with InferenceServerClient(triton.url) as server:
        assert server.is_model_ready("steady")
    with pytest.raises(ModelBrokenError, match="not healthy"):
        infer(triton.url, declared_contract("steady"), tiny_models.fields(), 10.0)
    with InferenceServerClient(triton.url) as server:
        server.load_model("steady")  # no file has changed: it does nothing
    with pytest.raises(ModelBrokenError, match="not healthy"):
        infer(triton.url, declared_contract("steady"), tiny_models.fields(), 10.0)
    assert ready_model(triton.url, "steady", 10.0).repaired
    assert not ready_model(triton.url, "steady", 10.0).repaired


def test_two_cycles_that_find_a_dead_model_load_it_once(triton: Triton) -> None:
    ready_model(triton.url, "steady", 10.0)
    stub_of("steady").kill()
    found: list[Any] = []
    cycles = [threading.Thread(target=lambda: found.append(ready_model(triton.url, "steady", 20.0))) for _ in range(3)]
    for cycle in cycles:
        cycle.start()
    for cycle in cycles:
        cycle.join()
    assert [ready.model for ready in found] == ["steady"] * 3 and any(ready.repaired for ready in found)
    assert not ready_model(triton.url, "steady", 10.0).repaired


def test_a_passed_deadline_is_said_and_the_model_stops_computing(triton: Triton) -> None:
    tiny_models.declare(triton.models, "slow")
    tiny_models.serve(triton.models, triton.served, "slow", depth=400)
    contract = ready_model(triton.url, "slow", 20.0).contract
    stub = stub_of("slow")
    with pytest.raises(DeadlinePassedError, match="slow did not answer before its deadline"):
        infer(triton.url, contract, tiny_models.fields(2048), 2.0)
    spent = stub.cpu_times().user
    infer(triton.url, contract, tiny_models.fields(64), 10.0)
    assert stub.cpu_times().user - spent < 2.0  # the whole answer takes some 20 s of computing
    assert stub_of("slow").pid == stub.pid


def test_a_request_that_cannot_be_computed_is_an_error_and_the_process_lives_on(triton: Triton) -> None:
    contract = ready_model(triton.url, "steady", 10.0).contract
    stub = stub_of("steady")
    with pytest.raises(ModelBrokenError, match="steady fails"):
        infer(triton.url, contract, {**tiny_models.fields(64), "mask": tiny_models.fields(32)["mask"]}, 10.0)
    assert stub_of("steady").pid == stub.pid and not ready_model(triton.url, "steady", 10.0).repaired


def test_a_process_that_hangs_is_replaced_once(triton: Triton) -> None:
    stub = stub_of("steady")
    stub.suspend()
    try:
        assert ready_model(triton.url, "steady", 3.0).repaired
        assert not ready_model(triton.url, "steady", 3.0).repaired
    finally:
        stub.kill()  # Triton leaves it where it hangs


def test_a_server_killed_between_two_requests_is_down_and_is_waited_for_when_it_comes_back(
    triton: Triton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    shutil.copytree(triton.served / "steady", tmp_path / "served" / "steady")
    url = start_triton(tmp_path / "served")
    try:
        contract, inputs = declared_contract("steady"), tiny_models.fields()
        infer(url, contract, inputs, 10.0)
        known = processes.state("triton")
        assert known is not None
        psutil.Process(known["pid"]).kill()
        with pytest.raises(ServerDownError, match="does not answer"):
            infer(url, contract, inputs, 10.0)
        monkeypatch.setattr("stormcycle.serving.ready.patiently", partial(patiently, seconds=0.3))
        with pytest.raises(ServerDownError, match="No Triton server answers"):
            ready_model(url, "steady", 10.0)
        monkeypatch.setattr("stormcycle.serving.ready.patiently", partial(patiently, seconds=60.0))
        again = threading.Thread(target=start_triton, args=(tmp_path / "served", int(url.rpartition(":")[2])))
        again.start()
        assert ready_model(url, "steady", 10.0).version == ready_model(triton.url, "steady", 10.0).version
        again.join()
    finally:
        stop_triton()


def test_loading_a_model_again_leaves_the_others_alone(triton: Triton) -> None:
    tiny_models.declare(triton.models, "neighbour")
    tiny_models.serve(triton.models, triton.served, "neighbour")
    reload_model(triton.url, "neighbour")
    stub = stub_of("steady")
    reload_model(triton.url, "neighbour")
    assert stub_of("steady").pid == stub.pid
