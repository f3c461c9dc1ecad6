"""A network as an ONNX graph with the names of its contract, proved against the network itself.

The legacy exporter is used: it takes a second a model where the newer one takes a minute, and its graphs keep n, y and x
free (it runs at installation).
"""

import io
import warnings
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from stormcycle.export.errors import ExportError
from stormcycle.serving.canary import canary_question
from stormcycle.serving.contract import FREE, Contract, Tensor

OPSET = 17
TRACED = 64
PROVED = (2, 96, 128)
"""Fields, rows and columns of the proof: other ones than were traced, so that a size that froze is found."""
TOLERANCE = 1e-4
"""Largest difference to torch, as a share of the answer's largest value."""
SEED = 20150712

Arrays = dict[str, np.ndarray]


def float_graph(network: nn.Module, contract: Contract, properties: Mapping[str, str]) -> onnx.ModelProto:
    """The float32 graph of a network: the contract's tensors, its free axes, the properties as metadata.

    Raises ExportError when the graph is not valid, or does not answer as the network does.
    """
    inputs = [tensor.name for tensor in contract.inputs]
    question = canary_question(contract, TRACED)
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the legacy exporter itself
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]  # sizes that might freeze: `prove` finds those that did
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)  # of reversed slices: it leaves them as they are
        torch.onnx.export(
            network,
            tuple(torch.from_numpy(question[name]) for name in inputs),
            content,  # type: ignore[arg-type]  # the legacy exporter writes into a file object too
            dynamo=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=[tensor.name for tensor in contract.outputs],
            dynamic_axes={**{t.name: free_axes(t) for t in contract.inputs}, **{t.name: free_axes(t, f"{t.name}_") for t in contract.outputs}},
        )
    graph = onnx.load_from_string(content.getvalue())
    onnx.helper.set_model_props(graph, dict(sorted(properties.items())))
    check_graph(graph)
    prove(graph, network, contract)
    return graph


def free_axes(tensor: Tensor, prefix: str = "") -> dict[int, str]:
    """The names of a tensor's free axes: n first, y and x last; an output's rows and columns may be other ones than the inputs'."""
    last = len(tensor.shape) - 1
    names = {last - 1: f"{prefix}y", last: f"{prefix}x", 0: "n"}
    return {axis: names.get(axis, f"{tensor.name}_{axis}") for axis, length in enumerate(tensor.shape) if length == FREE}


def check_graph(graph: onnx.ModelProto) -> None:
    """Raise ExportError unless onnx.checker takes a graph, shapes and types included."""
    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"The exported graph is not valid ONNX: {error}") from None


def random_question(contract: Contract) -> Arrays:
    """Random inputs of a contract in the range of its canary question, fields of PROVED's size, the same every time."""
    random = np.random.default_rng(SEED)
    fields, rows, columns = PROVED
    question = canary_question(contract, max(rows, columns))
    for tensor in contract.inputs:
        values = question[tensor.name]
        if tensor.shape[0] == FREE:
            values = np.repeat(values, fields, axis=0)
        if len(tensor.shape) >= 3 and tensor.shape[-2] == FREE:
            values = values[..., :rows, :columns]
        question[tensor.name] = (values * random.uniform(0.0, 1.0, values.shape)).astype(values.dtype)
    return question


def answer(graph: onnx.ModelProto, question: Arrays) -> Arrays:
    """What a graph answers in ONNX Runtime on one core, by output name. Raises ExportError when it fails there."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised
    try:
        session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, question), strict=True))
    except Exception as error:  # ONNX Runtime's errors share no class of their own
        raise ExportError(f"The graph does not run in ONNX Runtime: {error}") from error


def prove(graph: onnx.ModelProto, network: nn.Module, contract: Contract) -> float:
    """The largest difference between a graph's answer and its network's on random fields, as a share of the largest value.

    Raises ExportError beyond TOLERANCE, or where an answer is not finite.
    """
    question = random_question(contract)
    with torch.no_grad():
        expected = network(*(torch.from_numpy(question[tensor.name]) for tensor in contract.inputs))
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = answer(graph, question)
    worst = 0.0
    for tensor, wanted in zip(contract.outputs, expected, strict=True):
        values, wanted = found[tensor.name], wanted.numpy()
        if values.shape != wanted.shape or not np.isfinite(values).all():
            raise ExportError(f"The exported graph of {contract.model} answers {tensor.name} {values.shape}, partly not finite or not {wanted.shape}.")
        scale = float(np.abs(wanted).max()) or 1.0
        worst = max(worst, float(np.abs(values - wanted).max()) / scale)
    if worst > TOLERANCE:
        raise ExportError(f"The exported graph of {contract.model} differs from the network by {worst:.1e} of its largest value, above {TOLERANCE:.0e}.")
    return worst
