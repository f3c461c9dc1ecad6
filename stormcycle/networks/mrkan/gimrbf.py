"""GIMRBF, the branch that the paper calls mesoscale (section 3.4): radial basis functions of the values of each pixel.

Its reach is in the space of values, not on the map: it is pointwise; what mixes places is the self-attention of MSFF.
"""

import torch
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.norms import by_group, channels_last, norm

GROUPS = 4
CENTRES = (-1.0, 3.0)
FIRST_EPSILON, LEAST_WIDTH, LEAST_SQUARE = 0.5, 1e-2, 1e-2


class GIMRBF(nn.Module):
    """Norm, SiLU, Gaussian and inverse multiquadric bases of every value, joined in four groups of channels: (n, c, y, x) to the same.

    phi_G = exp(-((x - c) / w)^2), phi_I = ((x - c)^2 + e^2 + 0.01)^(-1/2); centres, widths and e belong to a group and a basis. The paper's text lost
    the root of phi_I; that bases act on each channel by itself is ours (a distance between vectors would leave 16 numbers for c/4 outputs).
    """

    def __init__(self, channels: int, bases: int, kind: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        centres = torch.linspace(*CENTRES, bases).repeat(GROUPS, 1)
        width = (CENTRES[1] - CENTRES[0]) / (bases - 1)
        self.gauss_centres, self.quadric_centres = nn.Parameter(centres.clone()), nn.Parameter(centres.clone())
        self.widths = nn.Parameter(torch.full((GROUPS, bases), width).expm1().log())  # softplus of it is the width
        self.epsilons = nn.Parameter(torch.full((GROUPS, bases), FIRST_EPSILON))
        self.join = nn.Conv2d(2 * bases * channels, channels, 1, groups=GROUPS)
        self.out_norm = norm(channels, kind)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        z = by_group(functional.silu(channels_last(self.norm, x)), GROUPS)[:, :, None]
        gauss, quadric, width, epsilon = (part[None, :, :, None, None, None] for part in self._parts())
        bases = torch.cat([torch.exp(-((z - gauss) / width).square()), torch.rsqrt((z - quadric).square() + epsilon.square() + LEAST_SQUARE)], 2)
        return functional.relu(self.out_norm(self.join(bases.flatten(1, 3))))

    def _parts(self) -> tuple[torch.Tensor, ...]:
        return self.gauss_centres, self.quadric_centres, functional.softplus(self.widths) + LEAST_WIDTH, self.epsilons
