"""The FP16 graph: half precision inside, float32 outside, its drift within stated bounds, its overflow found before."""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from stormcycle.export import ExportError, export_half
from stormcycle.export.graph import answer, float_graph
from stormcycle.export.half import FLOAT32_OPERATORS, LARGEST, half_graph, largest_value
from stormcycle.networks.mrkan.csmamba import ScanStage
from stormcycle.serving.canary import canary_question
from stormcycle.serving.contract import Contract, Tensor, declared_contract

MODEL = "smaat_unet"
DRIFT = 0.01
"""Largest difference of a residual, as a share of the largest residual; measured: below 0.003."""
DRIFT_OF_CSI = 0.002
THRESHOLDS_DBZ = (20.0, 30.0, 35.0, 40.0)


@pytest.fixture
def graphs(random_network, shipped) -> tuple[nn.Module, onnx.ModelProto, onnx.ModelProto]:
    """A random network as wide as the shipped one, its graph, its FP16 graph."""
    network = random_network(5, width=32)
    shipped(network, architecture={"network": MODEL, "width": 32})
    contract = declared_contract(MODEL)
    graph = float_graph(network, contract, {"weights_sha256": "5"})
    return network, graph, half_graph(graph, contract)


def storms(shift: int, rows: int = 128, columns: int = 160) -> np.ndarray:
    """Twelve round storms of 30 to 58 dBZ, the rest dry; every frame of `shift` pixels stands beside the last."""
    random = np.random.default_rng(11)
    y, x = np.mgrid[0:rows, 0:columns]
    field = np.zeros((rows, columns))
    for row, column, peak, radius in zip(
        random.uniform(0, rows, 12), random.uniform(0, columns, 12), random.uniform(30, 58, 12), random.uniform(6, 16, 12), strict=True
    ):
        field = np.maximum(field, peak - 15 * ((y - row) ** 2 + (x - column - shift) ** 2) / radius**2)
    return np.where(field > 5, field, 0).astype("float32")


def question() -> dict[str, np.ndarray]:
    mask = np.ones((1, 1, 128, 160), "float32")
    mask[..., :20, :30] = 0
    return {"frames": np.stack([storms(frame - 9) for frame in range(10)])[np.newaxis], "mask": mask}


def csi(forecast: np.ndarray, observed: np.ndarray, threshold: float) -> float:
    hits = ((forecast >= threshold) & (observed >= threshold)).sum()
    return float(hits / ((forecast >= threshold) | (observed >= threshold)).sum())


def test_outside_is_float32_and_weights_are_halves(graphs):
    _, graph, half = graphs
    onnx.checker.check_model(half, full_check=True)
    assert {value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)} == {onnx.TensorProto.FLOAT}
    kinds = Counter(weight.data_type for weight in half.graph.initializer if np.prod(weight.dims) > 100)
    assert set(kinds) == {onnx.TensorProto.FLOAT16}
    assert half.ByteSize() < 0.6 * graph.ByteSize()
    assert half.metadata_props == graph.metadata_props


def test_sums_over_a_field_stay_in_float32(graphs):
    half = onnx.shape_inference.infer_shapes(graphs[2])
    types = {value.name: value.type.tensor_type.elem_type for value in half.graph.value_info}
    sums = [node for node in half.graph.node if node.op_type in FLOAT32_OPERATORS]
    assert {node.op_type for node in sums} == {"InstanceNormalization", "ReduceMean"}
    assert {types[node.output[0]] for node in sums} == {onnx.TensorProto.FLOAT}


def test_the_drift_of_residuals_and_scores_is_within_its_bounds(graphs):
    network, graph, half = graphs
    asked = question()
    full, found = (answer(one, asked)["residual"][0] for one in (graph, half))
    with torch.no_grad():  # torch rounds after every operation, which ONNX Runtime need not do on a processor without halves
        rounded = copy.deepcopy(network).half()(*(torch.from_numpy(asked[name]).half() for name in ("frames", "mask"))).float().numpy()[0]
    assert np.abs(full).max() > 3.0
    for one in (found, rounded):
        assert 0 < np.abs(one - full).max() < DRIFT * np.abs(full).max()
        for lead in range(10):
            observed = storms(2 * (lead + 1))
            forecasts = [np.clip(storms(0) + residual[lead], 0, 75) for residual in (full, one)]
            for threshold in THRESHOLDS_DBZ:
                first, second = (csi(forecast, observed, threshold) for forecast in forecasts)
                assert 0.0 < first < 1.0
                assert abs(second - first) <= DRIFT_OF_CSI, (lead, threshold)


def test_the_file_is_the_same_twice_and_lies_where_it_is_wanted(network, tmp_path: Path):
    first, second = (export_half(MODEL, tmp_path / name) for name in ("one", "two"))
    assert first == tmp_path / "one" / MODEL / "model.fp16.onnx"
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in (tmp_path / "one" / MODEL).iterdir()] == ["model.fp16.onnx"]


class Loud(nn.Module):
    """A network whose values grow large on the way and small again."""

    def __init__(self, loudness: float) -> None:
        super().__init__()
        self.loudness = nn.Parameter(torch.tensor(loudness))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.relu(frames * self.loudness) / self.loudness


@pytest.mark.parametrize(("loudness", "told"), [(3000.0, r"the value \S+ reaches 1\.\de\+05"), (7e4, "reaches"), (float("inf"), "reaches")])
def test_what_overflows_a_half_is_refused_before(loudness, told):
    tensor = ("FP32", (-1, 2, -1, -1))
    contract = Contract("loud", (Tensor("frames", *tensor),), (Tensor("residual", *tensor),), {"channels.frames": "zh-6 zh-0"})
    if np.isfinite(loudness):
        graph = float_graph(Loud(loudness), contract, {})
    else:  # no graph with such a weight passes the proof, so a good one is broken
        graph = float_graph(Loud(2.0), contract, {})
        for weight in graph.graph.initializer:
            weight.CopyFrom(onnx.numpy_helper.from_array(np.array(np.inf, "float32"), weight.name))
    with pytest.raises(ExportError, match=f"cannot run in half precision: .*{told}"):
        half_graph(graph, contract)


class Scanning(nn.Module):
    """A stage of scans whose sums no half holds, up to the norm behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = ScanStage(2, 4, 4.0, snaking=True)
        with torch.no_grad():
            self.stage.scan.skip.mul_(1e4)
            self.stage.enter.weight.mul_(10.0)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.stage(frames.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_scan_may_be_large_up_to_its_norm() -> None:
    tensor = ("FP32", (-1, 2, -1, -1))
    contract = Contract("scanning", (Tensor("frames", *tensor),), (Tensor("residual", *tensor),), {"channels.frames": "zh-6 zh-0"})
    graph, asked = float_graph(Scanning(), contract, {}), canary_question(contract)
    assert largest_value(graph, asked)[1] > LARGEST
    full, half = (answer(one, asked)["residual"] for one in (graph, half_graph(graph, contract)))
    assert np.isfinite(half).all()
    np.testing.assert_allclose(half, full, atol=0.05)


def test_the_largest_value_is_found_inside_the_network(random_network, shipped):
    network = random_network(5)
    with torch.no_grad():
        network.encoders[2][3][1].weight.mul_(1e4)  # a norm follows: the answer stays small
    shipped(network)
    contract = declared_contract(MODEL)
    asked = canary_question(contract)
    name, value = largest_value(float_graph(network, contract, {}), asked)
    assert value > 1e3 > np.abs(answer(float_graph(network, contract, {}), asked)["residual"]).max()
    assert name not in ("residual", "frames")
