"""From an imager's pixels to a grid by indices that are computed once and kept between cycles.

A geostationary imager scans a fixed grid: every scene of it, wherever a mesoscale sector stands, is a window of one lattice
of pixel centres. The pixel of that lattice nearest to each pixel of an area is found once (pyresample's k-d tree, as Satpy's
`nearest`) and serves all scenes. Where the nearest pixel of the lattice is none of the scene, the area's pixel lies further
than half a pixel beyond the scene and has no value: nothing is stretched over an edge. (Gradient search is not used: it
drops chunks of GOES scenes, pyresample issue 442.)
"""

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pyproj import CRS, Proj
from pyresample.geometry import AreaDefinition

from stormcycle.cycle.digests import json_digest
from stormcycle.cycle.files import replace_file

NOWHERE = np.iinfo(np.int32).min
"""Row and column of an area's pixel that the satellite does not see."""
MARGIN = 3
"""Pixels around what an area needs, in which its nearest neighbours are looked for."""
FAR_M = 100_000.0
"""No pixel is larger than this but at the very limb, where nothing is seen."""


@dataclass(frozen=True)
class Lattice:
    """The pixel centres of a fixed grid, without end: `(column + phase_x) * step_x` metres in the projection (WKT), rows
    likewise. Steps have a sign: rows go north to south, but those of SEVIRI, whose columns go east to west.
    """

    projection: str
    step_x: float
    step_y: float
    phase_x: float
    phase_y: float


@dataclass(frozen=True)
class Pixels:
    """For each pixel of an area (y, x) the row and the column of the lattice that lies nearest; NOWHERE beyond the disk."""

    rows: np.ndarray
    columns: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """Which of the area's pixels the satellite sees (y, x)."""
        return np.asarray(self.rows != NOWHERE)

    def inside(self, shape: tuple[int, ...]) -> np.ndarray:
        """Which of the area's pixels (y, x) lie in an array of this shape, whose first pixel is row 0 and column 0."""
        return (self.rows >= 0) & (self.rows < shape[0]) & (self.columns >= 0) & (self.columns < shape[1])

    def counted_from(self, row: int, column: int) -> "Pixels":
        """The same pixels, counted from another first row and column."""
        return Pixels(*(np.where(self.visible, place - first, NOWHERE).astype("int32") for place, first in ((self.rows, row), (self.columns, column))))

    def taken(self, values: np.ndarray, missing: float) -> np.ndarray:
        """The values of an array at the pixels (y, x); `missing` where they lie outside."""
        inside = self.inside(values.shape)
        found = np.full(inside.shape, missing, values.dtype)
        found[inside] = values[self.rows[inside], self.columns[inside]]
        return found


def lattice_of(scene: AreaDefinition) -> tuple[Lattice, int, int]:
    """The lattice of a scene, and the row and column there of the scene's first pixel."""
    left, bottom, right, top = (float(edge) for edge in scene.area_extent)
    step_x, step_y = (right - left) / scene.width, (bottom - top) / scene.height
    column, row = left / step_x + 0.5, top / step_y + 0.5
    phase_x, phase_y = round(column % 1.0, 4) % 1.0, round(row % 1.0, 4) % 1.0
    return Lattice(scene.crs.to_wkt(), round(step_x, 3), round(step_y, 3), phase_x, phase_y), round(row - phase_y), round(column - phase_x)


def needed(seen: Sequence[Pixels], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a scan of this shape in which any of the pixels lie; some do."""
    inside = [pixels.inside(shape) for pixels in seen]
    spans = []
    for places in ([pixels.rows for pixels in seen], [pixels.columns for pixels in seen]):
        within = np.concatenate([place[where] for place, where in zip(places, inside, strict=True)])
        spans.append(slice(int(within.min()), int(within.max()) + 1))
    return spans[0], spans[1]


def kept_pixels(lattice: Lattice, area: AreaDefinition, folder: Path) -> Pixels:
    """The nearest pixels of an area: from the folder where they are kept, else computed and kept there."""
    path = folder / f"{json_digest([asdict(lattice), area.crs.to_wkt(), area.shape, area.area_extent])[:32]}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Pixels(kept["rows"], kept["columns"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):  # absent, or damaged in any way
        pixels = nearest_pixels(lattice, area)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **asdict(pixels))
    with suppress(OSError):  # a cache that cannot be written costs time, not the image
        replace_file(path, buffer.getvalue())
    return pixels


def nearest_pixels(lattice: Lattice, area: AreaDefinition) -> Pixels:
    """The pixel of a lattice nearest to each pixel of an area, by the distance of their places on the earth."""
    from pyresample.kd_tree import get_neighbour_info

    rows, columns = (np.full(area.shape, NOWHERE, "int32") for _ in range(2))
    x, y = Proj(CRS.from_wkt(lattice.projection))(*area.get_lonlats())
    seen = np.isfinite(x) & np.isfinite(y)
    if not seen.any():
        return Pixels(rows, columns)
    first_row, last_row = _span(y[seen] / lattice.step_y - lattice.phase_y)
    first_column, last_column = _span(x[seen] / lattice.step_x - lattice.phase_x)
    window = _window(lattice, (first_row, last_row), (first_column, last_column))
    known, wanted, index, _ = get_neighbour_info(window, area, FAR_M, neighbours=1, reduce_data=False)
    found = np.zeros(area.size, bool)
    found[wanted] = index < known.sum()
    found &= seen.ravel()
    nearest = np.flatnonzero(known)[index[found[wanted]]]
    rows.flat[found], columns.flat[found] = first_row + nearest // window.width, first_column + nearest % window.width
    return Pixels(rows, columns)


def _span(position: np.ndarray) -> tuple[int, int]:
    return int(np.floor(position.min())) - MARGIN, int(np.ceil(position.max())) + MARGIN


def _window(lattice: Lattice, rows: tuple[int, int], columns: tuple[int, int]) -> AreaDefinition:
    """A part of the lattice, from a first to a last row and column."""
    left, right = ((edge + lattice.phase_x) * lattice.step_x for edge in (columns[0] - 0.5, columns[1] + 0.5))
    top, bottom = ((edge + lattice.phase_y) * lattice.step_y for edge in (rows[0] - 0.5, rows[1] + 0.5))
    name, width, height = "lattice", columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
    return AreaDefinition(name, name, name, CRS.from_wkt(lattice.projection), width, height, (left, bottom, right, top))
