"""Background errors: where a domain has no archive of runs, one deviation a channel (specification, section 8)."""

from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.assimilation.control import Root, root_of
from stormcycle.domain.assimilation import Analysis

DEVIATIONS = np.array([0.8] * 4 + [1.6] * 8 + [8.0, 8.0, 9.0, 9.0, 1.0, 8.0, 60.0])
"""K, m s-1, %, Pa, in the order of the channels."""
QUANTITIES = (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16))
"""The channels of one quantity at its levels."""


def root_for(settings: Analysis, errors: xr.Dataset | None, shape: tuple[int, int], spacing_km: float) -> Root:
    """The root of the background errors that a domain's settings ask for.

    errors: of `stormcycle background-errors` (sigma_b (channel, y, x), corr (channel, channel2)), or None. Raises ValueError where they are of another
    grid, or where a correlation is asked for and there is none.
    """
    if errors is None:
        if settings.correlation != "none":
            raise ValueError("analysis.correlation needs analysis.background_errors: make them with `stormcycle background-errors`.")
        return root_of(DEVIATIONS, shape, spacing_km, settings.length_km)
    deviation = errors["sigma_b"].values.astype("float64")
    if deviation.shape[1:] != shape:
        raise ValueError(f"The background errors are of {deviation.shape[1]} x {deviation.shape[2]} points, the analysis grid of {shape[0]} x {shape[1]}.")
    return root_of(deviation, shape, spacing_km, settings.length_km, correlation_of(errors["corr"].values, settings.correlation))


def correlation_of(whole: np.ndarray, kind: str) -> np.ndarray | None:
    """The correlation between channels of a kind: none, of a quantity's levels, of all channels."""
    if kind == "none":
        return None
    if kind == "full":
        return whole
    made = np.eye(len(whole))
    for part in QUANTITIES:
        made[part, part] = whole[part, part]
    return made


def read_errors(path: Path) -> xr.Dataset:
    """Background errors from their file. Raises ValueError for a file that holds none."""
    try:
        with xr.open_dataset(path, engine="h5netcdf") as found:
            errors = found.load()
    except (OSError, ValueError) as error:
        raise ValueError(f"The background errors {path.name} cannot be read: {' '.join(str(error).split())[:200]}") from None
    missing = {"sigma_b", "corr", "bias", "length_km"} - set(errors.data_vars)
    if missing:
        raise ValueError(f"{path.name} holds no background errors: {', '.join(sorted(missing))} is missing.")
    return errors
