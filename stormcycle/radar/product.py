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
            "provenance": (("valid_time", "y", "x"), provenance(filled["reflectivity"], observed, hour["marks"].values)),
            "hourly_sum": (("y", "x"), total),
            "hourly_count": (("y", "x"), count),
            "hourly_provenance": (("y", "x"), hourly_provenance(total, hour["marks"].values)),
        },
        coords={"valid_time": hour["slot"].values, **{name: ("valid_time", hour[name].values) for name in ("nominal_time", "actual_time")}},
    )


def provenance(reflectivity: np.ndarray, observed: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The provenance of frames: observed (also undetect where without echo), filled by advection, or outside coverage;
    beside it the marks of the frame (rejected gates with their reasons, late granules).

    Outside coverage is what no frame of the hour knows and nothing was rejected from; 0 where a pixel that other frames
    know was not received, and throughout a frame of which nothing was.
    """
    known = ~np.isnan(reflectivity)
    flags = np.where(observed, Provenance.OBSERVED, 0) | np.where(known & ~observed, Provenance.FILLED_BY_ADVECTION, 0)
    outside = known.any(axis=(1, 2), keepdims=True) & ~known.any(axis=0) & ~(marks > 0).any(axis=0)
    flags |= np.where(known & (reflectivity <= NO_ECHO_DBZ), Provenance.UNDETECT, 0) | np.where(outside, Provenance.OUTSIDE_COVERAGE, 0)
    return (flags | marks).astype("uint16")


def hourly_provenance(total: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The provenance of the hourly sum: a value, nothing that reached the floor, or not observed enough; beside it the
    marks of all frames.
    """
    seen, marked = ~np.isnan(total), np.bitwise_or.reduce(marks, axis=0)
    flags = np.where(seen, Provenance.OBSERVED, np.where(marked > 0, 0, Provenance.OUTSIDE_COVERAGE))
    flags |= np.where(seen & (np.nan_to_num(total) <= 0.0), Provenance.UNDETECT, 0)
    return (flags | marked).astype("uint16")
