"""Building an outlier mask from an archive: `stormcycle radar-mask`. What was counted is kept, so that it can go on later."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.cycle.digests import json_digest
from stormcycle.cycle.files import replace_file
from stormcycle.cycle.record import Granule
from stormcycle.domain import Domain, PackedSequence
from stormcycle.feeds import ReadFailure, fetch_granule, list_radar_feed, read_each
from stormcycle.feeds.fetching import local_path
from stormcycle.feeds.listing import feed_layout
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.pictures import draw_mask
from stormcycle.radar.quality.outliers import BINS, LOWEST_DBZ, MaskError, add_to_histograms, lowest_sweep, mahalanobis_distances, outlier_mask
from stormcycle.radar.sequence import decode_sweeps
from stormcycle.states import GranuleState
from stormcycle.times import HOUR, Time, iso

BATCH = 16
"""Granules between two savings of what was counted."""
FEW_SCANS = 200
"""Below it most histograms hold too few echoes to tell one gate's climate from another's."""
Sweep = tuple[np.ndarray, float, np.ndarray]


def archived(domain: Domain, site: str, start: Time, end: Time) -> list[Granule]:
    """The granules of a site in (start, end], by key. Raises FeedError when the feed cannot be listed, MaskError when it holds none."""
    hours = np.arange(start + HOUR, end + HOUR, HOUR)
    found = {granule.key: granule for hour in hours for granule in list_radar_feed(domain, hour).granules if granule.site == site}
    if not found:
        raise MaskError(f"The radar feed of {domain.name} holds no granule of {site} from {iso(start)} to {iso(end)}.")
    return [found[key] for key in sorted(found)]


def build_mask(
    domain: Domain, site: str, granules: Sequence[Granule], share: float, seed: int, folder: Path, progress: Callable[[int, int], None]
) -> xr.Dataset:
    """The mask of a site from a random `share` of an archive's granules: `outlier`, `distance`, `echoes` (azimuth, range).

    Fetched bytes and the histograms so far lie in `folder`; interrupted, it goes on there. Granules that cannot be read,
    or whose lowest sweep has another geometry than the first, are left out and counted. Raises MaskError.
    """
    random = np.random.default_rng(seed)
    chosen = sorted(random.choice(len(granules), max(1, round(share * len(granules))), replace=False))
    kept = folder / f"{json_digest([site, seed, share, [granule.sha256 for granule in granules]])[:16]}.npz"
    done, left_out, counts, elevation, ranges = _resumed(kept)
    for begin in range(done, len(chosen), BATCH):
        batch = [granules[index] for index in chosen[begin : begin + BATCH]]
        for sweep in _lowest_sweeps(domain, batch, folder):
            if isinstance(sweep, ReadFailure):
                left_out += 1
                continue
            field, own_elevation, own_ranges = sweep
            within = own_ranges <= domain.radar.quality.max_range_km * 1000.0
            if not len(ranges):
                elevation, ranges = own_elevation, own_ranges[within]
                counts = np.zeros((*field[:, within].shape, BINS), "uint16")
            if abs(own_elevation - elevation) > 0.1 or not np.array_equal(own_ranges[within], ranges):
                left_out += 1
                continue
            add_to_histograms(counts, field[:, within])
        _keep(kept, begin + len(batch), left_out, counts, elevation, ranges)
        progress(begin + len(batch), len(chosen))
    if not len(ranges):
        raise MaskError(f"None of {len(chosen)} granules of {site} could be read.")
    return mask_of(site, counts, elevation, ranges, len(chosen) - left_out, left_out)


def mask_of(site: str, counts: np.ndarray, elevation: float, ranges: np.ndarray, used: int, left_out: int) -> xr.Dataset:
    """The mask of histograms `counts` (azimuth, range, BINS) of a site's lowest sweep (deg, slant ranges in m)."""
    distances = mahalanobis_distances(counts)
    layers = {"outlier": outlier_mask(distances).astype("int8"), "distance": distances.astype("float32"), "echoes": counts.sum(axis=-1).astype("int32")}
    return xr.Dataset(
        {name: (("azimuth", "range"), values) for name, values in layers.items()},
        coords={"azimuth": ("azimuth", np.arange(len(counts)) + 0.5, {"units": "degrees"}), "range": ("range", ranges, {"units": "m"})},
        attrs={
            "title": f"Outlier gates of {site} by histogram Mahalanobis distance",
            "source": "Stefanelli et al., arXiv 2512.18289, section 2.1, eq. 1",
            "site": site,
            "elevation_deg": elevation,
            "lowest_dbz": LOWEST_DBZ,
            "scans": used,
            "left_out": left_out,
        },
    )


def write_mask(mask: xr.Dataset, path: Path) -> Path:
    """Write a mask as netCDF, and its picture beside it, whose path is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask.to_netcdf(path, engine="h5netcdf", encoding={name: {"compression": "gzip"} for name in mask.data_vars})
    picture = path.with_suffix(".png")
    draw_mask(mask, picture)
    return picture


def _lowest_sweeps(domain: Domain, batch: Sequence[Granule], folder: Path) -> list[Sweep | ReadFailure]:
    kind, packed = feed_layout(domain).kind, domain.radar.feed.packed
    fetched = [granule for granule in batch if fetch_granule(domain.radar.feed, granule, folder)[0] is GranuleState.OK]
    missing: list[Sweep | ReadFailure] = [ReadFailure("It could not be fetched.")] * (len(batch) - len(fetched))
    return [*read_each(read_lowest_sweep, [(local_path(folder, granule), kind, granule.key, packed) for granule in fetched]), *missing]


def read_lowest_sweep(path: Path, kind: str, key: str, packed: PackedSequence | None) -> Sweep:
    """The lowest sweep of a granule (stormcycle.radar.quality.outliers.lowest_sweep). Runs in a child process."""
    if kind == "sweeps" and packed is not None:
        (volume,) = decode_sweeps(path, [int(key.partition("#")[2])], ("reflectivity",), packed)
        if volume is None:
            raise MaskError(f"{key} lies beyond the end of its file.")
        return lowest_sweep(volume)
    return lowest_sweep(decode_volume(path, "nexrad" if kind == "nexrad" else "odim", ("reflectivity",)))


def _resumed(kept: Path) -> tuple[int, int, np.ndarray, float, np.ndarray]:
    """Granules done and left out, histograms, elevation and ranges of an earlier, interrupted run; nothing before the first."""
    if not kept.is_file():
        return 0, 0, np.zeros((0, 0, BINS), "uint16"), 0.0, np.zeros(0)
    with np.load(kept, allow_pickle=False) as saved:
        return int(saved["done"]), int(saved["left_out"]), saved["counts"], float(saved["elevation"]), saved["ranges"]


def _keep(kept: Path, done: int, left_out: int, counts: np.ndarray, elevation: float, ranges: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, done=done, left_out=left_out, counts=counts, elevation=elevation, ranges=ranges)
    replace_file(kept, buffer.getvalue())
