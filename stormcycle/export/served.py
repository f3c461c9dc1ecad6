"""The served repository: what Triton loads, made from weights and cards, never committed.

A model's folder holds `1/model.onnx`, `config.pbtxt` (the committed text and the weights' digest) and `export.json`, which
says what both were made from and is written last: a model that is as it would be made is left alone, in milliseconds.
"""

import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stormcycle.cycle.digests import file_digest, sources_digest
from stormcycle.cycle.files import json_bytes, replace_file
from stormcycle.export.errors import ExportError
from stormcycle.serving.canary import canary_question, check_canary
from stormcycle.serving.cards import Card, check_weights, models_folder, read_card, weights_path
from stormcycle.serving.contract import CHANNELS, WEIGHTS, Contract, declared_contract

if TYPE_CHECKING:
    import onnx

SOURCES = ("stormcycle/networks", "stormcycle/export", "stormcycle/serving/canary.py", "stormcycle/serving/contract.py")
LIBRARIES = ("torch", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Exported:
    """A model in the served repository: its graph's file, whether it was made now, in how many seconds."""

    model: str
    graph: Path
    made: bool
    seconds: float


def export_model(model: str, to: Path) -> Exported:
    """Make a model's folder of the served repository `to`, unless it is already made of these weights, configuration and sources.

    Raises CardError for a card or weights that are not right, MismatchedModelError for a configuration that is not the
    card's, ModelBrokenError for a canary that is not the weights', ExportError for a network that cannot be exported.
    """
    began = time.perf_counter()
    card = read_card(model)
    check_weights(card)
    contract, config, wanted = declared_contract(model), stamped_config(card, "config.pbtxt"), _made_from(model)
    folder = to / model
    path = folder / "1" / "model.onnx"
    if _marker(folder) == {**wanted, "graph_sha256": _digest(path)} and _content(folder / "config.pbtxt") == config:
        return Exported(model, path, False, time.perf_counter() - began)
    replace_file(path, _bytes(_graph(card, contract)))
    replace_file(folder / "config.pbtxt", config)
    replace_file(folder / "export.json", json_bytes({**wanted, "graph_sha256": _digest(path)}))
    return Exported(model, path, True, time.perf_counter() - began)


def export_half(model: str, to: Path) -> Path:
    """Write a model's FP16 graph to `to`/<model>/model.fp16.onnx, where plans are built from it, and return its file.

    Raises what export_model raises, and ExportError where a half does not hold the network's values.
    """
    from stormcycle.export.graph import answer
    from stormcycle.export.half import half_graph

    card, contract = read_card(model), declared_contract(model)
    half = half_graph(_graph(card, contract), contract)
    check_canary(model, answer(half, canary_question(contract)), card.canary)
    path = to / model / "model.fp16.onnx"
    replace_file(path, _bytes(half))
    return path


def stamped_config(card: Card, name: str) -> bytes:
    """A committed configuration (config.pbtxt or configs/tensorrt.pbtxt) and the weights' digest. Raises ExportError when there is none."""
    path = models_folder() / card.model / name
    if not path.is_file():
        raise ExportError(f"The model {card.model} has no {name}; write it beside its card.")
    text = path.read_text(encoding="utf-8").rstrip("\n")
    return f'{text}\nparameters {{ key: "{WEIGHTS}" value {{ string_value: "{card.weights_sha256}" }} }}\n'.encode()


def _graph(card: Card, contract: Contract) -> "onnx.ModelProto":
    """The float32 graph of a card's weights, which answers the canary as the card says; its metadata as in config.pbtxt."""
    from stormcycle.export.graph import answer, float_graph  # torch takes seconds to import; a model that is there needs none
    from stormcycle.export.weights import load_network

    channels = {key: value for key, value in contract.parameters.items() if key.startswith(CHANNELS)}
    graph = float_graph(load_network(card), contract, {WEIGHTS: card.weights_sha256, **channels})
    check_canary(card.model, answer(graph, canary_question(contract)), card.canary)
    return graph


def _bytes(graph: "onnx.ModelProto") -> bytes:
    return graph.SerializeToString(deterministic=True)


def _made_from(model: str) -> dict[str, str]:
    """What the export of a model depends on beside its configuration: weights, card, sources, libraries."""
    return {
        "weights_sha256": file_digest(weights_path(model)),
        "card_sha256": file_digest(models_folder() / model / "CARD.md"),
        "sources_sha256": sources_digest(*SOURCES),
        **{library: version(library) for library in LIBRARIES},
    }


def _marker(folder: Path) -> dict[str, str] | None:
    content = _content(folder / "export.json")
    try:
        return json.loads(content) if content else None
    except ValueError:  # cut: the model is made again
        return None


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _digest(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None
