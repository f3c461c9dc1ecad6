"""The released product `radar`: the hour's frames, what is known of each pixel, the hourly sum."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from stormcycle.radar.hourly import hourly_sum
from stormcycle.states import NO_ECHO_DBZ, Provenance


def radar_fields(hour: xr.Dataset, filled: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The fields of `radar` from the hour's frames (stormcycle.radar.mosaic.hour_frames) and their filled versions.

    `filled`: each moment (slot, y, x) with gaps filled by advection, or as observed where nothing was filled.
    """
    frames = hour["reflectivity"].values
    observed = ~np.isnan(frames)
    total, count = hourly_sum(frames)
    fields = {name: (("valid_time", "y", "x"), values.astype("float32")) for name, values in filled.items()}
    return xr.Dataset(
        {
            **fields,
            "observed": (("valid_time", "y", "x"), observed),
            "provenance": (("valid_time", "y", "x"), provenance(filled["reflectivity"], observed)),
            "hourly_sum": (("y", "x"), total),
            "hourly_count": (("y", "x"), count),
            "hourly_provenance": (("y", "x"), hourly_provenance(total)),
        },
        coords={"valid_time": hour["slot"].values, **{name: ("valid_time", hour[name].values) for name in ("nominal_time", "actual_time")}},
    )


def provenance(reflectivity: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The provenance of frames: observed (also undetect where without echo), filled by advection, or outside coverage;
    0 throughout a frame of which nothing was received, as coverage is not at fault there.
    """
    known = ~np.isnan(reflectivity)
    flags = np.where(observed, Provenance.OBSERVED, 0) | np.where(known & ~observed, Provenance.FILLED_BY_ADVECTION, 0)
    received = known.any(axis=(1, 2), keepdims=True)
    flags |= np.where(known & (reflectivity <= NO_ECHO_DBZ), Provenance.UNDETECT, 0) | np.where(~known & received, Provenance.OUTSIDE_COVERAGE, 0)
    return flags.astype("uint8")


def hourly_provenance(total: np.ndarray) -> np.ndarray:
    """The provenance of the hourly sum: a value, nothing that reached the floor, or not observed enough."""
    seen = ~np.isnan(total)
    flags = np.where(seen, Provenance.OBSERVED, Provenance.OUTSIDE_COVERAGE) | np.where(seen & (np.nan_to_num(total) <= 0.0), Provenance.UNDETECT, 0)
    return flags.astype("uint8")
