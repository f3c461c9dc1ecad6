"""Parts of the radar operator: squeeze-and-excitation, and the residual block around it (specification of the operator, section 7)."""

import torch
from torch import nn

SLOPE = 0.01
"""Of the leaky rectifiers."""
SQUEEZE, LEAST = 16, 4
"""Channels are squeezed by this ratio, to no fewer than LEAST."""


class SqueezeExcitation(nn.Module):
    """Channels weighed by what the whole field holds (Hu et al. 2018): (n, c, y, x) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(channels // SQUEEZE, LEAST)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The field with its channels weighed."""
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and squeeze-and-excitation, added to the input: (n, in, y, x) to (n, out, y, x)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            SqueezeExcitation(channels_out),
        )
        alike = channels_in == channels_out
        self.skip = nn.Identity() if alike else nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out))
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input and what the block adds to it."""
        return self.activation(self.change(x) + self.skip(x))
