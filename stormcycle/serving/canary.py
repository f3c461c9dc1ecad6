"""The canary: one small question whose right answer stands on a model's card, asked before a cycle trusts a model.

It notices what names, shapes and metadata cannot: a process that is dead behind a model that says ready, permuted
weights, a library that computes something else.
"""

import numpy as np

from stormcycle.serving.contract import FREE, NUMPY_TYPES, Contract, Tensor
from stormcycle.serving.errors import ModelBrokenError

SIZE = 64
PIXELS = 12
"""Values a tensor that are looked at, at least; each channel is looked at once at least."""
TOLERANCE = 0.02
"""Of the answer's largest value: half precision stays within it, another order of channels does not."""
MASKS = ("observed", "mask", "present")
"""Channels whose meaning begins so hold 0 or 1; all others 0 to 50, which dBZ do, and a network takes for any field."""
GOLDEN = (5**0.5 - 1) / 2


def canary_question(contract: Contract, size: int = SIZE) -> dict[str, np.ndarray]:
    """The question: for each input an array of its type, one sample, free axes `size` long.

    By formula, and alike neither in two channels nor along rows and columns nor under a mirror, so that no permutation gives the same answer.
    """
    return {tensor.name: _pattern(tensor, contract.channels(tensor.name), size) for tensor in contract.inputs}


def _pattern(tensor: Tensor, channels: list[str], size: int) -> np.ndarray:
    shape = [1, *(size if length == FREE else length for length in tensor.shape[1:])]
    channel, *places = np.meshgrid(*(np.arange(length, dtype="float64") for length in shape[1:]), indexing="ij")
    phase = sum((0.23 - 0.09 * axis) * (1 + 0.05 * channel) * place for axis, place in enumerate(places)) + 0.7 * channel + 0.11 * channel**2
    waves = 0.5 + 0.25 * np.sin(phase) + 0.25 * np.sin(0.37 * phase + 1.0)
    if channels:
        masks = np.array([word.startswith(MASKS) for word in channels]).reshape(-1, *[1] * len(places))
        values = np.where(masks, waves > 0.3, 50.0 * waves)
    else:
        values = 50.0 * waves
    return values[np.newaxis].astype(NUMPY_TYPES[tensor.datatype])


def canary_answer(outputs: dict[str, np.ndarray]) -> list[float]:
    """The answer: some fixed values of each output (in order of name), spread over its channels and places."""
    return [value for name in sorted(outputs) for value in _picked(outputs[name])]


def _picked(output: np.ndarray) -> list[float]:
    places = output[0].reshape(output.shape[1], -1)
    count = max(PIXELS, len(places))
    channels = np.arange(count) * len(places) // count
    where = (np.arange(1, count + 1) * GOLDEN % 1.0 * places.shape[1]).astype(int)
    return [round(float(value), 6) for value in places[channels, where]]


def check_canary(model: str, outputs: dict[str, np.ndarray], expected: list[float]) -> None:
    """Raise ModelBrokenError unless a model's answer is its card's, within TOLERANCE."""
    found = np.array(canary_answer(outputs))
    if len(found) != len(expected):
        raise ModelBrokenError(f"{model} answers the canary with {len(found)} values, its card names {len(expected)}.")
    limit = TOLERANCE * float(np.abs(expected).max())
    apart = float(np.abs(found - expected).max())
    if not apart <= limit:
        raise ModelBrokenError(f"{model} answers the canary wrongly: it is {apart:.3g} off its card, {limit:.3g} is allowed.")
