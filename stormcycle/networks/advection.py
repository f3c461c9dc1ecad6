"""The carrying along of stormcycle.nowcast.lagrangian in torch, so that a loss on the forecast reaches the network."""

import torch
from torch.nn import functional


def carried_along(fields: torch.Tensor, displacement: torch.Tensor, edge: bool = False) -> torch.Tensor:
    """Fields (n, c, y, x) at where displacements (n, 2, y, x; pixels, x first) point to, bilinear; outside 0, or the edge's value."""
    rows, columns = fields.shape[-2:]
    y, x = torch.meshgrid(torch.arange(rows, device=fields.device), torch.arange(columns, device=fields.device), indexing="ij")
    across = (x + displacement[:, 0]) * (2.0 / (columns - 1)) - 1.0
    down = (y + displacement[:, 1]) * (2.0 / (rows - 1)) - 1.0
    padding = "border" if edge else "zeros"
    grid = torch.stack([across, down], -1)
    return functional.grid_sample(fields, grid, mode="bilinear", padding_mode=padding, align_corners=True)


def moving_frames(frames: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Frames (n, variable, time, y, x; the newest last) carried to the newest one's time along displacements (n, lead, 2, y, x)."""
    count, older = len(frames), frames.shape[2] - 1
    paths = displacement[:, :older].flip(1).flatten(0, 1)
    carried = carried_along(frames[:, :, :-1].transpose(1, 2).flatten(0, 1), paths).unflatten(0, (count, older)).transpose(1, 2)
    return torch.cat([carried, frames[:, :, -1:]], 2)


def forecast(newest: torch.Tensor, change: torch.Tensor, displacement: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Newest frames (n, variable, y, x) plus each lead's change (n, variable, lead, y, x), carried along displacements (n, lead, 2, y, x).

    mask: (n, y, x), 1 where a radar sees, beyond it 0. To (n, variable, lead, y, x), not cut at 0: a loss needs to feel what lies below.
    """
    count, leads = displacement.shape[:2]
    paths = displacement.flatten(0, 1)
    start = carried_along(newest.repeat_interleave(leads, 0), paths)
    changed = carried_along(change.transpose(1, 2).flatten(0, 1), paths, edge=True)
    return (start + changed).unflatten(0, (count, leads)).transpose(1, 2) * mask[:, None, None]
