"""Norms that the blocks share."""

import torch
from torch import nn

GROUPS = 4


def norm(channels: int, kind: str) -> nn.Module:
    """A norm of feature maps: `batch` (the paper's) or `group`, for small batches and dry fields, whose variances collapse.

    Raises ValueError for another kind.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)
    if kind == "group":
        return nn.GroupNorm(GROUPS, channels)
    raise ValueError(f"There is no norm {kind!r}; known are batch and group.")


def channels_last(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """A layer that works on the last axis (LayerNorm) on maps (n, c, y, x)."""
    return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def by_group(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Maps (n, c, y, x) as (n, group, c / groups, y, x); `unflatten` would freeze every size in an exported graph."""
    fields, channels, rows, columns = x.shape
    return x.reshape(fields, groups, channels // groups, rows, columns)


def double(channels: int, out: int, kind: str) -> nn.Sequential:
    """Two 3x3 convolutions, each with its norm and ReLU."""
    return nn.Sequential(single(channels, out, kind), single(out, out, kind))


def single(channels: int, out: int, kind: str) -> nn.Sequential:
    """A 3x3 convolution with its norm and ReLU."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), norm(out, kind), nn.ReLU())
