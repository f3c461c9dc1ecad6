"""What a model's sources declare: card, configuration, weights."""

from pathlib import Path

import numpy as np
import pytest
import tiny_models
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from stormcycle.serving import Card, CardError, MismatchedModelError, ServingError, Tensor, check_weights, declared_contract, model_names, read_card
from stormcycle.serving.contract import check_served, parse_contract

SHIPPED = Path(__file__).parents[3] / "model_repository"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the declared model `tiny`."""
    monkeypatch.setenv("STORMCYCLE_MODELS", str(tmp_path))
    return tiny_models.declare(tmp_path, "tiny")


def test_a_contract_is_what_the_configuration_says(model: Path) -> None:
    contract = declared_contract("tiny")
    assert contract.inputs == (Tensor("frames", "FP32", (-1, 4, -1, -1)), Tensor("mask", "FP32", (-1, 1, -1, -1)))
    assert contract.outputs == (Tensor("change", "FP32", (-1, 3, -1, -1)),)
    assert contract.channels("frames") == ["zh-18", "zh-12", "zh-6", "zh-0"] and contract.parameters["intra_op_thread_count"] == "1"
    assert model_names() == ["tiny"]


def test_tritons_own_batches_are_an_axis_of_the_shape() -> None:
    text = tiny_models.config_text("tiny").replace("max_batch_size: 0", "max_batch_size: 4").replace("-1, 4, -1, -1", "4, -1, -1")
    assert parse_contract(text, "tiny").inputs[0].shape == (-1, 4, -1, -1)


@pytest.mark.parametrize(("shape", "fits"), [((2, 4, 8, 9), True), ((2, 3, 8, 9), False), ((4, 8, 9), False)])
def test_a_shape_fits_where_fixed_lengths_agree(shape: tuple[int, ...], fits: bool) -> None:
    assert Tensor("frames", "FP32", (-1, 4, -1, -1)).fits(shape) is fits


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ('name: "tiny"', 'name: "other"', "is that of other"),
        ("dims: [ -1, 4, -1, -1 ]", "dims: [ -1, 5, -1, -1 ]", "does not have the 4 channels"),
        ("zh-18 zh-12", "zh-12 zh-18", "on its card"),
        ('name: "mask"', 'name: "disc"', "has the tensors change, disc, frames"),
        ("input [", "input (", "cannot be read"),
        ("backend:", "no_such_field:", "cannot be read"),
    ],
)
def test_a_configuration_that_is_not_its_cards_is_refused(model: Path, was: str, becomes: str, words: str) -> None:
    path = model / "config.pbtxt"
    path.write_text(path.read_text().replace(was, becomes))
    with pytest.raises(MismatchedModelError, match=words):
        declared_contract("tiny")


def test_a_card_without_a_configuration_is_refused(model: Path) -> None:
    (model / "config.pbtxt").unlink()
    with pytest.raises(MismatchedModelError, match=r"no config\.pbtxt beside it"):
        declared_contract("tiny")


def test_a_card_of_other_weights_is_refused(model: Path) -> None:
    check_weights(read_card("tiny"))
    with (model / "weights.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(CardError, match="not that of its weights"):
        check_weights(read_card("tiny"))
    (model / "weights.safetensors").unlink()
    with pytest.raises(CardError, match=r"no weights\.safetensors"):
        check_weights(read_card("tiny"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# A card\n", "does not begin with"),
        ("---\nmodel: tiny\n", "does not begin with"),
        ("---\nmodel: [tiny\n---\n", "is not valid"),
        ("---\nmodel: tiny\n---\n", "is not valid"),
        ("---\nmodel: tiny\nweights_sha256: !!python/object/apply:os.getcwd []\n---\n", "is not valid"),
    ],
)
def test_a_broken_card_is_a_sentence(model: Path, text: str, words: str) -> None:
    (model / "CARD.md").write_text(text)
    with pytest.raises(CardError, match=words):
        read_card("tiny")


def test_a_card_in_anothers_folder_is_refused(model: Path) -> None:
    tiny_models.write_card(model, {**tiny_models.card_of(model), "model": "other"})
    with pytest.raises(CardError, match="is that of other"):
        read_card("tiny")


def test_a_model_that_nobody_declared_is_named_with_those_that_are(model: Path) -> None:
    with pytest.raises(ServingError, match="known are: tiny"):
        declared_contract("mrkan")


def test_what_a_server_tells_is_held_against_declaration_and_card(model: Path) -> None:
    card, declared = read_card("tiny"), declared_contract("tiny")
    parameter = f'parameters {{ key: "weights_sha256" value {{ string_value: "{card.weights_sha256}" }} }}'
    text = tiny_models.config_text("tiny") + parameter
    check_served(parse_contract(text, "tiny"), declared, card)
    for was, becomes, words in (
        ("zh+6 zh+12", "zh+12 zh+6", "declared are zh\\+6"),
        ("TYPE_FP32 dims: [ -1, 1", "TYPE_FP16 dims: [ -1, 1", "mask FP16"),
        ("[ -1, 3, -1, -1 ]", "[ -1, 4, -1, -1 ]", "outputs change"),
        (card.weights_sha256, "0" * 64, "other weights \\(000000000000\\)"),
        (parameter, "", "none named"),
    ):
        with pytest.raises(MismatchedModelError, match=words):
            check_served(parse_contract(text.replace(was, becomes), "tiny"), declared, card)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/config.pbtxt")), ids=lambda path: path.parent.name)
def test_every_shipped_configuration_declares_its_channels(path: Path) -> None:
    contract = parse_contract(path.read_text(), path.parent.name)
    assert all(len(contract.channels(tensor.name)) == tensor.shape[1] for tensor in contract.tensors)
    planned = path.parent / "configs" / "tensorrt.pbtxt"
    if not planned.is_file():
        assert path.parent.name == "radar_operator"  # served for monitoring alone
        return
    plan = text_format.Parse(planned.read_text(), model_config_pb2.ModelConfig())
    assert plan.platform == "tensorrt_plan" and [one.name for one in plan.input] == [one.name for one in contract.inputs]


def test_hours_of_our_own_releases_are_in_sample_with_what_they_forecast() -> None:
    hours = "demo 2026-07-01T03:00Z to 2026-07-01T06:00:00Z"
    card = Card.model_construct(trained_on=["nju_cpol_005", hours], chosen_on=[], channels={})
    seen = [hour for hour in range(24) if card.saw_hour("demo", np.datetime64(f"2026-07-01T{hour:02d}:00", "s"))]
    assert seen == [2, 3, 4, 5, 6]
    assert not card.saw_hour("khtx", np.datetime64("2026-07-01T04:00", "s"))


def test_a_card_says_which_probabilities_a_model_tells() -> None:
    card = read_card("smaat_unet")
    assert card.thresholds == []
    told = [f"zh>={threshold}+{minutes}" for threshold in ("20", "37.5") for minutes in (6, 12)]
    assert card.model_copy(update={"channels": {**card.channels, "exceedance": told}}).thresholds == [20.0, 37.5]
