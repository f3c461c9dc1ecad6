"""What is checked before anything is sent, and sentences without the host's paths."""

import numpy as np
import pytest
import tiny_models

from stormcycle.serving import BadTensorError, ServerDownError, infer, is_live, patiently
from stormcycle.serving.client import address
from stormcycle.serving.contract import parse_contract
from stormcycle.serving.errors import without_paths

CONTRACT = parse_contract(tiny_models.config_text("tiny"), "tiny")
NOWHERE = "127.0.0.1:1"
"""A port where nobody listens: what reaches the network fails with another error."""


def with_frames(frames: np.ndarray) -> dict[str, np.ndarray]:
    return {**tiny_models.fields(), "frames": frames}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (with_frames(np.full((1, 4, 64, 64), np.nan, "float32")), "16384 values that are not finite"),
        (with_frames(np.full((1, 4, 64, 64), np.inf, "float32")), "not finite"),
        (with_frames(np.zeros((1, 3, 64, 64), "float32")), r"takes frames FP32\[-1,4,-1,-1\], not float32\[1, 3, 64, 64\]"),
        (with_frames(np.zeros((4, 64, 64), "float32")), "not float32"),
        (with_frames(np.zeros((1, 4, 64, 64))), "not float64"),
        ({"frames": tiny_models.fields()["frames"]}, "takes frames, mask, not frames"),
        ({}, "not nothing"),
    ],
)
def test_what_the_model_does_not_take_is_refused_before_anything_is_sent(inputs: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(BadTensorError, match=words):
        infer(NOWHERE, CONTRACT, inputs, 1.0)


def test_where_nobody_listens_the_server_is_down() -> None:
    assert not is_live(NOWHERE)
    with pytest.raises(ServerDownError, match=r"No Triton server answers"):
        patiently(f"grpc://{NOWHERE}", seconds=0.2)
    with pytest.raises(ServerDownError):
        infer(f"http://{NOWHERE}/", CONTRACT, tiny_models.fields(), 2.0)


def test_a_scheme_before_the_address_does_no_harm() -> None:
    assert {address(url) for url in ("triton:8001", "grpc://triton:8001", "http://triton:8001/")} == {"triton:8001"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("failed: /srv/somebody/models/a/1/model.onnx is\nbroken", "failed: model.onnx is broken"),
        ("load '/srv/some body/x' (/a/b)", "load 'some body/x' (b)"),
        ("3/4 of n/a at http://host/x", "3/4 of n/a at http://host/x"),
    ],
)
def test_sentences_keep_the_last_part_of_a_path_only(text: str, said: str) -> None:
    assert without_paths(text) == said
