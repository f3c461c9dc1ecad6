"""Tiny models for tests of serving: sources (configuration, weights, card) and what Triton serves, made by onnx.helper.

A model is one 3x3 convolution of `frames` (n, 4, y, x) and `mask` (n, 1, y, x) to `change` (n, 3, y, x). `spoiled` keywords
of `serve` make the served file other than what is declared.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import yaml
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from stormcycle.serving.canary import canary_answer, canary_question
from stormcycle.serving.contract import parse_contract

FRAMES, MASK, CHANGE = "zh-18 zh-12 zh-6 zh-0", "observed", "zh+6 zh+12 zh+18"
CONFIG = """
name: "{name}"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: 0
input [ {{ name: "frames" data_type: TYPE_FP32 dims: [ -1, 4, -1, -1 ] }}, {{ name: "mask" data_type: TYPE_FP32 dims: [ -1, 1, -1, -1 ] }} ]
output [ {{ name: "change" data_type: TYPE_FP32 dims: [ -1, 3, -1, -1 ] }} ]
instance_group [ {{ count: 1 }} ]
parameters {{ key: "intra_op_thread_count" value {{ string_value: "1" }} }}
parameters {{ key: "channels.frames" value {{ string_value: "{frames}" }} }}
parameters {{ key: "channels.mask" value {{ string_value: "{mask}" }} }}
parameters {{ key: "channels.change" value {{ string_value: "{change}" }} }}
"""


@dataclass(frozen=True)
class Triton:
    """A running Triton server: its address, the STORMCYCLE_HOME it runs under, the models' sources and what it serves."""

    url: str
    home: Path
    models: Path
    served: Path


def config_text(name: str, **channels: str) -> str:
    """The config.pbtxt of a tiny model."""
    return CONFIG.format(name=name, **{"frames": FRAMES, "mask": MASK, "change": CHANGE, **channels})


def weights_of(seed: int) -> np.ndarray:
    """The convolution's weights (3, 5, 3, 3)."""
    return np.random.default_rng(seed).normal(size=(3, 5, 3, 3)).astype("float32")


def network(weights: np.ndarray, metadata: dict[str, str], output: str = "change", more_channels: int = 0, depth: int = 0) -> onnx.ModelProto:
    """The ONNX file; `depth` convolutions that change nothing make it slow, `more_channels` make its output too wide."""
    out = weights.shape[0] + more_channels
    weights = np.concatenate([weights, weights[:more_channels]])
    identity = np.zeros((out, out, 3, 3), "float32")
    identity[range(out), range(out), 1, 1] = 1.0
    names = [f"layer{number}" for number in range(depth)] + [output]
    nodes = [
        helper.make_node("Concat", ["frames", "mask"], ["both"], axis=1),
        helper.make_node("Conv", ["both", "weights"], [names[0]], pads=[1, 1, 1, 1]),
        *(helper.make_node("Conv", [before, "identity"], [after], pads=[1, 1, 1, 1]) for before, after in pairwise(names)),
    ]
    given = {"frames": ["n", 4, "y", "x"], "mask": ["n", 1, "y", "x"]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", out, "y", "x"])],
        [numpy_helper.from_array(weights, "weights"), *([numpy_helper.from_array(identity, "identity")] if depth else [])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made)
    return made


def declare(models: Path, name: str, seed: int = 1) -> Path:
    """Write a model's sources into the folder of models; its own folder. The canary's answer is ONNX Runtime's, in this process."""
    folder = models / name
    folder.mkdir(parents=True)
    text = config_text(name)
    (folder / "config.pbtxt").write_text(text)
    save_file({"weights": weights_of(seed)}, folder / "weights.safetensors")
    contract = parse_contract(text, name)
    card = {
        "model": name,
        "architecture": {"network": "tiny"},
        "weights_sha256": hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest(),
        "step_minutes": 6,
        "resolution_m": 1000,
        "channels": {tensor.name: contract.channels(tensor.name) for tensor in contract.tensors},
        "trained_on": [],
        "chosen_on": [],
        "licence": "Apache-2.0",
        "canary": canary_answer(in_process(network(weights_of(seed), {}), canary_question(contract))),
    }
    write_card(folder, card)
    return folder


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write a model's card."""
    (folder / "CARD.md").write_text(f"---\n{yaml.safe_dump(card)}---\nA tiny model for tests.\n")


def card_of(folder: Path) -> dict[str, Any]:
    """A card's block, to be changed and written again."""
    return dict(yaml.safe_load((folder / "CARD.md").read_text().split("---\n")[1]))


def in_process(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX Runtime gives in this process: the independent answer."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return {output.name: values for output, values in zip(session.get_outputs(), session.run(None, inputs), strict=True)}


def serve(
    models: Path,
    served: Path,
    name: str,
    *,
    weights: np.ndarray | None = None,
    metadata: dict[str, str] | None = None,
    config: dict[str, str] | None = None,
    content: bytes | None = None,
    **spoiled: Any,
) -> Path:
    """Write what Triton serves of a model, as `stormcycle export` does; its ONNX file. Keywords make it other than declared."""
    folder = models / name
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    channels = {"channels.frames": FRAMES, "channels.mask": MASK, "channels.change": CHANGE}
    file = served / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    parameter = f'parameters {{ key: "weights_sha256" value {{ string_value: "{digest}" }} }}\n'
    (served / name / "config.pbtxt").write_text(config_text(name, **(config or {})) + parameter)
    weights = load_file(folder / "weights.safetensors")["weights"] if weights is None else weights
    model = network(weights, {"weights_sha256": digest, **channels, **(metadata or {})}, **spoiled)
    file.write_bytes(model.SerializeToString() if content is None else content)
    return file


def fields(size: int = 64, seed: int = 3) -> dict[str, np.ndarray]:
    """Random inputs for a tiny model."""
    made = np.random.default_rng(seed)
    return {"frames": made.uniform(0, 50, (1, 4, size, size)).astype("float32"), "mask": made.integers(0, 2, (1, 1, size, size)).astype("float32")}
