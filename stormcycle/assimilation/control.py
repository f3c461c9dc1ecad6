"""The control variable: what is minimised over, and the root of the background-error covariance that makes an increment of it (equations 5 to 7)."""

from dataclasses import dataclass

import numpy as np
import torch

from stormcycle.assimilation.recursive_filter import matrix_of_length


@dataclass(frozen=True)
class Root:
    """A root U of the background-error covariance B = U U^T: U v = S Fy (L v) Fx^T.

    deviation S: (channel, y, x) or (channel, 1, 1), standard deviations in the state's units; along_y, along_x: Fy (y, y) and Fx (x, x), or None (the
    covariance is that of each point alone); levels: L (channel, channel), a root of the correlation between channels, or None (none).
    """

    deviation: torch.Tensor
    along_y: torch.Tensor | None
    along_x: torch.Tensor | None
    levels: torch.Tensor | None = None


def root_of(
    deviation: np.ndarray,
    shape: tuple[int, int],
    spacing_km: float,
    length_km: float | None,
    correlation: np.ndarray | None = None,
    dtype: torch.dtype = torch.float32,
) -> Root:
    """The root for standard deviations (channel, y, x) or (channel,) on a grid of a shape (rows, columns).

    length_km: of the covariance; None: B without correlation in space. correlation: between channels (channel, channel), or None.
    Raises ValueError where a deviation is no positive number.
    """
    if not (np.isfinite(deviation).all() and (deviation > 0).all()):
        raise ValueError("The background-error deviations must be finite and above 0 everywhere: make them anew with `stormcycle background-errors`.")
    spread = deviation if deviation.ndim == 3 else deviation[:, None, None]
    rows, columns = (None if length_km is None else torch.tensor(matrix_of_length(points, spacing_km, length_km), dtype=dtype) for points in shape)
    levels = None if correlation is None else torch.tensor(np.linalg.cholesky(_definite(correlation)), dtype=dtype)
    return Root(torch.tensor(spread, dtype=dtype), rows, columns, levels)


def increment(root: Root, control: torch.Tensor) -> torch.Tensor:
    """U v: the increment (channel, y, x) of a control variable (channel, y, x)."""
    mixed = control if root.levels is None else torch.einsum("cd,dyx->cyx", root.levels, control)
    spread = mixed if root.along_y is None or root.along_x is None else root.along_y @ mixed @ root.along_x.T
    return root.deviation * spread


def adjoint_increment(root: Root, change: torch.Tensor) -> torch.Tensor:
    """U^T w: what a gradient with respect to the state (channel, y, x) is with respect to the control variable."""
    spread = root.deviation * change
    mixed = spread if root.along_y is None or root.along_x is None else root.along_y.T @ spread @ root.along_x
    return mixed if root.levels is None else torch.einsum("cd,cyx->dyx", root.levels, mixed)


LEAST_EIGENVALUE = 1e-3
"""Smaller eigenvalues of a sample correlation are noise: they are raised to this."""


def _definite(correlation: np.ndarray) -> np.ndarray:
    """A correlation without eigenvalues below LEAST_EIGENVALUE, its diagonal one again."""
    values, vectors = np.linalg.eigh(0.5 * (correlation + correlation.T))
    raised = (vectors * np.maximum(values, LEAST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(scale, scale))
