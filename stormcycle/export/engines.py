"""Building a TensorRT engine from an FP16 graph; the same lines for TensorRT and for TensorRT-RTX, whose modules are alike."""

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from stormcycle.export.errors import ExportError
from stormcycle.serving.contract import FREE, Contract, Tensor

SMALLEST, USUAL, LARGEST = SIZES = 64, 256, 1024
"""Rows and columns that a plan takes; it is tuned for USUAL. The canary is SMALLEST."""


def tensorrt_module(name: str, remedy: str) -> ModuleType:
    """The module `tensorrt` or `tensorrt_rtx`. Raises ExportError with the remedy where it is not installed or does not load."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        raise ExportError(f"The package {name} cannot be used here ({error}). {remedy}") from None


def build_engine(trt: Any, graph: bytes, contract: Contract, targets: Sequence[str] = (), sizes: tuple[int, int, int] = SIZES) -> bytes:
    """The serialized engine of an FP16 graph for one field of the least to the largest of `sizes`, for the GPU here or for named ones (SM86), ahead of time.

    Raises ExportError with what the parser or the builder says.
    """
    messages = _messages(trt)
    builder = trt.Builder(messages)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, messages)
    if not parser.parse(graph):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        said = "; ".join(f"{error.desc()} (node {error.node_name() or 'none'}, operator {error.node_operator() or 'none'})" for error in errors)
        raise ExportError(f"{trt.__name__} {trt.__version__} does not take the graph of {contract.model}: {said}")
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for tensor in contract.inputs:
        profile.set_shape(tensor.name, *(_shape(tensor, size) for size in sizes))
    config.add_optimization_profile(profile)
    if targets:
        config.num_compute_capabilities = len(targets)
        for index, target in enumerate(targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, target), index)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ExportError(f"{trt.__name__} {trt.__version__} builds no engine of {contract.model}: {'; '.join(messages.errors) or 'it says nothing'}")
    return bytes(engine)


def _shape(tensor: Tensor, size: int) -> tuple[int, ...]:
    """One field of a size: the first axis is 1, every other free one `size` long."""
    return tuple(length if length != FREE else 1 if axis == 0 else size for axis, length in enumerate(tensor.shape))


def _messages(trt: Any) -> Any:
    """A logger of the library that keeps what it says of errors."""

    class Messages(trt.ILogger):  # type: ignore[misc]  # a class of a module that is found at run time
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.errors.append(message.strip())

    return Messages()
