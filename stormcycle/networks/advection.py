"""The carrying along of stormcycle.nowcast.lagrangian in torch, so that a loss on the forecast reaches the network."""

import torch
from torch.nn import functional


def carried_along(fields: torch.Tensor, displacement: torch.Tensor, edge: bool = False) -> torch.Tensor:
    """Fields (n, y, x) at where displacements (n, 2, y, x; pixels, x first) point to, bilinear; outside 0, or the edge's value."""
    rows, columns = fields.shape[-2:]
    y, x = torch.meshgrid(torch.arange(rows, device=fields.device), torch.arange(columns, device=fields.device), indexing="ij")
    across = (x + displacement[:, 0]) * (2.0 / (columns - 1)) - 1.0
    down = (y + displacement[:, 1]) * (2.0 / (rows - 1)) - 1.0
    padding = "border" if edge else "zeros"
    grid = torch.stack([across, down], -1)
    return functional.grid_sample(fields[:, None], grid, mode="bilinear", padding_mode=padding, align_corners=True)[:, 0]


def forecast(newest: torch.Tensor, residual: torch.Tensor, displacement: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Newest frames (n, y, x; dBZ) plus each lead's change (n, lead, y, x; dB), carried along displacements (n, lead, 2, y, x): (n, lead, y, x) dBZ.

    mask: (n, y, x), 1 where a radar sees, beyond it 0 dBZ. Not cut at 0 dBZ: a loss needs to feel what lies below.
    """
    count, leads = residual.shape[:2]
    paths = displacement.flatten(0, 1)
    carried = carried_along(newest.repeat_interleave(leads, 0), paths) + carried_along(residual.flatten(0, 1), paths, edge=True)
    return carried.unflatten(0, (count, leads)) * mask[:, None]
