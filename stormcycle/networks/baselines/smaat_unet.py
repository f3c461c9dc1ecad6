"""A small SmaAt-UNet (Trebing et al. 2021, doi 10.1016/j.patrec.2021.01.036) that predicts residuals in moving coordinates.

A U-Net whose convolutions are depthwise-separable (two kernels a layer) and whose skips pass through CBAM (channel, then
spatial attention; Woo et al. 2018, arXiv 1807.06521); attention feeds the skips and the bottleneck only. Ours differs
from the paper in three ways: it works on pixels unshuffled by 2, so that a step of training fits a small machine; its
norms are GroupNorm, as dry fields collapse the variances of batches; its head starts at zero, so that an untrained
network predicts no change in the frame that moves with the echoes (stormcycle.nowcast.lagrangian).
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

UNSHUFFLE = 2
DOWN = 4
MULTIPLE = UNSHUFFLE * 2**DOWN
"""Rows and columns must be multiples of this."""
SCALE_DBZ = 30.0
RESIDUAL_DB = 10.0
KERNELS_PER_LAYER = 2
GROUPS = 4


def separable(channels: int, out: int) -> nn.Sequential:
    """A depthwise-separable 3x3 convolution."""
    inner = channels * KERNELS_PER_LAYER
    return nn.Sequential(nn.Conv2d(channels, inner, 3, padding=1, groups=channels), nn.Conv2d(inner, out, 1))


def double(channels: int, out: int, between: int | None = None) -> nn.Sequential:
    """Two separable convolutions, each with its norm and ReLU."""
    middle = between or out
    return nn.Sequential(separable(channels, middle), nn.GroupNorm(GROUPS, middle), nn.ReLU(), separable(middle, out), nn.GroupNorm(GROUPS, out), nn.ReLU())


class Attention(nn.Module):
    """CBAM: a gate a channel from the field's mean and maximum, then a gate a pixel from the channels' mean and maximum."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.channel = nn.Sequential(nn.Conv2d(channels, channels // reduction, 1), nn.ReLU(), nn.Conv2d(channels // reduction, channels, 1))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, channels, y, x) to the same, gated."""
        x = x * torch.sigmoid(self.channel(x.mean((2, 3), keepdim=True)) + self.channel(x.amax((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.spatial(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


class SmaAtUNet(nn.Module):
    """Frames carried to the newest one's time (n, frames, y, x; dBZ, dry 0) and where the radar sees (n, 1, y, x; 0 or 1)
    to the change of each lead in the moving frame (n, leads, y, x; dB). y and x are multiples of MULTIPLE.
    """

    frame = "moving"

    def __init__(self, width: int = 32, frames: int = 10, leads: int = 10) -> None:
        super().__init__()
        self.unshuffle, self.shuffle = nn.PixelUnshuffle(UNSHUFFLE), nn.PixelShuffle(UNSHUFFLE)
        cells = UNSHUFFLE**2
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.encoders = nn.ModuleList([double((frames + 1) * cells, width), *(double(a, b) for a, b in pairwise(widths))])
        self.attentions = nn.ModuleList([Attention(channels) for channels in widths])
        self.decoders = nn.ModuleList(
            [
                double(16 * width, 4 * width, 8 * width),
                double(8 * width, 2 * width, 4 * width),
                double(4 * width, width, 2 * width),
                double(2 * width, width, width),
            ]
        )
        self.head = nn.Conv2d(width, leads * cells, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # a convolution with a bias

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The residuals; see the class. Raises ValueError for rows or columns that are no multiples of MULTIPLE."""
        if not torch.onnx.is_in_onnx_export() and any(size % MULTIPLE for size in frames.shape[-2:]):
            raise ValueError(f"The fields have {frames.shape[-2]} x {frames.shape[-1]} pixels; rows and columns must be multiples of {MULTIPLE}: pad them.")
        features = [self.encoders[0](self.unshuffle(torch.cat([frames / SCALE_DBZ, mask], 1)))]
        for encoder in self.encoders[1:]:
            features.append(encoder(functional.max_pool2d(features[-1], 2)))
        skips = [attention(feature) for attention, feature in zip(self.attentions, features, strict=True)]
        x = skips.pop()
        for decoder in self.decoders:
            larger = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = decoder(torch.cat([skips.pop(), larger], 1))
        return self.shuffle(self.head(x)) * RESIDUAL_DB
