"""MRKAN's graphs: they answer as torch does at any size, open without trouble, and keep their scans in float32 in the FP16 graph."""

from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from stormcycle.export import export_model
from stormcycle.export.engines import LARGEST
from stormcycle.export.graph import answer, float_graph
from stormcycle.export.half import SCAN, half_graph
from stormcycle.export.shipping import ship
from stormcycle.networks import build
from stormcycle.networks.mrkan.csmamba import SelectiveScan
from stormcycle.networks.mrkan.selective_scan import CHUNK, EXPORTED_LEVELS
from stormcycle.serving.cards import SHIPPED
from stormcycle.serving.contract import Contract, Tensor, declared_contract

MODEL, NETWORK = "mrkan", "mrkan_exceedance"
DRIFT = 0.01
"""Largest difference of a change, as a share of the largest; measured: below 0.002."""
FLOAT, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A network of random weights, shipped and exported in both precisions; once for all tests, as it takes seconds."""
    folder = tmp_path_factory.mktemp("mrkan")
    torch.manual_seed(1)
    network = build(NETWORK).eval()
    nn.init.normal_(network.moving.head.weight, std=0.02)
    nn.init.normal_(network.chances[1].weight, std=0.03)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_MODELS", str(folder / "models"))
        (folder / "models" / MODEL).mkdir(parents=True)
        (folder / "models" / MODEL / "config.pbtxt").write_text((SHIPPED / MODEL / "config.pbtxt").read_text())
        fields = {"step_minutes": 6, "resolution_m": 3000, "trained_on": ["nothing"], "chosen_on": [], "licence": "Apache-2.0"}
        card = ship(MODEL, network, "# A network of the tests", architecture={"network": NETWORK}, **fields)
        exported, again = (export_model(MODEL, folder / "served") for _ in range(2))
        graph = onnx.load(exported.graph)
        half = half_graph(graph, declared_contract(MODEL))
    return SimpleNamespace(network=network, card=card, exported=exported, again=again, graph=graph, half=half)


def question(fields: int, rows: int, columns: int) -> dict[str, np.ndarray]:
    """Storms of three variables that drift, dry between them, one corner that no radar sees."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[0:rows, 0:columns]
    frames = np.zeros((fields, 3, 10, rows, columns), "float32")
    for field in range(fields):
        for row, column, peak in zip(random.uniform(0, rows, 8), random.uniform(0, columns, 8), random.uniform(0.5, 1.0, 8), strict=True):
            for time in range(10):
                storm = np.maximum(peak - ((y - row) ** 2 + (x - column - time) ** 2) / 200.0, 0.0)
                frames[field, :, time] = np.maximum(frames[field, :, time], storm * np.array([58.0, 3.0, 2.0])[:, None, None])
    mask = np.ones((fields, 3, rows, columns), "float32")
    mask[..., : rows // 4, : columns // 4] = 0.0
    return {"frames": (frames * mask[:, :, None]).reshape(fields, 30, rows, columns), "mask": mask}


def test_the_graph_answers_as_torch_does_at_other_sizes_than_were_traced(made):
    session = onnxruntime.InferenceSession(made.exported.graph)
    for size in ((1, 32, 32), (1, 64, 64), (3, 32, 96), (2, 96, 160), (1, 256, 288)):
        asked = question(*size)
        told = session.run(["residual", "exceedance"], asked)
        with torch.no_grad():
            expected = [one.numpy() for one in made.network(*(torch.from_numpy(asked[name]) for name in ("frames", "mask")))]
        assert [one.shape for one in told] == [(size[0], channels, *size[1:]) for channels in (30, 40)]
        assert np.abs(expected[0]).max() > 1.0
        assert expected[1].max() - expected[1].min() > 0.5
        for found, wanted in zip(told, expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def test_its_axes_are_free_and_its_names_the_contracts(made):
    told = {
        value.name: [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]
        for value in (*made.graph.graph.input, *made.graph.graph.output)
    }
    assert told == {
        "frames": ["n", 30, "y", "x"],
        "mask": ["n", 3, "y", "x"],
        **{name: ["n", channels, f"{name}_y", f"{name}_x"] for name, channels in (("residual", 30), ("exceedance", 40))},
    }
    assert (made.exported.made, made.again.made) == (True, False)
    assert {entry.key: entry.value for entry in made.graph.metadata_props}["weights_sha256"] == made.card.weights_sha256


def test_no_loop_over_tokens_and_few_enough_operations_to_open_it(made):
    """ONNX Runtime plans memory for each operation beside each other one: twice as many take four times as long to open, at every start of a server."""
    operations = [node.op_type for node in made.graph.graph.node if node.op_type != "Constant"]
    assert not {"Loop", "Scan", "If"} & set(operations)
    assert len(operations) < 4500
    assert made.graph.ByteSize() < 10e6


def test_half_precision_drifts_within_its_bound(made):
    onnx.checker.check_model(made.half, full_check=True)
    assert {value.type.tensor_type.elem_type for value in (*made.half.graph.input, *made.half.graph.output)} == {FLOAT}
    assert made.half.ByteSize() < 0.7 * made.graph.ByteSize()
    assert made.half.metadata_props == made.graph.metadata_props
    asked = question(2, 96, 160)
    full, found = (answer(graph, asked) for graph in (made.graph, made.half))
    for name in ("residual", "exceedance"):
        assert 0 < np.abs(found[name] - full[name]).max() < DRIFT * np.abs(full[name]).max()


def test_every_operation_of_a_scan_is_in_float32_and_nothing_between_two_of_them_is_rounded(made):
    graph = onnx.shape_inference.infer_shapes(made.half).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    maker = {name: node for node in graph.node for name in node.output}
    scans = [node for node in graph.node if SCAN in node.name and not node.name.endswith("_node")]  # casts that the converter adds end so
    assert {node.name.split(SCAN)[0] for node in scans} == {f"/network/layers.{layer}/whole/stages/stages.{stage}" for layer in range(3) for stage in range(2)}
    assert HALF not in {types[name] for node in scans for name in node.output}
    sums = [node for node in scans if node.op_type in ("CumSum", "ReduceSum", "Exp", "Softplus")]
    assert len(sums) >= 6 * 5 and {types[node.output[0]] for node in sums} == {FLOAT}
    names = {node.name for node in scans}
    for node in scans:
        for source in (maker[name] for name in node.input if name in maker):
            rounded = source.op_type == "Cast" and source.name not in names and source.input[0] in maker
            assert not (rounded and maker[source.input[0]].op_type == "Cast"), (node.name, source.name)
    assert HALF in {types[node.output[0]] for node in graph.node if node.op_type == "Conv"}


@pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx, an optional extra, is not installed.")
def test_tensorrts_parser_takes_every_operation_of_the_fp16_graph(made):
    """The parser alone: what the builder makes of it is in docs/tensorrt.md."""
    import tensorrt_rtx as trt

    log = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    assert parser.parse(made.half.SerializeToString()), [parser.get_error(index).desc() for index in range(parser.num_errors)]


class Tokens(nn.Module):
    """The scan alone, along the rows of a field."""

    def __init__(self) -> None:
        super().__init__()
        self.scan = SelectiveScan(2, 1, 2)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """A field (n, 8, y, x), two channels of each direction, which the canary asks with up to 50; halves are divided by 64 without rounding."""
        fields, _, rows, columns = frames.shape
        return self.scan((frames / 64.0).reshape(fields, 4, 2, -1).transpose(2, 3)).transpose(2, 3).reshape(fields, 8, rows, columns)


@pytest.mark.parametrize("change", [lambda graph, contract: graph, half_graph])
def test_the_scan_of_any_field_is_right_in_either_graph(change: Callable[..., onnx.ModelProto]):
    """One token, some that fill no chunk, and as many as the largest field of the paper's form has; the state is float32 in the FP16 graph too."""
    torch.manual_seed(2)
    network, shape = Tokens().eval(), ("FP32", (-1, 8, -1, -1))
    contract = Contract("tokens", (Tensor("frames", *shape),), (Tensor("told", *shape),), {})
    graph = change(float_graph(network, contract, {}), contract)
    for rows, columns in ((1, 1), (3, 5), (33, 97), (LARGEST // 4, LARGEST // 4)):
        field = np.random.default_rng(0).normal(0.0, 64.0, size=(1, 8, rows, columns)).astype("float16").astype("float32")
        with torch.no_grad():
            expected = network(torch.from_numpy(field)).numpy()
        tolerance = 1e-6 if change is not half_graph else 1e-3  # the answer is rounded to a half
        np.testing.assert_allclose(answer(graph, {"frames": field})["told"], expected, atol=tolerance * np.abs(expected).max())


def test_an_exported_scan_carries_as_far_as_the_largest_field_reaches():
    """The paper's form begins its layers at a quarter of the resolution."""
    assert CHUNK * 2**EXPORTED_LEVELS >= (LARGEST // 4) ** 2
