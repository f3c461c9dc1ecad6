"""`make background-samples`: what every GRIB file of the samples gives; docs/background_samples.md."""

import logging
import os
from pathlib import Path
from typing import Any

import xarray as xr
from pyproj import Proj
from rich.progress import track

from flows.studies.tables import markdown
from stormcycle.background.describe import described
from stormcycle.background.fields import read_fields
from stormcycle.background.grids import SourceGrid
from stormcycle.background.planning import CHANNELS
from stormcycle.background.reading import read_analysis
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.grids import area
from stormcycle.times import parse_time

DOCUMENT = Path(__file__).parents[2] / "docs" / "background_samples.md"
SHAPE, SPACING_M = (33, 33), 4400.0
LISCA = (15.29, 46.07)
SETS = {"ARPEGE, its three files together": ("arpege_2m", "arpege_10m", "arpege_P")}
"""Files of one run that are also read as a set, by the beginnings of their names."""
SHOWN = {"t850": 1, "u850": 1, "v850": 1, "r850": 0, "t2m": 1, "r2m": 0, "mslp": 0}
"""Channels whose range is shown, with its digits."""
HEAD = f"""# What each GRIB sample gives

Made by `make background-samples`: `stormcycle inspect` of every file of the model samples. A channel is held when the file
holds its field, or what it follows from (both components of wind; specific humidity or dew point with temperature); up to two
levels are interpolated in log p between others. Beside it what `xarray.open_dataset(file, engine="cfgrib")` makes of the file.

{{files}}

## Analyses

The state on {SHAPE[0]}x{SHAPE[1]} points of {SPACING_M / 1000:g} km in the middle of each grid (around Lisca where it goes round the
world), at the last time of the file. Winds are along the area's axes; ranges are over the area.

{{analyses}}
"""


def main() -> None:
    """Describe every file, make the analysis that it gives in the middle of its grid, and write the document."""
    files = sorted((Path(os.environ["STORMCYCLE_DATA"]) / "nwp").iterdir())
    told = read_each(described, [(path, path.name) for path in files])
    by_cfgrib = read_each(variables_of_cfgrib, [(path,) for path in files])
    rows = [_row(path, found, other) for path, found, other in zip(files, told, by_cfgrib, strict=True)]
    wholes = {path.name: [path] for path in files} | {name: [path for path in files if path.name.startswith(those)] for name, those in SETS.items()}
    made = [row for name, those in track(wholes.items(), "analyses") if (row := _analysed(name, those)) is not None]
    DOCUMENT.write_text(HEAD.format(files="\n".join(markdown(rows)), analyses="\n".join(markdown(made))))


def variables_of_cfgrib(path: Path) -> str:
    """The variables that cfgrib gives of a file that it is asked to open as it is; runs in a child process."""
    logging.getLogger("cfgrib").setLevel(logging.CRITICAL)  # it logs a traceback for each field that it drops
    with xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""}) as opened:
        return ", ".join(sorted(map(str, opened.data_vars))) or "none"


def _row(path: Path, found: dict[str, Any] | ReadFailure, by_cfgrib: str | ReadFailure) -> dict[str, object]:
    if isinstance(found, ReadFailure):
        raise RuntimeError(f"{path.name} of the samples cannot be read: {found.reason}")
    figures = found["figures"]
    valid, base = figures["valid_times"], figures["base_times"]
    held, between = figures["channels"], figures["interpolated"]
    return {
        "file": path.name,
        "ecCodes": f"{found['state']}, fields: {figures['fields']}",
        "cfgrib": by_cfgrib if isinstance(by_cfgrib, str) else by_cfgrib.error,
        "edition": ", ".join(map(str, figures["editions"])),
        "model": ", ".join(figures["models"]),
        "grid": ", ".join(figures["grids"]),
        "run": base[0] if len(base) == 1 else f"{len(base)} from {base[0]}",
        "valid": valid[0] if len(valid) == 1 else f"{len(valid)} to {valid[-1]}",
        "channels held": f"{len(held)}: {_briefly(held)}" if held else "none",
        "interpolated": _briefly(between) or "none",
        "analysis": figures["analysis"],
    }


def _briefly(channels: list[str]) -> str:
    """Channels as people write them: quantities that share their levels together."""
    quantities: dict[tuple[str, ...], list[str]] = {}
    for what in "tuvr":
        levels = tuple(channel[1:] for channel in channels if channel[0] == what and channel[1:].isdigit())
        quantities.setdefault(levels, []).append(what)
    upper = [f"{', '.join(those)} at {', '.join(levels)} hPa" for levels, those in quantities.items() if levels]
    return "; ".join(upper + [channel for channel in channels if not channel[1:].isdigit()])


def _analysed(name: str, paths: list[Path]) -> dict[str, object] | None:
    """The analysis in the middle of the first file's grid at its last time; None where no file holds a channel."""
    known = read_fields(paths[0], paths[0].name).fields
    if not known:
        return None
    longitude, latitude = _middle(known[0].grid)
    here = area("here", f"+proj=laea +lat_0={latitude:.2f} +lon_0={longitude:.2f} +ellps=WGS84", SHAPE, SPACING_M, (0.0, 0.0))
    found = read_analysis([(path, path.name) for path in paths], parse_time(str(known[-1].valid_time)), here)
    if isinstance(found, ReadFailure):
        return None
    return {
        "files": name,
        "valid": found.attrs["valid_time"],
        "lead h": f"{found.attrs['lead_hours']:g}",
        "middle": f"{latitude:.2f} N, {longitude:.2f} E",
        "channels": f"{int(found['present'].sum())} of {len(CHANNELS)}",
        **{channel: _range(found.sel(channel=channel), digits) for channel, digits in SHOWN.items()},
        "analysis": found.attrs["analysis"],
    }


def _range(channel: xr.Dataset, digits: int) -> str:
    values = channel["state"]
    return f"{float(values.min()):.{digits}f} to {float(values.max()):.{digits}f}" if channel["present"] else "-"


def _middle(grid: SourceGrid) -> tuple[float, float]:
    """Longitude and latitude (degrees) of the middle of a grid."""
    x, y = grid.x + grid.dx * (grid.columns - 1) / 2, grid.y + grid.dy * (grid.rows - 1) / 2
    if not grid.in_degrees:
        return Proj(grid.projection)(x, y, inverse=True)
    return LISCA if abs(grid.dx) * grid.columns > 180.0 else (x, y)


if __name__ == "__main__":
    main()
