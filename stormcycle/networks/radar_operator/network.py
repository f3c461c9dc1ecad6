"""The radar operator as a whole: 19 channels of the model's state to the hour's reflectivity, any height and width."""

import torch
from torch import nn

from stormcycle.networks.radar_operator.blocks import ResidualBlock

STATE_CHANNELS = 19
WIDTHS = {"small": (16, 32, 64, 128, 256), "paper": (32, 64, 128, 256, 512)}
OUTPUT_DBZ = 10.0
"""The head works in units of this."""


class RadarOperator(nn.Module):
    """state (n, 19, y, x; K, m s-1, %, Pa) to hourly reflectivity (n, 1, y, x; dBZ), a residual U-Net of four halvings.

    A field whose sides are no multiples of 16 is reflected at its rim, half on each side, and the answer is cropped; a side needs more
    than 8 pixels. `mean` and `deviation` (19,) standardise the state: they are set from what it learns from and kept with the weights.
    Source: Stefanelli et al. (arXiv 2512.18289), equations 9, 11 to 13 of the specification. Raises ValueError for a size that is not known.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, size: str = "small") -> None:
        super().__init__()
        if size not in WIDTHS:
            raise ValueError(f"The radar operator has no size {size!r}; known are {', '.join(WIDTHS)}.")
        widths = WIDTHS[size]
        self.register_buffer("mean", torch.zeros(STATE_CHANNELS))
        self.register_buffer("deviation", torch.ones(STATE_CHANNELS))
        self.encoders = nn.ModuleList(ResidualBlock(before, after) for before, after in zip((STATE_CHANNELS, *widths), widths, strict=False))
        pairs = list(zip(widths[1:], widths, strict=False))[::-1]
        self.ups = nn.ModuleList(nn.ConvTranspose2d(deep, shallow, 2, 2) for deep, shallow in pairs)
        self.decoders = nn.ModuleList(ResidualBlock(2 * shallow, shallow) for _, shallow in pairs)
        self.head = nn.Conv2d(widths[0], 1, 1)
        self.multiple = 2 ** len(pairs)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """The hour's reflectivity that a radar should see of a state."""
        rows, columns = state.shape[-2:]
        x = (state - self.mean[:, None, None]) / self.deviation[:, None, None]
        down, right = (-rows) % self.multiple, (-columns) % self.multiple
        x = nn.functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2), mode="reflect")
        passed = []
        for depth, encoder in enumerate(self.encoders):
            x = encoder(nn.functional.max_pool2d(x, 2) if depth else x)
            passed.append(x)
        for up, decoder, skip in zip(self.ups, self.decoders, passed[-2::-1], strict=True):
            x = decoder(torch.cat([up(x), skip], 1))
        made = self.head(x) * OUTPUT_DBZ
        return made[..., down // 2 : down // 2 + rows, right // 2 : right // 2 + columns]
