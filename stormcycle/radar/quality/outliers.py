"""The outlier mask: gates whose climate of reflectivity is unlike that of the others, found in an archive.

Source: Stefanelli et al. (arXiv 2512.18289), section 2.1 and eq. 1, after Franch et al. (2020): a histogram of each
gate is a vector; a gate is an outlier when its Mahalanobis distance from the mean exceeds the 90th percentile.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from scipy.linalg import cho_factor, cho_solve

from stormcycle.radar.quality.flags import GateFlag
from stormcycle.radar.sweeps import AZIMUTH_BINS, gate_ranges, rays_by_azimuth, sweeps_by_azimuth
from stormcycle.radar.volume import without_path

LOWEST_DBZ, BIN_DB, BINS = 13.5, 0.1, 526
PERCENTILE = 90.0
RELATIVE_RIDGE = 1e-6
"""Added to the covariance's diagonal, as a share of its mean: histogram covariances are tiny, an absolute value may swamp them."""
AZIMUTHS = 360
SAME_ELEVATION_DEG = 0.15


class MaskError(ValueError):
    """An outlier mask that is not there or is none."""


def lowest_sweep(volume: xr.Dataset) -> tuple[np.ndarray, float, np.ndarray]:
    """Reflectivity (AZIMUTHS, gate) of the lowest sweep by whole degrees of azimuth (NaN where no ray looked), its
    elevation (deg), its gates' slant ranges (m).
    """
    elevations = [(float(np.median(volume["elevation"].values[rays])), number) for number, rays, _ in sweeps_by_azimuth(volume)]
    elevation, number = min(elevations)
    rays = next(rays for index, rays, _ in sweeps_by_azimuth(volume) if index == number)
    ranges = gate_ranges(volume, number)
    nearest = rays_by_azimuth(volume["azimuth"].values[rays])[((np.arange(AZIMUTHS) + 0.5) * AZIMUTH_BINS / AZIMUTHS).astype(int)]
    field = np.where(nearest[:, None] >= 0, volume["reflectivity"].values[rays[nearest], : len(ranges)], np.nan)
    return field.astype("float32"), elevation, ranges


def add_to_histograms(counts: np.ndarray, field: np.ndarray) -> None:
    """Count a field (azimuth, gate; dBZ) into the histograms `counts` (azimuth, gate, BINS), in place."""
    step = np.floor((np.nan_to_num(field, nan=-99.0) - LOWEST_DBZ) / BIN_DB + 1e-4)
    azimuth, gate = np.nonzero((step >= 0) & (step < BINS))
    counts[azimuth, gate, step[azimuth, gate].astype(int)] += 1


def mahalanobis_distances(counts: np.ndarray) -> np.ndarray:
    """Distance (azimuth, gate) of each gate's normalised histogram from the mean of all; infinite for a gate that never
    held an echo: it has no histogram, and where all others have, something hides the weather from it.

    `D_i = sqrt((h_i - m)^T (C + ridge I)^-1 (h_i - m))`, eq. 1; mean and covariance over the gates that hold echoes.
    """
    total = counts.sum(axis=-1)
    seen = total > 0
    if seen.sum() < 2:
        raise MaskError("Fewer than two gates ever held an echo; the archive is too short or too dry for a mask.")
    histograms = counts[seen].astype("float64") / total[seen, None]
    apart = histograms - histograms.mean(axis=0)
    covariance = apart.T @ apart / (len(apart) - 1)
    ridge = RELATIVE_RIDGE * np.trace(covariance) / BINS
    distances = np.full(total.shape, np.inf)
    factor = cho_factor(covariance + ridge * np.eye(BINS))
    distances[seen] = np.sqrt(np.maximum(np.einsum("ij,ji->i", apart, cho_solve(factor, apart.T)), 0.0))
    return distances


def outlier_mask(distances: np.ndarray) -> np.ndarray:
    """Gates beyond the 90th percentile of the finite distances, and those that are infinite."""
    return distances > np.percentile(distances[np.isfinite(distances)], PERCENTILE)


def read_mask(path: Path) -> xr.Dataset:
    """A mask as `stormcycle radar-mask` writes it: `outlier` (azimuth, range). Raises MaskError."""
    if not path.is_file():
        raise MaskError(
            f"There is no outlier mask {path}; make it with `stormcycle radar-mask`, or check `radar.quality.outlier_mask.file` in the domain's YAML."
        )
    try:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            mask = file.load()
        if mask["outlier"].dims != ("azimuth", "range") or "elevation_deg" not in mask.attrs:
            raise KeyError("outlier (azimuth, range), elevation_deg")
    except (OSError, KeyError, ValueError) as error:
        raise MaskError(f"The outlier mask {path.name} cannot be used: {without_path(error, path)}; make it with `stormcycle radar-mask`.") from None
    return mask


def outlier_gates(volume: xr.Dataset, mask: xr.Dataset) -> np.ndarray:
    """Gates of the mask's sweep that the mask calls outliers; other elevations see past what hides them."""
    flags = np.zeros(volume["reflectivity"].shape, "uint8")
    outlier, ranges = mask["outlier"].values.astype(bool), mask["range"].values
    spacing = float(np.diff(ranges[:2])[0])
    for number, rays, gates in sweeps_by_azimuth(volume):
        if abs(float(np.median(volume["elevation"].values[rays])) - mask.attrs["elevation_deg"]) > SAME_ELEVATION_DEG:
            continue
        bins = np.floor(np.mod(volume["azimuth"].values[rays], 360.0)).astype(int) % AZIMUTHS
        nearest = np.rint((gate_ranges(volume, number) - ranges[0]) / spacing).astype(int)
        inside = (nearest >= 0) & (nearest < len(ranges))
        found = np.zeros((len(rays), gates), bool)
        found[:, inside] = outlier[np.ix_(bins, nearest[inside])]
        flags[rays, :gates] = np.where(found, GateFlag.OUTLIER_GATE, 0)
    return flags
