"""The FP16 graph of a model: half precision between float32 inputs and outputs, what TensorRT builds its plans from.

The precision stands in the graph (TensorRT's strongly typed networks take it from there), so that a plan computes what
was checked here. Sums over a whole field stay in float32: 128 x 128 pixels of 4 overflow a half.
"""

import copy

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
LARGEST = float(np.finfo(np.float16).max)
HEADROOM = 4.0
"""How far below LARGEST every value must stay on the canary's question."""


def half_graph(graph: onnx.ModelProto, contract: Contract) -> onnx.ModelProto:
    """A float32 graph in half precision, with the same inputs, outputs and metadata.

    Raises ExportError where a value of the canary's question comes near what a half can hold.
    """
    name, value = largest_value(graph, canary_question(contract))
    if not value < LARGEST / HEADROOM:
        raise ExportError(
            f"The model {contract.model} cannot run in half precision: the value {name} reaches {value:.3g}, a half holds {LARGEST:.0f}. Serve it in FP32."
        )
    converted = convert_float_to_float16(copy.deepcopy(graph), keep_io_types=True, op_block_list=list(FLOAT32_OPERATORS))
    OnnxModel(converted).topological_sort(is_deterministic=True)  # the converter leaves its casts at the end
    check_graph(converted)
    return converted


def largest_value(graph: onnx.ModelProto, question: Arrays) -> tuple[str, float]:
    """The tensor inside a float32 graph that reaches the largest magnitude for a question, weights included, and that magnitude; NaN wins."""
    open_graph = onnx.shape_inference.infer_shapes(graph)
    known = {output.name for output in open_graph.graph.output}
    open_graph.graph.output.extend(
        value for value in open_graph.graph.value_info if value.name not in known and value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    )
    values = answer(open_graph, question)
    values |= {weight.name: onnx.numpy_helper.to_array(weight) for weight in open_graph.graph.initializer if weight.data_type == onnx.TensorProto.FLOAT}
    reached = {name: float(np.abs(array).max()) for name, array in values.items() if array.size}
    name = max(reached, key=lambda name: np.nan_to_num(reached[name], nan=np.inf))
    return name, reached[name]
