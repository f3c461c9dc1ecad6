"""MSFF (paper, section 3.5): channel, self- and spatial attention on the three branches, and their fusion."""

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.norms import channels_last, norm

REDUCTION, LEAST_HIDDEN = 16, 4
KERNELS = (3, 5, 7, 9)


class ChannelAttention(nn.Module):
    """A gate a channel from the field's mean and maximum: (n, c, y, x) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // REDUCTION, LEAST_HIDDEN)
        self.gate = nn.Sequential(nn.Conv2d(channels, hidden, 1, bias=False), nn.ReLU(), nn.Conv2d(hidden, channels, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)) + self.gate(x.amax((2, 3), keepdim=True)))


class SelfAttention(nn.Module):
    """Every pixel looks at every other, or at means of `pool` x `pool` of them (memory is tokens^2 / pool^2): (n, c, y, x) to the same."""

    def __init__(self, channels: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.query, self.key, self.value = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        source = functional.avg_pool2d(x, self.pool) if self.pool > 1 else x
        query, key, value = (layer(field).flatten(2).transpose(1, 2) for layer, field in ((self.query, x), (self.key, source), (self.value, source)))
        weights = torch.softmax(torch.matmul(query * key.shape[-1] ** -0.5, key.transpose(1, 2)), -1)
        return torch.matmul(weights, value).transpose(1, 2).reshape(x.shape)


class SpatialAttention(nn.Module):
    """A gate a row and a gate a column, from the means along the other axis, with kernels of 3, 5, 7 and 9 in four groups of channels:
    (n, c, y, x) to the same. Both axes share the weights (the SMSA of SCSA, Si et al. 2024, arXiv 2407.05128).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // len(KERNELS)
        self.parts = nn.ModuleList([nn.Sequential(nn.Conv1d(part, part, k, padding=k // 2, groups=part), nn.Conv1d(part, part, 1)) for k in KERNELS])
        self.norm = nn.GroupNorm(len(KERNELS), channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x * self._gate(x.mean(3))[:, :, :, None] * self._gate(x.mean(2))[:, :, None]

    def _gate(self, line: torch.Tensor) -> torch.Tensor:
        looked = [layer(group) for layer, group in zip(self.parts, line.chunk(len(KERNELS), 1), strict=True)]
        return torch.sigmoid(self.norm(torch.cat(looked, 1)))


class MSFF(nn.Module):
    """A layer's input x and its global, mesoscale and local branches, each (n, c, y, x), to one field of the same shape.

    Channel attention on the global, self-attention on the mesoscale, spatial attention on the local branch; LayerNorm, grouped 3x3 convolution and GELU
    onto x; then x + reduce(GELU(expand(norm(x)))). Kernel and ratio of the last, and its residual, are ours.
    """

    def __init__(self, channels: int, pool: int, fuse_groups: int, ratio: int, kernel: int, kind: str) -> None:
        super().__init__()
        self.channel, self.self_attention, self.spatial = ChannelAttention(channels), SelfAttention(channels, pool), SpatialAttention(channels)
        self.norm = nn.LayerNorm(3 * channels)
        self.fuse = nn.Conv2d(3 * channels, channels, 3, padding=1, groups=fuse_groups)
        self.out_norm = norm(channels, kind)
        self.expand = nn.Conv2d(channels, ratio * channels, kernel, padding=kernel // 2)
        self.reduce = nn.Conv2d(ratio * channels, channels, kernel, padding=kernel // 2)

    def forward(self, x: torch.Tensor, whole: torch.Tensor, mesoscale: torch.Tensor, local: torch.Tensor) -> torch.Tensor:
        """See the class."""
        looked = torch.cat([self.channel(whole), self.self_attention(mesoscale), self.spatial(local)], 1)
        joined = x + functional.gelu(self.fuse(channels_last(self.norm, looked)))
        return joined + self.reduce(functional.gelu(self.expand(self.out_norm(joined))))
