"""A small ConvLSTM (Shi et al. 2015, arXiv 1506.04214) that predicts residuals in moving coordinates.

Two layers encode the frames, two with the encoders' last states and no input of their own forecast, and one convolution
reads every lead from both. As in the paper a pixel of the recurrent grid is a square of the field. Ours differs in
three ways: squares are PATCH pixels wide, so that a step of training fits one core; gates do not look at the cell's own
state, whose weights would fix the size of the field; its head starts at zero, so that an untrained network predicts no
change in the frame that moves with the echoes (stormcycle.nowcast.lagrangian).
"""

import torch
from torch import nn

PATCH = 8
MULTIPLE = 32
"""Rows and columns must be multiples of this: as a cycle pads, though PATCH alone would do."""
RESIDUAL_SCALES = (10.0, 1.0, 0.5)
"""Change that the head tells in units of: dB of zh, dB of zdr, degree km-1 of kdp."""
FRAME_SCALES = (30.0, 3.0, 1.5)
"""Frames are seen in units of these; the same units."""

State = tuple[torch.Tensor, torch.Tensor]
"""The hidden field and the cell of a layer, each (n, hidden, y, x)."""


class Layer(nn.Module):
    """A ConvLSTM cell: its gates are one 3x3 convolution of what comes in (channels may be 0: nothing does) and of its hidden field."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(channels + hidden, 4 * hidden, 3, padding=1)
        with torch.no_grad():
            self.gates.bias[hidden : 2 * hidden] = 1.0  # type: ignore[index]  # a convolution with a bias: a fresh layer remembers

    def forward(self, x: torch.Tensor | None, state: State) -> State:
        """What comes in (n, channels, y, x) and the state of one step to the state of the next."""
        hidden, cell = state
        take, forget, tell, candidate = self.gates(hidden if x is None else torch.cat([x, hidden], 1)).chunk(4, 1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(candidate)
        return torch.sigmoid(tell) * torch.tanh(cell), cell


class ConvLSTM(nn.Module):
    """Frames carried to the newest one's time (n, variables x frames, y, x; dBZ of zh, dB of zdr, degree km-1 of kdp; dry 0)
    and where each is seen (n, variables, y, x; 0 or 1) to the change of each variable and lead in the moving frame
    (n, variables x leads, y, x; the same units), variable-major. y and x are multiples of MULTIPLE.
    """

    frame = "moving"
    frame_scales: torch.Tensor
    residual_scales: torch.Tensor

    def __init__(self, variables: int = 3, width: int = 48, hidden: int = 64, frames: int = 10, leads: int = 10) -> None:
        super().__init__()
        self.hidden, self.frames, self.leads = hidden, frames, leads
        self.unshuffle, self.shuffle = nn.PixelUnshuffle(PATCH), nn.PixelShuffle(PATCH)
        self.embedding = nn.Conv2d(2 * variables * PATCH**2, width, 1)
        self.encoders = nn.ModuleList([Layer(width, hidden), Layer(hidden, hidden)])
        self.forecasters = nn.ModuleList([Layer(0, hidden), Layer(hidden, hidden)])
        self.head = nn.Conv2d(2 * hidden, variables * PATCH**2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # a convolution with a bias
        for name, scales in (("frame_scales", FRAME_SCALES), ("residual_scales", RESIDUAL_SCALES)):
            self.register_buffer(name, torch.tensor(scales[:variables]).view(variables, 1, 1), persistent=False)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The residuals; see the class. Raises ValueError for rows or columns that are no multiples of MULTIPLE."""
        if not torch.onnx.is_in_onnx_export() and any(size % MULTIPLE for size in frames.shape[-2:]):
            raise ValueError(f"The fields have {frames.shape[-2]} x {frames.shape[-1]} pixels; rows and columns must be multiples of {MULTIPLE}: pad them.")
        nothing = torch.zeros_like(self.unshuffle(mask)[:, :1]).expand(-1, self.hidden, -1, -1)
        below = above = (nothing, nothing)
        lower, upper = self.encoders
        for step in range(self.frames):
            seen = torch.cat([frames[:, step :: self.frames] / self.frame_scales, mask], 1)
            x = torch.relu(self.embedding(self.unshuffle(seen)))
            below = lower(x, below)
            above = upper(below[0], above)
        lower, upper = self.forecasters
        made = []
        for _ in range(self.leads):
            below = lower(None, below)
            above = upper(below[0], above)
            made.append(self.shuffle(self.head(torch.cat([below[0], above[0]], 1))) * self.residual_scales)
        return torch.stack(made, 2).flatten(1, 2)
