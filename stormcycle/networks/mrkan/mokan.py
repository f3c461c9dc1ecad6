"""MOKAN, the local branch (paper, section 3.3): Kolmogorov-Arnold convolutions with B-splines of two orders, in four groups."""

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.norms import by_group, norm

GROUPS = 4


def quadratic(distance: torch.Tensor) -> torch.Tensor:
    """The cardinal B-spline of degree 2 at a distance >= 0 from its centre, in intervals."""
    return 0.5 * functional.relu(1.5 - distance).square() - 1.5 * functional.relu(0.5 - distance).square()


def cubic(distance: torch.Tensor) -> torch.Tensor:
    """The cardinal B-spline of degree 3 at a distance >= 0 from its centre, in intervals."""
    wide, narrow = functional.relu(2.0 - distance), functional.relu(1.0 - distance)
    return wide * wide.square() / 6.0 - narrow * narrow.square() * (2.0 / 3.0)  # ** 3 takes ten times as long


BUMPS = {2: quadratic, 3: cubic}


def bspline_bases(u: torch.Tensor, degree: int, intervals: int) -> torch.Tensor:
    """All B-splines of degree 2 or 3 on a uniform grid of [0, 1], of each value: (n, group, c, y, x) to (n, group, basis, c, y, x).

    A uniform grid's splines are shifts of one bump; this form loses nothing in half precision, as truncated powers do.
    """
    bases = intervals + degree
    centres = torch.arange(bases, dtype=u.dtype, device=u.device)[:, None, None, None] - (degree - 1) / 2.0
    return BUMPS[degree]((u[:, :, None] * intervals - centres).abs())


class SplineBranch(nn.Module):
    """GELU(norm(convolution of the bases + convolution of SiLU)): (n, c, y, x) and its values within (0, 1) to (n, c, y, x)."""

    def __init__(self, channels: int, degree: int, kernel: int, intervals: int) -> None:
        super().__init__()
        self.degree, self.intervals = degree, intervals
        self.spline = nn.Conv2d(channels * (intervals + degree), channels, kernel, padding=kernel // 2, groups=GROUPS, bias=False)
        self.base = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=GROUPS, bias=False)
        self.norm = nn.GroupNorm(GROUPS, channels)

    def forward(self, x: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """See the class."""
        bases = bspline_bases(by_group(inside, GROUPS), self.degree, self.intervals)
        return functional.gelu(self.norm(self.spline(bases.flatten(1, 3)) + self.base(functional.silu(x))))


class MOKAN(nn.Module):
    """Splines of degree 2 with 3x3 and of degree 3 with 5x5 kernels, joined group by group, and a residual: (n, c, y, x) to the same.

    Features are brought into (0, 1) by norm and sigmoid, as beyond the grid all bases vanish; that, the residual and the
    base convolution (KAN's own) are ours.
    """

    def __init__(self, channels: int, intervals: int, kind: str) -> None:
        super().__init__()
        self.norm = norm(channels, kind)
        self.branches = nn.ModuleList([SplineBranch(channels, 2, 3, intervals), SplineBranch(channels, 3, 5, intervals)])
        self.join = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        inside = torch.sigmoid(self.norm(x))
        parts = [by_group(branch(x, inside), GROUPS) for branch in self.branches]
        return x + functional.gelu(self.join(torch.cat(parts, 2).flatten(1, 2)))
