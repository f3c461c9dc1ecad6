"""The rays and gates of a volume's sweeps."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

AZIMUTH_BINS = 36000
"""Bins of 0.01 deg: with 0.1 deg one pixel in twenty of a sweep of half-degree rays took its neighbour's ray."""


def sweeps_by_azimuth(volume: xr.Dataset) -> Iterator[tuple[int, np.ndarray, int]]:
    """For each sweep its number, its rays in order of azimuth, and its gates."""
    sweep, azimuth = volume["sweep"].values, volume["azimuth"].values
    for number in range(volume.sizes["sweeps"]):
        rays = np.flatnonzero(sweep == number)
        yield number, rays[np.argsort(azimuth[rays], kind="stable")], int(volume["gates"].values[number])


def gate_ranges(volume: xr.Dataset, number: int) -> np.ndarray:
    """Slant ranges (m) of the centres of a sweep's gates."""
    return float(volume["first_gate_m"].values[number]) + float(volume["gate_m"].values[number]) * np.arange(int(volume["gates"].values[number]))


def rays_by_azimuth(azimuth: np.ndarray) -> np.ndarray:
    """The nearest ray for each azimuth bin (AZIMUTH_BINS,); -1 where the nearest is further than 1.5 ray spacings (a gap)."""
    order = np.argsort(azimuth)
    rising = np.concatenate([azimuth[order[-1:]] - 360.0, azimuth[order], azimuth[order[:1]] + 360.0])
    rays = np.concatenate([order[-1:], order, order[:1]])
    centres = (np.arange(AZIMUTH_BINS) + 0.5) * 360.0 / AZIMUTH_BINS
    right = np.clip(np.searchsorted(rising, centres), 1, len(rising) - 1)
    nearest = np.where(centres - rising[right - 1] <= rising[right] - centres, right - 1, right)
    spacing = float(np.median(np.diff(rising))) if len(azimuth) > 2 else 1.0
    return np.where(np.abs(rising[nearest] - centres) <= 1.5 * spacing, rays[nearest], -1)
