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
from stormcycle.export.in_process import by_torch, method_of
from stormcycle.export.weights import load_network
from stormcycle.nowcast.neural import Network
from stormcycle.serving import declared_contract, model_names, read_card
from stormcycle.verification import evaluate_sequence
from stormcycle.verification.references import Method

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"
SEQUENCE = "radar/nju_cpol/nju_cpol_001_3.0km.nc"


def main() -> None:
    """Measure and write the document."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [_of_model(model, Path(folder)) for model in model_names()]
    lines = [
        "# Export, measured",
        "",
        f"Made by `make export-study`. Drift: against torch in float32, on the windows of {Path(SEQUENCE).name}, forecasts in dB, and the largest change of",
        "a CSI (20, 30, 35, 40 dBZ, ten leads). tests/unit/export gates half precision at 1 % of the largest residual and .002 in CSI.",
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
    told: dict[str, list[np.ndarray]] = {}
    methods = {
        "torch": method_of(by_torch(load_network(read_card(model)))),
        "onnx": method_of(_by_onnx(model, made.graph)),
        "half": method_of(_by_onnx(model, half)),
    }
    scores = evaluate_sequence(frames, {name: _kept(method, told.setdefault(name, [])) for name, method in methods.items()})["methods"]
    apart = {name: max(float(np.nanmax(np.abs(one - other))) for one, other in zip(told[name], told["torch"], strict=True)) for name in ("onnx", "half")}
    changed = [
        abs(one - other)
        for threshold, values in scores["half"]["zh"]["csi"].items()
        for one, other in zip(values, scores["torch"]["zh"]["csi"][threshold], strict=True)
        if one is not None and other is not None
    ]
    return {
        "model": model,
        "version": read_card(model).version,
        "FP32 export, s": f"{made.seconds:.1f}",
        "MB": f"{made.graph.stat().st_size / 1e6:.2f}",
        "drift, dB": f"{apart['onnx']:.1e}",
        "FP16 export, s": f"{half_seconds:.1f}",
        "FP16 MB": f"{half.stat().st_size / 1e6:.2f}",
        "FP16 drift, dB": f"{apart['half']:.3f}",
        "FP16 change of CSI": f"{max(changed):.4f}",
    }


def _by_onnx(model: str, path: Path) -> Network:
    contract, graph = declared_contract(model), onnx.load(path)
    names = [tensor.name for tensor in contract.inputs]
    return lambda *inputs: answer(graph, dict(zip(names, inputs, strict=True)))[contract.outputs[0].name]


def _kept(method: Method, forecasts: list[np.ndarray]) -> Method:
    """A method whose forecasts are kept as they are made."""

    def call(frames: np.ndarray, leads: int) -> np.ndarray:
        forecasts.append(method(frames, leads))
        return forecasts[-1]

    return call


if __name__ == "__main__":
    main()
