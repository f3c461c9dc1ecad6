"""Real scans of the samples for tests: where they lie, copies that are spoiled, and the geometry of their fixed grids by hand."""

import bz2
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from pyresample.geometry import AreaDefinition

from stormcycle.grids import area

Files = tuple[tuple[Path, str], ...]
OKLAHOMA, WEST_AFRICA, PLAINS = (-97.5, 35.0), (-12.0, 14.0), (-101.2, 40.0)
"""Centres (longitude, latitude) in the CONUS scene, the SEVIRI segments and the mesoscale scene of 2017."""


def square(centre: tuple[float, float], pixels: int, resolution_m: float) -> AreaDefinition:
    """A square area around a place."""
    projection = f"+proj=laea +lat_0={centre[1]} +lon_0={centre[0]} +ellps=WGS84 +units=m"
    return area("square", projection, (pixels, pixels), resolution_m, (0.0, 0.0))


def abi(samples: Path, words: str, which: int = 0) -> Files:
    """A real ABI file whose name holds some words."""
    path = sorted((samples / "goes_abi").glob(f"*{words}*"))[which]
    return ((path, path.name),)


def hrit(samples: Path, channel: str, time: str) -> Files:
    """The real segments of a SEVIRI channel at a time of day, with prologue and epilogue."""
    names = sorted((samples / "seviri/hrit").glob(f"*{time}-__.bz2"))
    return tuple((path, path.name) for path in names if channel in path.name or "-_________-" in path.name)


def unpacked(files: Files, folder: Path) -> Files:
    """HRIT files without bzip2, under digests."""
    found = []
    for number, (path, name) in enumerate(files):
        plain = folder / f"{number:08x}"
        plain.write_bytes(bz2.decompress(path.read_bytes()))
        found.append((plain, name.removesuffix(".bz2")))
    return tuple(found)


def spoiled(files: Files, folder: Path, spoil: Callable[[h5py.File], None], name: str | None = None) -> Files:
    """A copy of an ABI file after something was done to it, under its digest as cycles keep it; under another name if wanted."""
    path = folder / "0f1e2d3c"
    shutil.copy(files[0][0], path)
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        spoil(file)
    return ((path, name or files[0][1]),)


def scan_angles(longitude: float, latitude: float, satellite_longitude: float) -> tuple[float, float]:
    """The scan angles x, y (rad) under which GOES sees a place (degrees): Product Definition and Users' Guide, 5.1.2.8.2."""
    equator, pole, distance, eccentricity2 = 6378137.0, 6356752.31414, 42164160.0, 0.00669438
    east, north = math.radians(longitude - satellite_longitude), math.radians(latitude)
    geocentric = math.atan(pole**2 / equator**2 * math.tan(north))
    radius = pole / math.sqrt(1 - eccentricity2 * math.cos(geocentric) ** 2)
    s_x = distance - radius * math.cos(geocentric) * math.cos(east)
    s_y = -radius * math.cos(geocentric) * math.sin(east)
    s_z = radius * math.sin(geocentric)
    return math.asin(-s_y / math.sqrt(s_x**2 + s_y**2 + s_z**2)), math.atan(s_z / s_x)


def number(value: np.ndarray) -> float:
    """A number that netCDF keeps as an array of one, to the six digits that it means."""
    return float(f"{np.asarray(value).reshape(-1)[0]:.7g}")


def place_in(file: h5py.File, longitude: float, latitude: float) -> tuple[float, float]:
    """Row and column, with their fractions, at which a place lies in an ABI file."""
    angles = scan_angles(longitude, latitude, number(file["goes_imager_projection"].attrs["longitude_of_projection_origin"]))
    found = []
    for name, angle in zip(("x", "y"), angles, strict=True):
        attributes = file[name].attrs
        found.append((angle - number(attributes["add_offset"])) / number(attributes["scale_factor"]))
    return found[1], found[0]


def renamed(name: str, pattern: str, text: str) -> str:
    """A name with the first match of a pattern replaced."""
    return re.sub(pattern, text, name, count=1)


def temperature(counts: np.ndarray, file: h5py.File) -> np.ndarray:
    """Brightness temperature (K) of raw counts by the file's own Planck coefficients."""
    attributes = file["Rad"].attrs
    radiance = counts.astype("float64") * number(attributes["scale_factor"]) + number(attributes["add_offset"])
    fk1, fk2, bc1, bc2 = (float(file[f"planck_{name}"][()]) for name in ("fk1", "fk2", "bc1", "bc2"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (fk2 / np.log(fk1 / radiance + 1.0) - bc1) / bc2
