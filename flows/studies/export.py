"""`make export-study`: how long each model's export takes, how far its graphs are from torch, and what half precision changes; docs/export.md."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from flows.studies.tables import markdown
from stormcycle.datasets import read_sequence
from stormcycle.export import export_half, export_model
from stormcycle.export.graph import answer
from stormcycle.export.in_process import by_torch, frame_of, method_of
from stormcycle.export.weights import load_network
from stormcycle.nowcast.neural import Finish, Network
from stormcycle.nowcast.variables import Fields
from stormcycle.serving import declared_contract, nowcast_names, read_card
from stormcycle.verification import evaluate_sequence
from stormcycle.verification.references import Method

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"
SEQUENCE = "radar/nju_cpol/nju_cpol_001_3.0km.nc"


def main() -> None:
    """Measure and write the document."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_of_model(model, Path(folder)) for model in nowcast_names()]
    lines = [
        "# Export, measured",
        "",
        f"Made by `make export-study`. Drift: against torch in float32, on the windows of {Path(SEQUENCE).name}, the farthest of a forecast (dB of zh and zdr,",
        "degree km-1 of kdp), and the largest change of a CSI (20, 30, 35, 40 dBZ, 0.5 dB, 0.2 degree km-1, ten leads). tests/unit/export gates",
        "half precision at 1 % of the largest residual and .002 in CSI.",
        "",
        *markdown(rows),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _of_model(model: str, folder: Path) -> dict[str, Any]:
    made = export_model(model, folder)
    begun = time.perf_counter()
    half = export_half(model, folder)
    half_seconds = time.perf_counter() - begun
    frames = read_sequence(Path(os.environ["STORMCYCLE_DATA"]) / SEQUENCE)
    told: dict[str, list[Fields]] = {}
    card = read_card(model)
    network = load_network(card)
    networks = {"torch": by_torch(network), "onnx": _by_onnx(model, made.graph), "half": _by_onnx(model, half)}
    methods = {name: method_of(one, card.variables, Finish(card.sprog_share, card.offset_db), frame_of(network)) for name, one in networks.items()}
    scores = evaluate_sequence(frames, {name: _kept(method, told.setdefault(name, [])) for name, method in methods.items()})["methods"]
    apart = {name: max(_apart(one, other) for one, other in zip(told[name], told["torch"], strict=True)) for name in ("onnx", "half")}
    changed = [
        abs(one - other)
        for word, table in scores["half"].items()
        for threshold, values in table["csi"].items()
        for one, other in zip(values, scores["torch"][word]["csi"][threshold], strict=True)
        if one is not None and other is not None
    ]
    return {
        "model": model,
        "version": card.version,
        "FP32 export, s": f"{made.seconds:.1f}",
        "MB": f"{made.graph.stat().st_size / 1e6:.2f}",
        "drift": f"{apart['onnx']:.1e}",
        "FP16 export, s": f"{half_seconds:.1f}",
        "FP16 MB": f"{half.stat().st_size / 1e6:.2f}",
        "FP16 drift": f"{apart['half']:.3f}",
        "FP16 change of CSI": f"{max(changed):.4f}",
    }


def _apart(one: Fields, other: Fields) -> float:
    """The largest difference of two forecasts, of any variable in its own units."""
    return max(float(np.nanmax(np.abs(values - other[word]))) for word, values in one.items())


def _by_onnx(model: str, path: Path) -> Network:
    contract, graph = declared_contract(model), onnx.load(path)
    names = [tensor.name for tensor in contract.inputs]
    return lambda *inputs: answer(graph, dict(zip(names, inputs, strict=True)))[contract.outputs[0].name]


def _kept(method: Method, forecasts: list[Fields]) -> Method:
    """A method whose forecasts are kept as they are made."""

    def call(frames: Fields, leads: int) -> Fields:
        forecasts.append(method(frames, leads))
        return forecasts[-1]

    return call


if __name__ == "__main__":
    main()
