"""The two forms in which MRKAN is trained: the paper's direct one, and as a residual network in the frame that moves with the echoes.

Both take frames of each variable, variable-major, in physical units (n, variable x time, y, x), dry and not observed 0, and
masks where each variable is observed (n, variable, y, x).
"""

from collections.abc import Collection

import torch
from torch import nn

from stormcycle.networks.mrkan.network import MRKAN, SIZES
from stormcycle.networks.mrkan.norms import double, single

VARIABLES = ("zh", "zdr", "kdp")
RANGES = {"zh": (0.0, 65.0), "zdr": (-1.0, 5.0), "kdp": (-1.0, 6.0)}
"""dBZ, dB, degree km-1 that become 0 to 1, clipped: those that users of the paper's dataset take."""
SCALES = {"zh": 30.0, "zdr": 1.0, "kdp": 0.5}
"""What frames are divided by in the moving frame."""
CHANGES = {"zh": 10.0, "zdr": 1.0, "kdp": 0.5}
"""What an answer of 1 means there."""
UNSHUFFLE = 2


def _channels(values: dict[str, float], each: int) -> torch.Tensor:
    """A value a variable as a value a channel, to be multiplied with fields (n, variable x each, y, x)."""
    return torch.tensor([values[word] for word in VARIABLES]).repeat_interleave(each)[None, :, None, None]


class MovingMRKAN(nn.Module):
    """Frames carried to the newest one's time to the change of each variable and lead in the moving frame (n, variable x lead, y, x), physical units.

    The blocks work on pixels unshuffled by 2; the head starts at zero, so that an untrained network is the extrapolation.
    y and x are multiples of 32.
    """

    frame = "moving"
    scales: torch.Tensor
    changes: torch.Tensor

    def __init__(self, size: str = "moving", frames: int = 10, leads: int = 10, without: Collection[str] = ()) -> None:
        super().__init__()
        widths = SIZES[size]
        full, kind, cells = widths.full, widths.layer.norm, UNSHUFFLE**2
        self.unshuffle, self.shuffle = nn.PixelUnshuffle(UNSHUFFLE), nn.PixelShuffle(UNSHUFFLE)
        self.enter = double(len(VARIABLES) * (frames + 1) * cells, full, kind)
        self.network = MRKAN(full, full, widths, without)
        self.join = single(2 * full, full, kind)
        self.head = nn.Conv2d(full, len(VARIABLES) * leads * cells, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # a convolution with a bias
        self.register_buffer("scales", _channels(SCALES, frames), persistent=False)
        self.register_buffer("changes", _channels(CHANGES, leads), persistent=False)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.change(self.features(frames, mask))

    def features(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the heads read: (n, channel, y/2, x/2)."""
        entered = self.enter(self.unshuffle(torch.cat([frames / self.scales, mask], 1)))
        return self.join(torch.cat([entered, self.network(entered)], 1))

    def change(self, features: torch.Tensor) -> torch.Tensor:
        """The changes that features tell: (n, variable x lead, y, x), physical units."""
        return self.shuffle(self.head(features)) * self.changes


class DirectMRKAN(nn.Module):
    """The paper's form: frames as they were to the forecast itself (n, variable x lead, y, x), physical units; values are scaled to 0 to 1 within.

    The head is linear while it learns (a sigmoid would kill the gradients of dry pixels) and clipped to the range otherwise.
    """

    frame = "fixed"
    entering_low: torch.Tensor
    entering_span: torch.Tensor
    leaving_low: torch.Tensor
    leaving_span: torch.Tensor

    def __init__(self, size: str = "small", frames: int = 10, leads: int = 10, without: Collection[str] = ()) -> None:
        super().__init__()
        self.network = MRKAN(len(VARIABLES) * frames, len(VARIABLES) * leads, SIZES[size], without)
        for name, each in (("entering", frames), ("leaving", leads)):
            self.register_buffer(f"{name}_low", _channels({word: low for word, (low, _) in RANGES.items()}, each), persistent=False)
            self.register_buffer(f"{name}_span", _channels({word: high - low for word, (low, high) in RANGES.items()}, each), persistent=False)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """See the class."""
        made = self.network(((frames - self.entering_low) / self.entering_span).clamp(0.0, 1.0))
        made = made if self.training else made.clamp(0.0, 1.0)
        seen = mask.repeat_interleave(made.shape[1] // mask.shape[1], 1)
        return (made * self.leaving_span + self.leaving_low) * seen
