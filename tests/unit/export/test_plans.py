"""Plans: what is lacking is told; the bookkeeping is right. No plan was ever built or run here, as there is no GPU."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from stormcycle.export import ExportError, build_plans, export_half, plans
from stormcycle.export.engines import build_engine
from stormcycle.export.parser_check import parser_check
from stormcycle.serving.contract import declared_contract, parse_contract

MODEL = "smaat_unet"
needs_parser = pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx, an optional extra, is not installed.")


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed here.")
def test_without_tensorrt_it_is_said_where_plans_are_built(network, tmp_path: Path):
    with pytest.raises(ExportError, match=r"The package tensorrt cannot be used here .* built on the machine that serves"):
        build_plans([MODEL], tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


@pytest.mark.skipif(find_spec("tensorrt_rtx") is not None, reason="tensorrt-rtx is installed here.")
def test_without_the_extra_it_is_said_how_to_install_it(network, tmp_path: Path):
    with pytest.raises(ExportError, match=r"tensorrt_rtx cannot be used here .*\.\[tensorrt\]"):
        parser_check([MODEL], tmp_path)


def _nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str, status: int = 0) -> None:
    """A program of that name which says something, alone on PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{says}\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_a_gpu_it_is_said_where_plans_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"No NVIDIA GPU answers here .*nvidia-smi"):
        plans.gpu_and_driver()
    _nvidia_smi(tmp_path, monkeypatch, "echo 'No devices were found'", 6)
    with pytest.raises(ExportError, match="No NVIDIA GPU answers here"):
        plans.gpu_and_driver()
    _nvidia_smi(tmp_path, monkeypatch, ":")
    with pytest.raises(ExportError, match="lists none"):
        plans.gpu_and_driver()
    _nvidia_smi(tmp_path, monkeypatch, "echo 'NVIDIA A10, 550.54.15'; echo 'NVIDIA T4, 550.54.15'")
    assert plans.gpu_and_driver() == ("NVIDIA A10", "550.54.15")


def test_a_plan_is_recorded_and_built_again_only_for_another_gpu_driver_tensorrt_or_damage(network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bookkeeping alone: TensorRT stands in as a version and a builder that counts."""
    built = []
    library = SimpleNamespace(__version__="10.5.0")
    monkeypatch.setattr(plans, "tensorrt_module", lambda name, remedy: library)
    monkeypatch.setattr(plans, "build_engine", lambda trt, graph, contract: built.append(contract.model) or b"plan %d" % len(built))
    _nvidia_smi(tmp_path / "bin", monkeypatch, "echo 'NVIDIA A10, 550.54.15'")
    to = tmp_path / "plans"
    (plan,) = build_plans([MODEL], to)
    assert build_plans([MODEL], to) == [plan] == plans.read_manifest(to)
    assert len(built) == 1
    assert (plan.tensorrt, plan.gpu, plan.driver, plan.bytes) == ("10.5.0", "NVIDIA A10", "550.54.15", 6)
    assert (to / MODEL / "1" / "model.plan").read_bytes() == b"plan 1"
    assert parse_contract((to / MODEL / "config.pbtxt").read_text(), MODEL).parameters["weights_sha256"] == plan.weights_sha256

    (to / MODEL / "1" / "model.plan").write_bytes(b"damaged")
    build_plans([MODEL], to)
    library.__version__ = "10.6.0"
    build_plans([MODEL], to)
    _nvidia_smi(tmp_path / "bin", monkeypatch, "echo 'NVIDIA A10, 570.0'")
    build_plans([MODEL], to)
    _nvidia_smi(tmp_path / "bin", monkeypatch, "echo 'NVIDIA T4, 570.0'")
    assert build_plans([MODEL], to)[0].gpu == "NVIDIA T4"
    assert len(built) == 5
    (to / "manifest.json").write_text('{"plans": [{}]}')
    with pytest.raises(ExportError, match=r"manifest\.json of the plans cannot be read"):
        build_plans([MODEL], to)


@needs_parser
def test_the_parser_takes_the_graph_and_builds_it_ahead_of_time(network, tmp_path: Path):
    (row,) = parser_check([MODEL], tmp_path, ["SM86"])
    assert not row.refusal
    assert row.engine_bytes > row.graph_bytes > 100_000


@needs_parser
@pytest.mark.parametrize(("broken", "told"), [("operator", "node Odd, operator Unique"), ("bytes", "Failed to parse the ONNX model")])
def test_a_graph_that_the_parser_refuses_is_told_by_its_node(broken, told, network, tmp_path: Path):
    import tensorrt_rtx

    graph = onnx.load(export_half(MODEL, tmp_path))
    node = next(node for node in graph.graph.node if node.op_type == "Relu")
    node.op_type, node.name = "Unique", "Odd"
    content = graph.SerializeToString() if broken == "operator" else b"junk"
    with pytest.raises(ExportError, match=f"does not take the graph of smaat_unet: .*{told}"):
        build_engine(tensorrt_rtx, content, declared_contract(MODEL), ["SM86"])
