"""Weights from a safetensors file into a network, every tensor in its place. Never pickle: weights are data."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

NAMED = 3
"""How many differing tensors an error names."""


class WeightsError(ValueError):
    """Weights that cannot be read, or are those of another architecture."""


def filled(network: nn.Module, path: Path, model: str) -> nn.Module:
    """A network with the weights of a file, of the model named. Raises WeightsError."""
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise WeightsError(
            f"The weights of {model} are no safetensors file: {error}. Restore weights.safetensors from the repository, or train again."
        ) from None
    differing = _differing(network.state_dict(), found)
    if differing:
        more = f"; and {len(differing) - NAMED} tensors more" if len(differing) > NAMED else ""
        raise WeightsError(f"The weights of {model} are those of another architecture than its card's: {'; '.join(differing[:NAMED])}{more}.")
    network.load_state_dict(found)
    return network


def _differing(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> list[str]:
    """What differs between two sets of tensors, a phrase a tensor, in the network's order."""
    lacking = [f"{key} is not in the file" for key in expected if key not in found]
    shapes = [
        f"{key} has shape {tuple(found[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in found and found[key].shape != tensor.shape
    ]
    return lacking + shapes + [f"{key} is not in the network" for key in found if key not in expected]
