"""The nowcast of a network that stands in the frame that moves with the echoes."""

from collections.abc import Callable

import numpy as np

from stormcycle.nowcast.lagrangian import displacements, forecast, mirrored, moving_frames
from stormcycle.states import dry_filled

FRAMES = 10
MULTIPLE = 32
"""Networks take rows and columns that are multiples of this."""
BORDER = 32
"""Pixels of mirror image around a field: at its edge a convolution sees nothing beyond, and made false lines of strong echo there."""

Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Frames (1, time, y, x; dBZ) and mask (1, 1, y, x) in, the change of each lead (1, lead, y, x; dB) out; all float32."""


def neural_forecast(frames: np.ndarray, velocity: np.ndarray, leads: int, mask: np.ndarray, network: Network) -> np.ndarray:
    """A network's nowcast from ten frames (time, y, x; dBZ) and their motion (2, y, x; pixels a step): (lead, y, x) dBZ.

    mask: (y, x) where a radar sees the newest frame; beyond it, and where the air comes from beyond it, the forecast is
    NaN. Raises what the network raises.
    """
    seen = np.where(mask, dry_filled(frames), 0.0)
    paths = displacements(velocity, max(leads, len(frames) - 1))  # also as far back as the oldest frame
    asked = [mirrored(fields, BORDER, MULTIPLE)[None] for fields in (moving_frames(seen, paths), mask[None].astype("float32"))]
    residual = network(*asked)[0, :leads, BORDER : BORDER + mask.shape[0], BORDER : BORDER + mask.shape[1]]
    return forecast(seen[-1], residual, paths[:leads], mask)
