"""Small operators of the tests: a smooth one in float64, and a random linear one with its closed form."""

import torch

from stormcycle.assimilation.operator import Operator, differentiable


def smooth(channels: int = 3, seed: int = 0) -> Operator:
    """Fields (channel, y, x) to (y, x) by a smooth nonlinear function of all channels and their neighbours."""
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(4, channels, 3, 3, generator=generator, dtype=torch.float64) * 0.3
    mix = torch.randn(1, 4, 1, 1, generator=generator, dtype=torch.float64)
    conv = torch.nn.functional.conv2d
    return differentiable(lambda state: 10.0 * conv(torch.nn.functional.silu(conv(state[None], kernel, padding=1)), mix)[0, 0])


def linear(matrix: torch.Tensor, shape: tuple[int, int]) -> Operator:
    """A linear operator of the whole state: matrix (observations, channel * y * x), its value of a shape (y, x)."""
    return differentiable(lambda state: (matrix @ state.flatten()).reshape(shape))
