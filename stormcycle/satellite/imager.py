"""One channel of one scan of a geostationary imager on an area: opened and calibrated by Satpy, only where the area needs it.

Runs in a child process (stormcycle.feeds.read_each). Satpy and Dask work in one thread: netCDF libraries are not safe in several.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from pyresample.geometry import AreaDefinition

from stormcycle.satellite import abi, hrit
from stormcycle.satellite.errors import OutsideDisk, Unreadable, WrongKind
from stormcycle.satellite.files import Identity, ScanFiles, laid_out
from stormcycle.satellite.losses import losses, sentences
from stormcycle.satellite.parallax import METHOD, guessed_height, raised_pixels, standing_tops
from stormcycle.satellite.resampling import Pixels, kept_pixels, lattice_of, needed
from stormcycle.states import GranuleState
from stormcycle.times import iso, parse_time

DASK = {"scheduler": "synchronous", "array.chunk-size": "1MiB"}
"""Small pieces, so that what the area does not need is not read: Satpy takes the size for its own chunks."""
ABI = ("abi_l1b", "abi_l2_nc")
WHOLE_SHARE = 0.99
"""Of the area's pixels that a scan covers this share has a value, or the scan is partial."""


@dataclass(frozen=True)
class View:
    """Where a scan shows an area: the rows and columns that it needs, and its pixels there, on the ground and for each of HEIGHTS_M."""

    rows: slice
    columns: slice
    ground: Pixels
    raised: list[Pixels]


def read_image(files: tuple[tuple[Path, str], ...], reader: str, channel: str, area: AreaDefinition, cache: Path, parallax: bool = False) -> xr.Dataset:
    """`brightness_temperature` (y, x; K) of a scan on an area; of a solar band `reflectance` (%) instead. NaN: no value.

    `files`: where the bytes lie and the granules' own names (of HRIT all segments of the channel, with prologue and epilogue);
    `reader` and `channel` as Satpy names them; `cache`: the folder of kept indices. `quality` (y, x): ABI's flags, where the
    files hold any. Attributes: satellite, platform_longitude (degrees east, of the projection), scene, mode, channel, scan_start,
    scan_end, middle (UTC; of the lines that the area needs where the file tells their times), inside_share (of the area that the
    scan covers), valid_share (of the area that has a value), parallax, state, notes.

    Raises Unreadable for what is cut, damaged or without any value over the area, WrongKind for what is not what its name says
    or lies elsewhere, OutsideDisk for an area that the satellite cannot see.
    """
    with tempfile.TemporaryDirectory(prefix="stormcycle-") as folder:
        try:
            return _read(laid_out(files, Path(folder)), reader, channel, area, cache, parallax)
        except (Unreadable, WrongKind, OutsideDisk):
            raise
        except MemoryError:
            raise Unreadable(f"{files[0][1]} makes its reader ask for more memory than any scan needs; it was not read further.") from None
        except Exception as error:  # a reader may raise anything on a bad file
            reason = f"{type(error).__name__}: {' '.join(str(error).replace(f'{folder}/', '').split())[:300]}"
            raise Unreadable(f"{files[0][1]} cannot be read by {reader}: {reason}") from None


def _read(files: ScanFiles, reader: str, channel: str, area: AreaDefinition, cache: Path, parallax: bool) -> xr.Dataset:
    import dask

    identity, files = _identified(files, reader, channel)
    with dask.config.set(DASK):
        scan = _opened(files, reader, channel)
        view = _view(scan, area, cache, parallax)
        values = _calibrated(scan, view)
    kelvin = scan.attrs["units"] == "K"
    flags, meanings = abi.quality_flags(next(iter(files.paths.values())), view.rows, view.columns) if reader in ABI else (None, {})
    lost = losses(values, flags, meanings, kelvin)
    values[np.logical_or.reduce(list(lost.values()))] = np.nan
    pixels = standing_tops(view.ground, view.raised, guessed_height(values)) if parallax else view.ground
    inside, covered = pixels.inside(values.shape), int(view.ground.inside(values.shape).sum())
    fields = _fields(pixels, values, flags, meanings, kelvin)
    valid = next(iter(fields.data_vars.values())).notnull().values
    gaps = _gaps(files, identity, view.rows, channel)
    hidden = [f"{covered - inside.sum()} of {covered} pixels are hidden behind cloud tops."] if covered > inside.sum() else []
    notes = [*gaps, *hidden, *sentences(lost, flags, meanings, pixels)]
    times = _times(scan, identity, view.rows)
    if not valid.any():
        raise Unreadable(f"The scan of {channel} at {times['scan_start']} has no value on any of the {covered} pixels that it covers. {' '.join(notes)}")
    partial = bool(gaps) or valid.sum() < WHOLE_SHARE * inside.sum()
    return fields.assign_attrs(
        satellite=identity.satellite or scan.attrs["platform_name"],
        platform_longitude=_longitude(scan),
        scene=identity.scene,
        mode=identity.mode,
        channel=channel,
        **times,
        inside_share=round(float(inside.mean()), 6),
        valid_share=round(float(valid.mean()), 6),
        parallax=METHOD if parallax else "not corrected",
        state=str(GranuleState.PARTIAL if partial else GranuleState.OK),
        notes=notes if kelvin else [*notes, *_night(area, times["middle"])],
    )


def _identified(files: ScanFiles, reader: str, channel: str) -> tuple[Identity, ScanFiles]:
    """What the files are of, and those of them that can be used."""
    if reader == "seviri_l1b_hrit":
        return hrit.identify(files, channel)
    for name, fault in files.faults.items():
        raise Unreadable(f"{name} cannot be read: {fault}.")
    if reader in ABI:
        ((name, path),) = files.paths.items()
        return abi.identify(path, name, channel), files
    return Identity(satellite="", scene=""), files


def _opened(files: ScanFiles, reader: str, channel: str) -> xr.DataArray:
    """The whole scan of the channel, calibrated as it will be computed: nothing of it is read yet."""
    from satpy.scene import Scene

    scene = Scene(reader=reader, filenames=[str(path) for path in files.paths.values()])
    if channel not in scene.available_dataset_names():
        raise WrongKind(f"The scan holds {', '.join(scene.available_dataset_names()) or 'no channel'}, where {channel} is wanted.")
    scene.load([channel])
    return scene[channel]


def _view(scan: xr.DataArray, area: AreaDefinition, cache: Path, parallax: bool) -> View:
    """Where a scan shows an area. Raises OutsideDisk, or WrongKind for a scan of elsewhere."""
    lattice, *first = lattice_of(scan.attrs["area"])
    ground = kept_pixels(lattice, area, cache).counted_from(*first)
    if not ground.visible.any():
        raise OutsideDisk(f"A satellite above {_longitude(scan):g} degrees east sees nothing of {area.area_id}; choose one that stands nearer.")
    if not ground.inside(scan.shape).any():
        raise WrongKind(f"The scan covers no pixel of {area.area_id}: its sector lies elsewhere.")
    if parallax and scan.attrs["units"] != "K":
        raise WrongKind("A solar band tells no temperature by which cloud tops could be put back to where they stand.")
    raised = [pixels.counted_from(*first) for pixels in raised_pixels(lattice, area)] if parallax else []
    rows, columns = needed([ground, *raised], scan.shape)
    ground, *raised = (pixels.counted_from(rows.start, columns.start) for pixels in (ground, *raised))
    return View(rows, columns, ground, raised)


def _calibrated(scan: xr.DataArray, view: View) -> np.ndarray:
    """The part of a scan that an area needs (K or %): only here it is read and calibrated."""
    return scan[view.rows, view.columns].values


def _longitude(scan: xr.DataArray) -> float:
    return float(scan.attrs["area"].crs.to_cf()["longitude_of_projection_origin"])


def _fields(pixels: Pixels, values: np.ndarray, flags: np.ndarray | None, meanings: dict[str, int], kelvin: bool) -> xr.Dataset:
    name, units, title = ("brightness_temperature", "K", "toa_brightness_temperature") if kelvin else ("reflectance", "%", "toa_bidirectional_reflectance")
    fields = xr.Dataset({name: (("y", "x"), pixels.taken(values, np.nan).astype("float32"), {"standard_name": title, "units": units})})
    if flags is not None:
        named = {**meanings, "outside_scan": abi.FILL}
        attributes = {"standard_name": "quality_flag", "flag_values": list(named.values()), "flag_meanings": " ".join(named)}
        fields["quality"] = (("y", "x"), pixels.taken(flags, abi.FILL), attributes)
    return fields


def _times(scan: xr.DataArray, identity: Identity, rows: slice) -> dict[str, str]:
    """When the scan began and ended, and its middle: that of the needed lines, where those that are there tell their times."""
    observed = scan.attrs.get("time_parameters", {})
    start, end = (np.datetime64(observed.get(f"observation_{edge}", scan.attrs[edge]), "ms") for edge in ("start_time", "end_time"))
    lines = np.array([start, end])
    if "acq_time" in scan.coords and identity.segments:
        there = [row for row in range(rows.start, rows.stop) if row // hrit.SEGMENT_LINES + 1 in identity.segments]
        lines = scan["acq_time"].values[there].astype("datetime64[ms]") if there else lines
    middle = lines.min() + (lines.max() - lines.min()) // 2
    return {"scan_start": iso(start), "scan_end": iso(end), "middle": iso(middle)}


def _gaps(files: ScanFiles, identity: Identity, rows: slice, channel: str) -> list[str]:
    """Sentences on the segments that the area needs and that are missing or cannot be read."""
    missing = hrit.missing_segments(identity.segments, range(rows.start, rows.stop)) if identity.segments else []
    faults = [f"{name} is left out: {fault}." for name, fault in files.faults.items()]
    return [f"Segment {number} of {channel} is missing: that part of the area has no value." for number in missing] + (faults if missing else [])


def _night(area: AreaDefinition, middle: str) -> list[str]:
    """A sentence where the sun is below the horizon over the area, or a part of it."""
    from pyorbital.astronomy import cos_zen

    dark = float((cos_zen(parse_time(middle), *area.get_lonlats()) <= 0.0).mean())
    return [f"The sun is below the horizon over {dark:.0%} of the area: reflectance is nothing but noise there."] if dark > 0.0 else []
