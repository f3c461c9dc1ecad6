"""The served repository: graphs that answer as torch does, made once, of the weights that the card names."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stormcycle.cycle.digests import file_digest
from stormcycle.export import ExportError, export_model
from stormcycle.export.graph import float_graph, free_axes
from stormcycle.serving import CardError, ServingError, read_card
from stormcycle.serving.cards import SHIPPED
from stormcycle.serving.contract import Contract, Tensor, declared_contract, parse_contract

MODEL = "smaat_unet"


def test_the_graph_answers_as_torch_does_for_other_sizes_and_batches(network, tmp_path: Path, rng):
    session = onnxruntime.InferenceSession(export_model(MODEL, tmp_path / "served").graph)
    for shape in ((1, 64, 64), (2, 96, 160)):
        frames = rng.uniform(0, 60, (shape[0], 10, *shape[1:])).astype("float32")
        mask = (rng.uniform(size=(shape[0], 1, *shape[1:])) > 0.1).astype("float32")
        (found,) = session.run(["residual"], {"frames": frames, "mask": mask})
        with torch.no_grad():
            expected = network(torch.from_numpy(frames), torch.from_numpy(mask)).numpy()
        assert np.abs(expected).max() > 1.0
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_metadata_and_configuration_name_the_weights_and_every_channel(network, tmp_path: Path):
    made = export_model(MODEL, tmp_path / "served")
    declared = declared_contract(MODEL)
    wanted = {"weights_sha256": file_digest(tmp_path / "models" / MODEL / "weights.safetensors")}
    wanted |= {f"channels.{tensor.name}": " ".join(declared.channels(tensor.name)) for tensor in declared.tensors}
    assert {entry.key: entry.value for entry in onnx.load(made.graph).metadata_props} == wanted
    served = parse_contract((tmp_path / "served" / MODEL / "config.pbtxt").read_text(), MODEL)
    assert served.parameters == {**wanted, "intra_op_thread_count": "1"}
    assert served.tensors == declared.tensors


def test_two_exports_are_the_same_bytes(network, tmp_path: Path):
    first, second = (export_model(MODEL, tmp_path / name) for name in ("one", "two"))
    assert first.made
    assert second.made
    assert first.graph.read_bytes() == second.graph.read_bytes()


def _other_configuration(models: Path, served: Path) -> None:
    path = models / MODEL / "config.pbtxt"
    path.write_text(path.read_text().replace('string_value: "1"', 'string_value: "2"'))


def _cut_graph(models: Path, served: Path) -> None:
    path = served / MODEL / "1" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-100])


def _no_graph(models: Path, served: Path) -> None:
    shutil.rmtree(served / MODEL / "1")


def _edited_configuration(models: Path, served: Path) -> None:
    (served / MODEL / "config.pbtxt").write_text("name: 'other'")


def _cut_marker(models: Path, served: Path) -> None:
    (served / MODEL / "export.json").write_text('{"card')


def test_a_model_that_is_there_is_left_alone(network, tmp_path: Path):
    first = export_model(MODEL, tmp_path / "served")
    before = first.graph.stat().st_mtime_ns
    second = export_model(MODEL, tmp_path / "served")
    assert (first.made, second.made) == (True, False)
    assert second.graph == first.graph
    assert first.graph.stat().st_mtime_ns == before


@pytest.mark.parametrize("change", [_other_configuration, _cut_graph, _no_graph, _edited_configuration, _cut_marker])
def test_what_is_not_as_it_would_be_made_is_made_again(change, network, models: Path, tmp_path: Path):
    served = tmp_path / "served"
    export_model(MODEL, served)
    change(models, served)
    assert export_model(MODEL, served).made
    onnx.checker.check_model(onnx.load(served / MODEL / "1" / "model.onnx"))
    assert not export_model(MODEL, served).made


def test_other_weights_make_another_graph(random_network, shipped, tmp_path: Path):
    shipped(random_network(1))
    first = export_model(MODEL, tmp_path / "served").graph.read_bytes()
    card = shipped(random_network(2))
    again = export_model(MODEL, tmp_path / "served")
    assert again.made
    assert again.graph.read_bytes() != first
    assert card.weights_sha256 in (tmp_path / "served" / MODEL / "config.pbtxt").read_text()


def test_what_is_there_is_found_without_torch(network, models: Path, tmp_path: Path):
    export_model(MODEL, tmp_path / "served")
    lines = f"""
import sys
from pathlib import Path
from stormcycle.export import export_model
assert not export_model("{MODEL}", Path("{tmp_path / "served"}")).made
assert "torch" not in sys.modules, "torch was imported"
"""
    subprocess.run([sys.executable, "-c", lines], check=True, env={**os.environ, "STORMCYCLE_MODELS": str(models)})


def _replace_weights(models: Path, content: bytes) -> None:
    """Put other bytes in place of the weights, and their digest on the card."""
    path = models / MODEL / "weights.safetensors"
    before = file_digest(path)
    path.write_bytes(content)
    card = models / MODEL / "CARD.md"
    card.write_text(card.read_text().replace(before, file_digest(path)))


def test_weights_of_another_architecture_are_told_by_their_first_tensors(random_network, shipped, tmp_path: Path):
    shipped(random_network(1))
    graph = export_model(MODEL, tmp_path / "served").graph
    before = graph.read_bytes()
    shipped(random_network(1, width=32))
    with pytest.raises(
        ExportError, match=r"another architecture than its card's: .*encoders\.0\.0\.1\.weight has shape \(32, 88, 1, 1\), not \(16.*tensors more"
    ):
        export_model(MODEL, tmp_path / "served")
    assert graph.read_bytes() == before


def test_a_tensor_too_few_and_one_too_many_are_named(network, models: Path, tmp_path: Path):
    tensors = load_file(models / MODEL / "weights.safetensors")
    tensors["head.offset"] = tensors.pop("head.bias")
    save_file(tensors, tmp_path / "renamed.safetensors")
    _replace_weights(models, (tmp_path / "renamed.safetensors").read_bytes())
    with pytest.raises(ExportError, match=r": head\.bias is not in the file; head\.offset is not in the network\.$"):
        export_model(MODEL, tmp_path / "served")


class Dangerous:
    def __reduce__(self):
        return os.mkdir, ("was_unpickled",)


@pytest.mark.parametrize("content", ["cut", "empty", "pickle"])
def test_what_is_no_safetensors_is_refused_and_never_unpickled(content, network, models: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = (models / MODEL / "weights.safetensors").read_bytes()
    _replace_weights(models, {"cut": whole[:-1000], "empty": b"", "pickle": pickle.dumps(Dangerous())}[content])
    with pytest.raises(ExportError, match="are no safetensors file"):
        export_model(MODEL, tmp_path / "served")
    assert not (tmp_path / "was_unpickled").exists()
    assert not (tmp_path / "served").exists()


def test_the_card_of_other_weights_is_refused(random_network, shipped, models: Path, tmp_path: Path):
    shipped(random_network(1))
    card = (models / MODEL / "CARD.md").read_text()
    shipped(random_network(2))
    (models / MODEL / "CARD.md").write_text(card)
    with pytest.raises(CardError, match="is not that of its weights"):
        export_model(MODEL, tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_a_card_whose_canary_is_not_that_of_its_weights_is_refused(network, models: Path, tmp_path: Path):
    card = models / MODEL / "CARD.md"
    first = read_card(MODEL).canary[0]
    card.write_text(card.read_text().replace(f"- {first}\n", f"- {first + 1}\n"))
    with pytest.raises(ServingError, match="answers the canary wrongly"):
        export_model(MODEL, tmp_path / "served")


@pytest.mark.parametrize(("architecture", "told"), [("network: unet", "There is no network 'unet'"), ("network: smaat_unet\n  depth: 3", "'depth'")])
def test_an_architecture_that_nobody_knows_is_told(architecture, told, network, models: Path, tmp_path: Path):
    card = models / MODEL / "CARD.md"
    card.write_text(card.read_text().replace("network: smaat_unet", architecture))
    with pytest.raises(ExportError, match=f"cannot be built.*{told}"):
        export_model(MODEL, tmp_path / "served")


class Frozen(nn.Module):
    """A network that freezes the size it was traced with: a mask of so many columns."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        columns = torch.from_numpy(np.linspace(0, 1, int(frames.shape[-1]), dtype="float32"))
        return frames * columns


class Drawing(nn.Module):
    """A network whose answers are drawn anew each time."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return frames + torch.rand_like(frames)


@pytest.mark.parametrize(("wrong", "told"), [(Frozen(), "ONNX Runtime"), (Drawing(), "differs from the network by")])
def test_a_graph_that_does_not_answer_as_its_network_is_refused(wrong, told):
    tensor = ("FP32", (-1, 2, -1, -1))
    contract = Contract("wrong", (Tensor("frames", *tensor),), (Tensor("residual", *tensor),), {"channels.frames": "a b", "channels.residual": "a b"})
    with pytest.raises(ExportError, match=told):
        float_graph(wrong, contract, {})


class Pair(nn.Module):
    """Two inputs, one of them fixed, and two outputs, one of them twice as fine."""

    def forward(self, frames: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        changed = frames * step
        return changed, nn.functional.interpolate(changed[:, :1], scale_factor=2.0)


def test_a_network_of_other_tensors_is_exported_by_its_contract():
    inputs = (Tensor("frames", "FP32", (-1, 3, -1, -1)), Tensor("step", "FP32", (-1, 1, 1, 1)))
    outputs = (Tensor("changed", "FP32", (-1, 3, -1, -1)), Tensor("finer", "FP32", (-1, 1, -1, -1)))
    graph = float_graph(Pair(), Contract("pair", inputs, outputs, {}), {"b": "2", "a": "1"})
    told = {
        value.name: [length.dim_param or length.dim_value for length in value.type.tensor_type.shape.dim] for value in (*graph.graph.input, *graph.graph.output)
    }
    assert told == {
        "frames": ["n", 3, "y", "x"],
        "step": ["n", 1, 1, 1],
        "changed": ["n", 3, "changed_y", "changed_x"],
        "finer": ["n", 1, "finer_y", "finer_x"],
    }
    assert [(entry.key, entry.value) for entry in graph.metadata_props] == [("a", "1"), ("b", "2")]
    assert free_axes(Tensor("time", "FP32", (-1, 1))) == {0: "n"}


def test_both_configurations_of_every_model_tell_the_same_tensors_and_channels():
    models = sorted(path.parents[1].name for path in SHIPPED.glob("*/configs/tensorrt.pbtxt"))
    assert models
    for model in models:
        served, plan = (parse_contract((SHIPPED / model / name).read_text(), model) for name in ("config.pbtxt", "configs/tensorrt.pbtxt"))
        assert served.tensors == plan.tensors
        assert [served.channels(tensor.name) for tensor in served.tensors] == [plan.channels(tensor.name) for tensor in plan.tensors]
