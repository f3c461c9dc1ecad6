"""One MRKAN layer: three branches side by side and their fusion; each of the four blocks can be switched off, as in the paper's Table 3."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import nn

from stormcycle.networks.mrkan.csmamba import VSS, CSMamba
from stormcycle.networks.mrkan.gimrbf import GIMRBF
from stormcycle.networks.mrkan.mokan import MOKAN
from stormcycle.networks.mrkan.msff import MSFF

BLOCKS = ("csmamba", "gimrbf", "mokan", "msff")


@dataclass(frozen=True)
class LayerSize:
    """What a layer's size is, beside its channels."""

    states: int = 16
    expand: float = 2.0
    intervals: int = 4
    bases: int = 8
    fuse_groups: int = 2
    ratio: int = 2
    kernel: int = 3
    norm: str = "batch"


class Layer(nn.Module):
    """Branches g = CSMamba(x), m = GIMRBF(x), l = MOKAN(x), then MSFF(x, g, m, l): (n, c, y, x) to the same.

    Switched off: csmamba is a plain VSS stage, gimrbf and mokan are x itself; msff is x + a 1x1 convolution of the branches that are on;
    with all four off the layer is the VSS stage alone, the paper's baseline.
    """

    def __init__(self, channels: int, size: LayerSize, pool: int, without: Collection[str]) -> None:
        super().__init__()
        on = {block: block not in without for block in BLOCKS}
        self.whole = (CSMamba if on["csmamba"] else VSS)(channels, size.states, size.expand)
        self.mesoscale = GIMRBF(channels, size.bases, size.norm) if on["gimrbf"] else None
        self.local = MOKAN(channels, size.intervals, size.norm) if on["mokan"] else None
        branches = 1 + on["gimrbf"] + on["mokan"]
        self.fusion = MSFF(channels, pool, size.fuse_groups, size.ratio, size.kernel, size.norm) if on["msff"] else None
        self.join = nn.Conv2d(branches * channels, channels, 1) if self.fusion is None and branches > 1 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        whole = self.whole(x)
        mesoscale = self.mesoscale(x) if self.mesoscale is not None else None
        local = self.local(x) if self.local is not None else None
        if self.fusion is not None:
            return self.fusion(x, whole, x if mesoscale is None else mesoscale, x if local is None else local)
        if self.join is None:
            return whole
        return x + self.join(torch.cat([part for part in (whole, mesoscale, local) if part is not None], 1))
