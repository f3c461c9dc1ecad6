"""The encoder and decoder around MRKAN's layers, and its sizes."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.layer import BLOCKS, Layer, LayerSize
from stormcycle.networks.mrkan.norms import double, single


@dataclass(frozen=True)
class Size:
    """How large a network is: channels of the stems before the first layer, of the layers, of the features at full resolution."""

    stems: tuple[int, ...]
    dims: tuple[int, ...]
    full: int
    pools: tuple[int, ...]
    """Width of the means that self-attention looks at, a layer."""
    layer: LayerSize = field(default_factory=LayerSize)


SMALL = LayerSize(states=8, expand=1.0, fuse_groups=4, kernel=1, norm="group")
SIZES = {
    "paper": Size((96,), (96, 192, 384, 768), 96, (1, 1, 1, 1)),
    "small": Size((24,), (32, 48, 64, 72), 24, (4, 2, 1, 1), SMALL),
    "moving": Size((24,), (48, 64, 76), 24, (2, 1, 1), SMALL),
}
"""`paper` matches the paper's count of parameters (148.4 M), which does not tell its widths: a configuration of ours, not the authors'."""


class Down(nn.Module):
    """Half the resolution: the maximum of 2x2, then two convolutions (the paper pools first)."""

    def __init__(self, channels: int, out: int, kind: str) -> None:
        super().__init__()
        self.convolutions = double(channels, out, kind)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, c, y, x) to (n, out, y/2, x/2)."""
        return self.convolutions(functional.max_pool2d(x, 2))


class Up(nn.Module):
    """Twice the resolution, bilinear, a convolution; then, joined with a skip, two more."""

    def __init__(self, channels: int, skip: int, out: int, kind: str) -> None:
        super().__init__()
        self.enlarged = single(channels, out, kind)
        self.joined = double(out + skip, out, kind) if skip else None

    def forward(self, x: torch.Tensor, skip: torch.Tensor | None = None) -> torch.Tensor:
        """(n, c, y/2, x/2) and a skip (n, skip, y, x) to (n, out, y, x)."""
        x = self.enlarged(functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))
        return x if self.joined is None else self.joined(torch.cat([x, skip], 1))  # type: ignore[list-item]  # there is a skip where there is a joined


class MRKAN(nn.Module):
    """Fields (n, channels, y, x) to (n, out, y, x): stems of half the resolution each, layers with halvings between, and back up with skips.

    y and x are multiples of 2 to the power of stems and layers together. `without` switches blocks off (layer.BLOCKS).
    """

    def __init__(self, channels: int, out: int, size: Size, without: Collection[str] = ()) -> None:
        super().__init__()
        unknown = set(without) - set(BLOCKS)
        if unknown:
            raise ValueError(f"There is no block {', '.join(sorted(unknown))} to switch off; there are {', '.join(BLOCKS)}.")
        kind = size.layer.norm
        widths = [*size.stems, *size.dims]
        self.stems = nn.ModuleList([Down(a, b, kind) for a, b in pairwise([channels, *size.stems, size.dims[0]])])
        self.downs = nn.ModuleList([Down(a, b, kind) for a, b in pairwise(size.dims)])
        self.layers = nn.ModuleList([Layer(width, size.layer, pool, without) for width, pool in zip(size.dims, size.pools, strict=True)])
        self.ups = nn.ModuleList([Up(deep, shallow, shallow, kind) for shallow, deep in reversed(list(pairwise(widths)))])
        self.full = Up(size.stems[0], 0, size.full, kind)
        self.head = nn.Conv2d(size.full, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        skips: list[torch.Tensor] = []
        for stem in self.stems:
            x = stem(x)
            skips.append(x)
        skips.pop()  # the last stem feeds the first layer, whose output is the skip
        for index, layer in enumerate(self.layers):
            x = layer(self.downs[index - 1](x) if index else x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = up(x, skips.pop())
        return self.head(self.full(x))
