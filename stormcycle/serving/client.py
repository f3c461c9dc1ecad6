"""Asking Triton by gRPC, with a deadline: arrays are checked against the contract before and after."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stormcycle.serving.contract import NUMPY_TYPES, Contract, Tensor, contract_of
from stormcycle.serving.errors import (
    BadTensorError,
    DeadlinePassedError,
    MismatchedModelError,
    ModelBrokenError,
    ModelMissingError,
    ServerDownError,
    without_paths,
)

PATIENCE_S = 5.0
"""What a server that does not answer is given: it may be starting again."""
ASK_S = 5.0
"""What any answer but an inference or a load may take."""
LOAD_S = 120.0
UNLOAD_S = 2.5
"""What unloading takes; a model whose process was killed and asked since says for ever that it is unloading, and loads all the same."""


def infer(url: str, contract: Contract, inputs: dict[str, np.ndarray], deadline_s: float) -> dict[str, np.ndarray]:
    """A model's outputs by name for its inputs by name. `url` is host:port of gRPC; a scheme before it does no harm.

    Raises BadTensorError before anything is sent when an input is not what the contract says, or holds NaN; else
    ServerDownError, ModelMissingError, DeadlinePassedError; ModelBrokenError when the model fails or answers NaN or
    infinity; MismatchedModelError when an answer has another name, type or shape.
    """
    import tritonclient.grpc as triton

    _check_inputs(contract, inputs)
    asked = []
    for tensor in contract.inputs:
        values = np.ascontiguousarray(inputs[tensor.name])
        asked.append(triton.InferInput(tensor.name, list(values.shape), tensor.datatype))
        asked[-1].set_data_from_numpy(values)
    with _server(url, contract.model) as server:
        answer = server.infer(
            contract.model, asked, outputs=[triton.InferRequestedOutput(tensor.name) for tensor in contract.outputs], client_timeout=deadline_s
        )
        outputs = {tensor.name: answer.as_numpy(tensor.name) for tensor in contract.outputs}
    _check_outputs(contract, outputs)
    return outputs


def served_contract(url: str, model: str) -> Contract:
    """What a server tells of a model: its metadata's tensors, its configuration's parameters. Raises as `infer` does."""
    with _server(url, model) as server:
        if not server.is_model_ready(model, client_timeout=ASK_S):
            raise ModelMissingError(f"The server does not serve {model}.")
        config = contract_of(server.get_model_config(model, client_timeout=ASK_S).config)
        metadata = server.get_model_metadata(model, client_timeout=ASK_S)
    inputs, outputs = (tuple(Tensor(one.name, one.datatype, tuple(one.shape)) for one in ones) for ones in (metadata.inputs, metadata.outputs))
    return Contract(model, inputs, outputs, config.parameters)


def reload_model(url: str, model: str) -> None:
    """Unload a model, where it is loaded, and load it again from the served repository.

    It gives its memory back and replaces a dead process; `load` alone does nothing when no file has changed. Raises as
    `infer` does, ModelBrokenError when it does not load.
    """
    with _server(url, model, failed=f"{model} cannot be loaded") as server:
        if server.is_model_ready(model, client_timeout=ASK_S):
            server.unload_model(model, client_timeout=LOAD_S)
            deadline = time.monotonic() + UNLOAD_S
            while _states(server).get(model) != "unloaded" and time.monotonic() < deadline:
                time.sleep(0.05)  # the old process is ending: both at once would take twice the memory
        server.load_model(model, client_timeout=LOAD_S)


def served_models(url: str) -> list[str]:
    """The names of the models that a server has loaded, sorted."""
    with _server(url, "") as server:
        return sorted(model for model, state in _states(server).items() if state == "READY")


def _states(server: Any) -> dict[str, str]:
    """READY, or why not, of each model that a server knows."""
    index = server.get_model_repository_index(client_timeout=ASK_S).models
    return {model.name: model.reason or model.state for model in index}


def is_live(url: str) -> bool:
    """Whether a server answers at a URL."""
    try:
        with _server(url, "") as server:
            return bool(server.is_server_live(client_timeout=ASK_S))
    except (ServerDownError, DeadlinePassedError):
        return False


def patiently(url: str, seconds: float = PATIENCE_S) -> None:
    """Wait until a server answers, which may be starting again. Raises ServerDownError when it does not in some seconds."""
    deadline = time.monotonic() + seconds
    while not is_live(url):
        if time.monotonic() > deadline:
            raise ServerDownError("No Triton server answers at TRITON_URL.")
        time.sleep(0.3)


def address(url: str) -> str:
    """host:port of a URL."""
    return url.split("://", 1)[-1].rstrip("/")


@contextmanager
def _server(url: str, model: str, failed: str = "") -> Iterator[Any]:
    import tritonclient.grpc as triton

    with triton.InferenceServerClient(address(url)) as server:
        try:
            yield server
        except triton.InferenceServerException as error:
            raise _typed(error, url, model, failed or f"{model} fails") from None


def _typed(error: Any, url: str, model: str, failed: str) -> Exception:
    status, text = str(error.status()), without_paths(str(error.message()).split("TritonModelException: ")[-1].split("\n\nAt:\n")[0])
    if status.endswith("DEADLINE_EXCEEDED"):
        return DeadlinePassedError(f"{model or 'The server'} did not answer before its deadline.")
    if "unknown model" in text or "failed to poll from model repository" in text or "is not ready" in text or "no available versions" in text:
        return ModelMissingError(f"The server does not serve {model}.")
    if status.endswith("UNAVAILABLE"):
        return ServerDownError("The Triton server at TRITON_URL does not answer.")
    return ModelBrokenError(f"{failed}: {text}")


def _check_inputs(contract: Contract, inputs: dict[str, np.ndarray]) -> None:
    wanted = {tensor.name for tensor in contract.inputs}
    if wanted != set(inputs):
        raise BadTensorError(f"{contract.model} takes {', '.join(sorted(wanted))}, not {', '.join(sorted(inputs)) or 'nothing'}.")
    for tensor in contract.inputs:
        values = inputs[tensor.name]
        if values.dtype != NUMPY_TYPES[tensor.datatype] or not tensor.fits(values.shape):
            raise BadTensorError(f"{contract.model} takes {tensor}, not {values.dtype}{list(values.shape)}.")
        if not np.isfinite(values).all():
            raise BadTensorError(f"The input {tensor.name} for {contract.model} holds {np.count_nonzero(~np.isfinite(values))} values that are not finite.")


def _check_outputs(contract: Contract, outputs: dict[str, np.ndarray | None]) -> None:
    for tensor in contract.outputs:
        values = outputs[tensor.name]
        if values is None or values.dtype != NUMPY_TYPES[tensor.datatype] or not tensor.fits(values.shape):
            found = "nothing" if values is None else f"{values.dtype}{list(values.shape)}"
            raise MismatchedModelError(f"{contract.model} declares the output {tensor} and gives {found}.")
        if not np.isfinite(values).all():
            raise ModelBrokenError(f"{contract.model} answers with {np.count_nonzero(~np.isfinite(values))} values that are not finite in {tensor.name}.")
