"""The canary's question and answer."""

from itertools import permutations

import numpy as np
import pytest
import tiny_models

from stormcycle.serving import ModelBrokenError
from stormcycle.serving.canary import TOLERANCE, canary_answer, canary_question, check_canary
from stormcycle.serving.contract import Contract, Tensor, parse_contract

CONTRACT = parse_contract(tiny_models.config_text("tiny"), "tiny")


def answer_of(weights: np.ndarray) -> list[float]:
    return canary_answer(tiny_models.in_process(tiny_models.network(weights, {}), canary_question(CONTRACT)))


def test_the_question_is_what_the_model_takes_and_always_the_same() -> None:
    question, again = canary_question(CONTRACT), canary_question(CONTRACT)
    assert {name: (values.shape, values.dtype.name) for name, values in question.items()} == {
        "frames": ((1, 4, 64, 64), "float32"),
        "mask": ((1, 1, 64, 64), "float32"),
    }
    assert all((question[name] == again[name]).all() for name in question)
    assert question["frames"].min() >= 0 and question["frames"].max() <= 50
    assert set(np.unique(question["mask"])) == {0.0, 1.0}


def test_no_two_channels_and_no_mirror_of_the_question_are_alike() -> None:
    frames = canary_question(CONTRACT)["frames"][0]
    for one in range(4):
        assert all(np.abs(frames[one] - frames[other]).max() > 10 for other in range(one))
        for mirrored in (frames[one][::-1], frames[one][:, ::-1], frames[one].T, frames[one][::-1, ::-1]):
            assert np.abs(frames[one] - mirrored).max() > 10


def test_every_permutation_of_the_channels_changes_the_answer_beyond_the_tolerance() -> None:
    weights = tiny_models.weights_of(1)
    right = answer_of(weights)
    check_canary("tiny", tiny_models.in_process(tiny_models.network(weights, {}), canary_question(CONTRACT)), right)
    orders = [weights[:, order] for order in permutations(range(5))][1:] + [weights[order, :] for order in map(list, permutations(range(3)))][1:]
    for spoiled in (*orders, weights[..., ::-1], weights[..., ::-1, :], weights.swapaxes(2, 3)):
        with pytest.raises(ModelBrokenError, match="answers the canary wrongly"):
            check_canary("tiny", tiny_models.in_process(tiny_models.network(np.ascontiguousarray(spoiled), {}), canary_question(CONTRACT)), right)


def test_half_precision_stays_within_the_tolerance() -> None:
    weights = tiny_models.weights_of(1)
    right, half = np.array(answer_of(weights)), np.array(answer_of(weights.astype("float16").astype("float32")))
    assert 0 < np.abs(right - half).max() < 0.1 * TOLERANCE * np.abs(right).max()


def test_every_channel_of_the_answer_is_looked_at() -> None:
    wide = np.arange(40.0)[np.newaxis, :, np.newaxis, np.newaxis] * np.ones((1, 40, 8, 8))
    assert sorted(canary_answer({"wide": wide})) == list(range(40))
    assert len(canary_answer({"one": np.ones((1, 1, 64, 64))})) == 12


def test_the_answer_is_in_order_of_the_outputs_names() -> None:
    outputs = {"b": np.full((1, 2, 4, 4), 2.0), "a": np.full((1, 2, 4, 4), 1.0)}
    assert canary_answer(outputs) == [1.0] * 12 + [2.0] * 12


def test_models_of_other_shapes_have_a_question_too() -> None:
    contract = Contract("other", (Tensor("image", "FP16", (-1, 3, 96, -1)), Tensor("hour", "INT64", (-1, 2))), ())
    question = canary_question(contract)
    assert question["image"].shape == (1, 3, 96, 64) and question["image"].dtype == "float16"
    assert question["hour"].shape == (1, 2) and question["hour"].dtype == "int64"


@pytest.mark.parametrize("found", [[1.0, 2.0], [1.0, 2.0, float("nan")], [1.0, 2.0, 3.1]])
def test_too_few_values_nan_and_another_value_are_wrong(found: list[float]) -> None:
    outputs = {"one": np.array(found * 12)[np.newaxis, :, np.newaxis]}
    with pytest.raises(ModelBrokenError):
        check_canary("tiny", outputs, [1.0, 2.0, 3.0] * 12)
