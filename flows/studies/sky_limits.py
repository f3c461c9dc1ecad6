"""What real imagery, lightning and model fields give for each statistic that a gate limits: a part of `make limits`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.background import analysis_fields, background_fields
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.gates import summaries
from stormcycle.grids import area
from stormcycle.satellite import extent_density, read_flashes, read_image, satellite_fields
from stormcycle.times import Time, parse_time

SIDE = 384
PLACES = ((35.0, -97.5), (30.0, -85.0), (42.0, -105.0))
"""Middle of the grids on which the CONUS scans are looked at (degrees)."""
SAHEL = (14.0, -12.0)
AFTER_SCAN = np.timedelta64(60, "s")
MODELS = (
    ("GFS 2011", "gfs.t12z.pgrbf120.2p5deg.grib2", "2011-01-15T12:00Z", 97, ((50.0, 15.0), (35.0, -97.5), (-20.0, 140.0))),
    ("NAM 2018", "nam.t00z.awp21100.tm00.grib2", "2018-09-17T00:00Z", 97, ((35.0, -97.5), (42.0, -80.0))),
    ("HARMONIE 2018", "arome_arctic_fc2018071000+003grib_fp.grib", "2018-07-10T03:00Z", 33, ((78.5, 16.0),)),
    ("HARMONIE 2018", "arome_arctic_fc2018071000+006grib_fp.grib", "2018-07-10T06:00Z", 33, ((78.5, 16.0),)),
)
"""Sample, file, valid time, points of the analysis grid's side (4.4 km), middles of the grids."""


def sky_rows(data: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of the suites `satellite` and `background` on the real samples; `folder`: for kept indices."""
    yield from _imagery(data / "goes_abi", data / "seviri/hrit", folder)
    yield from _lightning(data / "goes_glm")
    yield from _models(data / "nwp")


def _imagery(abi: Path, hrit: Path, folder: Path) -> Iterator[dict[str, Any]]:
    scans: list[tuple[str, str, str, tuple[tuple[Path, str], ...], tuple[float, float]]]
    scans = [("ABI 2022", "abi_l1b", "C10", ((path, path.name),), place) for path in sorted(abi.glob("OR_ABI-L1b-RadC*")) for place in PLACES]
    for channel in ("IR_108", "WV_062"):
        parts = tuple((path, path.name) for path in sorted(hrit.glob("*202009060000*")) if any(part in path.name for part in (channel, "-PRO_", "-EPI_")))
        scans.append(("SEVIRI 2020", "seviri_l1b_hrit", channel, parts, SAHEL))
    read = read_each(read_image, [(files, reader, channel, _grid(*place, SIDE, 1000.0), folder) for _, reader, channel, files, place in scans])
    for (sample, _, channel, _, _), image in zip(scans, read, strict=True):
        time = parse_time(_sound(image).attrs["scan_end"]) + AFTER_SCAN
        fields = satellite_fields({channel: _sound(image)}, (channel,), None, (SIDE, SIDE), time)
        yield from _rows("satellite", fields, sample, time, "brightness_temperature")


def _lightning(glm: Path) -> Iterator[dict[str, Any]]:
    paths = sorted(glm.glob("OR_GLM-L2-LCFA_G16_s20181830433*"))
    files = [_sound(found) for found in read_each(read_flashes, [(path, path.name) for path in paths])]
    latitudes, longitudes = (np.concatenate([file[f"flash_{axis}"].values for file in files]) for axis in ("latitude", "longitude"))
    boxes, south, west = np.histogram2d(latitudes, longitudes, bins=(np.arange(-50.0, 51.0), np.arange(-130.0, -29.0)))
    busiest = np.unravel_index(np.argmax(boxes), boxes.shape)
    place = _grid(float(south[busiest[0]]) + 0.5, float(west[busiest[1]]) + 0.5, SIDE, 1000.0)
    start, end = parse_time("2018-07-02T04:33Z"), parse_time("2018-07-02T04:34Z")
    fields = satellite_fields({}, ("C13",), extent_density(files, place, start, end), (SIDE, SIDE), end)
    yield from _rows("satellite", fields, "GLM 2018, one minute", end, "flash_extent_density")


def _models(nwp: Path) -> Iterator[dict[str, Any]]:
    asked = [(sample, nwp / name, parse_time(time), _grid(*place, side, 4400.0)) for sample, name, time, side, places in MODELS for place in places]
    read = read_each(analysis_fields, [([(path, path.name)], time, grid) for _, path, time, grid in asked])
    for (sample, _, time, _), found in zip(asked, read, strict=True):
        yield from _rows("background", background_fields(_sound(found)), sample, time)


def _grid(latitude: float, longitude: float, side: int, resolution_m: float) -> Any:
    projection = f"+proj=laea +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
    return area(f"{latitude:g} {longitude:g}", projection, (side, side), resolution_m, (0.0, 0.0))


def _rows(suite: str, fields: xr.Dataset, sample: str, time: Time, variable: str = "") -> list[dict[str, Any]]:
    rows = summaries(fields, suite, time)
    return [{"suite": suite, **row, "sample": sample} for row in rows if variable in ("", row["variable"])]


def _sound(found: "xr.Dataset | ReadFailure") -> xr.Dataset:
    """A sample that was read. Raises ValueError with the reason for one that was not."""
    if isinstance(found, ReadFailure):
        raise ValueError(found.reason)
    return found
