"""The FP16 graph of a model: half precision between float32 inputs and outputs, what TensorRT builds its plans from.

The precision stands in the graph (TensorRT's strongly typed networks take it from there), so that a plan computes what
was checked here. Sums over a whole field stay in float32: 128 x 128 pixels of 4 overflow a half. So do the selective scans,
whose states add up over thousands of steps, as far as the norm that follows them.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from stormcycle.export.errors import ExportError
from stormcycle.export.graph import Arrays, answer, check_graph
from stormcycle.serving.canary import canary_question
from stormcycle.serving.contract import Contract

FLOAT32_OPERATORS = ("InstanceNormalization", "LayerNormalization", "ReduceMean", "ReduceSum", "Softmax")
"""Operators that sum many values: statistics of norms, means, attention."""
SCAN, NORM = "/scan/", "LayerNormalization"
"""What the names of a selective scan's nodes hold: the path of its module; nodes that share what stands before it are one scan, with what comes after
them up to a norm.
"""
WHOLE = "WholeScan"
LARGEST = float(np.finfo(np.float16).max)
HEADROOM = 4.0
"""How far below LARGEST every value must stay on the canary's question."""


def half_graph(graph: onnx.ModelProto, contract: Contract) -> onnx.ModelProto:
    """A float32 graph in half precision, with the same inputs, outputs and metadata.

    Raises ExportError where a value of the canary's question comes near what a half can hold.
    """
    closed, scans = _closed(onnx.shape_inference.infer_shapes(graph))
    name, value = largest_value(graph, canary_question(contract), _inner(scans))
    if not value < LARGEST / HEADROOM:
        raise ExportError(
            f"The model {contract.model} cannot run in half precision: the value {name} reaches {value:.3g}, a half holds {LARGEST:.0f}. Serve it in FP32."
        )
    converted = convert_float_to_float16(closed, keep_io_types=True, disable_shape_infer=True, op_block_list=[*FLOAT32_OPERATORS, WHOLE])
    _open(converted, scans)
    OnnxModel(converted).topological_sort(is_deterministic=True)  # the converter leaves its casts at the end
    check_graph(converted)
    return converted


def largest_value(graph: onnx.ModelProto, question: Arrays, without: Collection[str] = ()) -> tuple[str, float]:
    """The tensor inside a float32 graph, weights included and those of some names not, that reaches the largest magnitude for a question, and that
    magnitude; NaN wins.
    """
    open_graph = onnx.shape_inference.infer_shapes(graph)
    known = {*without, *(output.name for output in open_graph.graph.output)}
    open_graph.graph.output.extend(
        value for value in open_graph.graph.value_info if value.name not in known and value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    )
    values = answer(open_graph, question)
    values |= {weight.name: onnx.numpy_helper.to_array(weight) for weight in open_graph.graph.initializer if weight.data_type == onnx.TensorProto.FLOAT}
    reached = {name: float(np.abs(array).max()) for name, array in values.items() if array.size}
    name = max(reached, key=lambda name: np.nan_to_num(reached[name], nan=np.inf))
    return name, reached[name]


@dataclass(frozen=True)
class Scan:
    """The nodes of a selective scan and its norm, the tensors that they take from the rest of the graph, and those that they give it."""

    nodes: list[onnx.NodeProto]
    entering: list[str]
    leaving: list[str]


def _closed(graph: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, Scan]]:
    """A graph with one node in place of each selective scan, and the scans: the converter casts what goes into and comes out of a node that stays in
    float32, and would cast between each two of a scan's.
    """
    grouped: dict[str, list[onnx.NodeProto]] = {}
    others: list[onnx.NodeProto] = []
    large: dict[str, str] = {}  # of each tensor that no norm has made small yet the scan that it comes from
    for node in graph.graph.node:
        path, scan, _ = node.name.partition(SCAN)
        comes = path if scan else next((large[name] for name in node.input if name in large), None)
        (others if comes is None else grouped.setdefault(comes, [])).append(node)
        if comes is not None and node.op_type != NORM:
            large |= dict.fromkeys(node.output, comes)
    wanted = {name for node in others for name in node.input} | {output.name for output in graph.graph.output}
    scans = {path: _scan(nodes, wanted) for path, nodes in grouped.items()}
    stand_ins = [onnx.helper.make_node(WHOLE, scan.entering, scan.leaving, name=path) for path, scan in scans.items()]
    del graph.graph.node[:]
    graph.graph.node.extend([*others, *stand_ins])
    return graph, scans


def _scan(nodes: list[onnx.NodeProto], wanted: set[str]) -> Scan:
    made = {name for node in nodes for name in node.output}
    used = dict.fromkeys(name for node in nodes for name in node.input if name and name not in made)
    return Scan(nodes, list(used), [name for node in nodes for name in node.output if name in wanted])


def _inner(scans: dict[str, Scan]) -> set[str]:
    """The tensors that no node outside the scans sees."""
    return {name for scan in scans.values() for node in scan.nodes for name in node.output} - {name for scan in scans.values() for name in scan.leaving}


def _open(graph: onnx.ModelProto, scans: dict[str, Scan]) -> None:
    """Put each selective scan back in place of the node that stands for it, between the casts of that node."""
    stand_ins = {node.name: node for node in graph.graph.node if node.op_type == WHOLE}
    inner = _inner(scans)
    nodes = list({node.output[0]: node for node in graph.graph.node if node.op_type != WHOLE}.values())  # the same cast for two nodes is written twice
    for path, scan in scans.items():
        now = dict(zip([*scan.entering, *scan.leaving], [*stand_ins[path].input, *stand_ins[path].output], strict=True))
        for node in scan.nodes:
            node.input[:] = [now.get(name, name) for name in node.input]
            node.output[:] = [now.get(name, name) for name in node.output]
        nodes += scan.nodes
    known = [value for value in graph.graph.value_info if value.name not in inner]  # the converter took what is inside for halves
    del graph.graph.node[:], graph.graph.value_info[:]
    graph.graph.node.extend(nodes)
    graph.graph.value_info.extend(known)
