"""The frame that moves with the echoes, in which any network can stand: warp, residual, advect, disc mask.

The last ten frames are carried to the newest one's time; a network says how each lead's field will have changed there;
newest frame plus change is carried along to each lead. Without a change the forecast is the extrapolation, and motion,
which little data cannot teach, need not be learned (Ritvanen et al. 2023, doi 10.1109/JSTARS.2023.3238016).
Fields are reflectivity in dBZ, dry and not observed 0; displacements are (2, y, x) pixels, x first, from a pixel of the
forecast back to where its air came from.
"""

import numpy as np
from scipy import ndimage

from stormcycle.nowcast.extrapolation import WET_DBZ, extrapolate, sprog_along
from stormcycle.states import dry_filled


def displacements(velocity: np.ndarray, leads: int) -> np.ndarray:
    """Where each pixel of each lead came from: (lead, 2, y, x) pixels, of a velocity (2, y, x; pixels a step)."""
    found: list[np.ndarray] = []
    for _ in range(leads):
        _, displacement = extrapolate(None, velocity, 1, displacement_prev=found[-1] if found else None, return_displacement=True)
        found.append(displacement)
    return np.stack(found)


def carried_along(field: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """A field (y, x) at where a displacement (2, y, x) points to, bilinear; 0 outside the field."""
    rows, columns = np.indices(field.shape)
    coordinates = [rows + displacement[1], columns + displacement[0]]
    return ndimage.map_coordinates(field, coordinates, order=1, mode="constant", cval=0.0, prefilter=False)


def moving_frames(frames: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Frames (time, y, x; the newest last) carried to the newest one's time: what a network sees, float32."""
    older = [carried_along(frame, displacement[len(frames) - 2 - index]) for index, frame in enumerate(frames[:-1])]
    return np.stack([*older, frames[-1]]).astype("float32")


def forecast(newest: np.ndarray, residual: np.ndarray, displacement: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The newest frame (y, x) with each lead's change (lead, y, x) added, carried to its lead: (lead, y, x).

    mask: (y, x) where a radar sees. NaN beyond it, and where the air comes from beyond it: what a network says there
    rests on nothing that was seen, however well it scores.
    """
    leads = [
        np.where(mask & (carried_along(mask.astype("float64"), path) > 0.5), carried_along(newest + change, path), np.nan)
        for change, path in zip(residual, displacement, strict=True)
    ]
    return np.stack(leads)


def moving_sprog(moving: np.ndarray, displacement: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """S-PROG in the frame that moves with the echoes, carried to each lead: (lead, y, x) dBZ, NaN as in `forecast`.

    moving: frames of `moving_frames`, dBZ. Nothing comes from outside the field there, which plain S-PROG takes for dry.
    """
    still = np.zeros((2, *mask.shape))
    filtered = sprog_along(moving.astype("float64"), still, len(displacement))
    return forecast(np.zeros(mask.shape), np.where(filtered < WET_DBZ, 0.0, filtered), displacement, mask)


def seen_disc(frames: np.ndarray) -> np.ndarray:
    """Where a radar in the grid's middle sees, as far as its frames (time, y, x; dBZ) tell: within the farthest echo's distance.

    For sequences that do not tell no echo from no data. A scene without echo gives the whole grid, as do composites
    with rain in their corners.
    """
    rows, columns = frames.shape[1:]
    y, x = np.ogrid[:rows, :columns]
    distance = np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2)
    echo = (dry_filled(frames) != 0).any(axis=0)
    return distance <= distance[echo].max() if echo.any() else np.ones((rows, columns), bool)


def mirrored(fields: np.ndarray, border: int, multiple: int) -> np.ndarray:
    """Fields (..., y, x) with a border of their own mirror image, wider below and to the right, so that rows and columns are multiples."""
    rows, columns = ((border, border + -(size + 2 * border) % multiple) for size in fields.shape[-2:])
    return np.pad(fields, [(0, 0)] * (fields.ndim - 2) + [rows, columns], mode="reflect")
