"""CSMamba, the global branch (paper, section 3.2): four cross scans of the whole field, then four snake scans, pixel by pixel."""

from math import ceil, log

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.selective_scan import selective_scan

DIRECTIONS = 4
SLOWEST, FASTEST = 1e-3, 1e-1
"""Range of the first time steps, as in the reference initialisation of S6."""


def snake(field: torch.Tensor) -> torch.Tensor:
    """A field (n, y, x, c) with every odd row reversed; its own inverse, for any y and x."""
    odd = torch.arange(field.shape[1], device=field.device)[None, :, None, None] % 2 == 1
    return torch.where(odd, field.flip(2), field)


def paths(field: torch.Tensor, snaking: bool) -> torch.Tensor:
    """A field (n, y, x, c) along rows, along columns, and both reversed: (n, 4, y x, c)."""
    fields, channels = field.shape[0], field.shape[3]
    rows, columns = (snake(one) if snaking else one for one in (field, field.transpose(1, 2)))
    rows, columns = rows.reshape(fields, -1, channels), columns.reshape(fields, -1, channels)
    return torch.stack([rows, columns, rows.flip(1), columns.flip(1)], 1)


def unpaths(tokens: torch.Tensor, rows: int, columns: int, snaking: bool) -> torch.Tensor:
    """The sum of four paths (n, 4, y x, c) brought back to their pixels: (n, y, x, c); unpaths(paths(field)) is 4 field."""
    fields, _, _, channels = tokens.shape
    along = (tokens[:, 0] + tokens[:, 2].flip(1)).reshape(fields, rows, columns, channels)  # unflatten freezes every size in an export
    across = (tokens[:, 1] + tokens[:, 3].flip(1)).reshape(fields, columns, rows, channels)
    if snaking:
        along, across = snake(along), snake(across)
    return along + across.transpose(1, 2)


class SelectiveScan(nn.Module):
    """S6 with a set of weights for each of four directions: u (n, 4, token, channel) to the same."""

    def __init__(self, channels: int, rank: int, states: int) -> None:
        super().__init__()
        self.split = [rank, states, states]
        self.select = nn.Parameter(torch.randn(DIRECTIONS, channels, rank + 2 * states) * channels**-0.5)
        self.widen = nn.Parameter(torch.randn(DIRECTIONS, rank, channels) * rank**-0.5)
        step = torch.exp(torch.rand(DIRECTIONS, channels) * log(FASTEST / SLOWEST) + log(SLOWEST))
        self.step_bias = _undecayed(step + torch.log(-torch.expm1(-step)))  # softplus of it is the step
        self.log_decay = _undecayed(torch.log(torch.arange(1.0, states + 1)).repeat(DIRECTIONS, channels, 1))
        self.skip = _undecayed(torch.ones(DIRECTIONS, channels))

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        """See the class."""
        narrow, b, c = torch.matmul(u, self.select).split(self.split, -1)
        dt = functional.softplus((torch.matmul(narrow, self.widen) + self.step_bias[None, :, None]).float())
        y = selective_scan(u, dt, -torch.exp(self.log_decay.float()), b, c)
        return y.to(u.dtype) + u * self.skip[None, :, None]


def _undecayed(values: torch.Tensor) -> nn.Parameter:
    parameter = nn.Parameter(values)
    parameter.undecayed = True  # type: ignore[attr-defined]  # read by stormcycle.training.loop: no weight decay
    return parameter


class ScanStage(nn.Module):
    """One stage of scans over a field (n, y, x, c) to the same: norm, four paths, gate, residual. No convolution, no patches [paper]; the last
    linear layer is ours, needed where the inner width is another.
    """

    def __init__(self, channels: int, states: int, expand: float, snaking: bool) -> None:
        super().__init__()
        inner = int(channels * expand)
        self.snaking = snaking
        self.norm, self.inner_norm = nn.LayerNorm(channels), nn.LayerNorm(inner)
        self.enter, self.gate = nn.Linear(channels, inner, bias=False), nn.Linear(channels, inner, bias=False)
        self.scan = SelectiveScan(inner, ceil(channels / 16), states)
        self.leave = nn.Linear(inner, channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        rows, columns = x.shape[1], x.shape[2]
        z = self.norm(x)
        seen = unpaths(self.scan(paths(self.enter(z), self.snaking)), rows, columns, self.snaking)
        return x + self.leave(self.inner_norm(seen) * functional.silu(self.gate(z)))


class CSMamba(nn.Module):
    """A stage of cross scans, then one of snake scans: (n, c, y, x) to the same."""

    def __init__(self, channels: int, states: int, expand: float) -> None:
        super().__init__()
        self.stages = nn.Sequential(ScanStage(channels, states, expand, snaking=False), ScanStage(channels, states, expand, snaking=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.stages(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class VSS(nn.Module):
    """What stands in for CSMamba where it is switched off, the baseline of the paper's Table 3: cross scans alone, (n, c, y, x) to the same."""

    def __init__(self, channels: int, states: int, expand: float) -> None:
        super().__init__()
        self.stage = ScanStage(channels, states, expand, snaking=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.stage(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
