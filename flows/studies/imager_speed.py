"""`make imager-speed`: a CONUS scene of ABI on a 1 km grid beside stock Satpy in one run; docs/imager_speed.md and its picture."""

import cProfile
import multiprocessing
import os
import pstats
import re
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xarray as xr
from pyresample.geometry import AreaDefinition

from flows.studies.tables import markdown
from stormcycle.grids import area
from stormcycle.satellite import read_image

DOCS = Path(__file__).parents[2] / "docs"
CHANNEL, READER = "C10", "abi_l1b"
ROUNDS, WARM = 3, 7
PLAINS, STORM = (-97.5, 35.0), (-106.8, 19.8)
"""Centres (longitude, latitude): the grid that is timed, and hurricane Orlene, which is drawn."""
KINDS = ("ours, first cycle", "ours, later cycle", "stock Satpy")
NEW = ("Python, xarray, pyresample", "import Satpy", "xarray loads its backends", "first read", "second read")
STEPS = {
    "is the file what its name says": "_identified",
    "Satpy opens and describes it": "_opened",
    "kept indices, rows and columns": "_view",
    "read and calibrate those": "_calibrated",
}
"""Step -> the function of stormcycle.satellite.imager that it is."""


def main() -> None:
    """Measure both, each figure in a process of its own, write the document, draw the picture."""
    scans = sorted((Path(os.environ["STORMCYCLE_DATA"]) / "goes_abi").glob(f"*RadC*{CHANNEL}*"))
    with tempfile.TemporaryDirectory() as folder:
        agree = _alone(agreement, scans[0], Path(folder))  # and keeps the indices
        rounds = [_alone(warm, scans, Path(folder)) for _ in range(ROUNDS)]
        new = {kind: _alone(fresh, kind, scans[0], Path(folder)) for kind in KINDS}
        three = {kind: _alone(memory, kind, scans[0], Path(folder)) for kind in (*KINDS, "imports alone")}
        shares, parts = _alone(steps, scans, Path(folder)), _alone(stock_steps, scans)
        _alone(draw, scans[0], Path(folder), DOCS / "pictures" / "imager.png")
    first, later, _ = KINDS
    lines = [
        "# A CONUS scene of ABI on a 1 km grid, beside stock Satpy",
        "",
        f"Made by `make imager-speed`: {CHANNEL} of GOES-16, 2022-10-02 11:01 and 11:06 UTC (1500 x 2500 pixels), on 384 x 384 pixels of 1 km around",
        "35 N 97.5 W; files in the page cache, two cores that other work shares. Stock Satpy: `Scene`, `load`, `resample` with `nearest`, its default",
        f"scheduler, no indices kept. A first cycle computes the indices, a later one finds them kept. Warm: the three take turns {WARM} times in one process",
        "after a turn that is not counted; medians, of the clock and of the processor.",
        "",
        *markdown([row for number, found in enumerate(rounds, 1) for row in _rows(number, found)]),
        "",
        f"Later cycles take 1/{_ratio(rounds, later):.1f} of stock Satpy's processor time, first cycles 1/{_ratio(rounds, first):.1f} (medians of the rounds).",
        "",
        "## Where the time goes",
        "",
        "A new process spends most of its time on imports: its own, and xarray's, which loads every installed backend (cfgrib, wradlib, xradar,",
        "matplotlib) to guess which of them opens a file, since Satpy does not name one. They are paid once a process, whatever it reads; so a cycle's scans",
        "should be read by few processes. Processor time:",
        "",
        *markdown([{"in a new process, s": kind, **{name: f"{new[kind][name]:.2f}" for name in NEW}} for kind in KINDS]),
        "",
        f"A warm read of a later cycle ({shares.pop('all') * 1000:.0f} ms under a profiler), and of stock Satpy:",
        "",
        *markdown([{"ours": name, "share": f"{share:.0%}"} for name, share in shares.items()]),
        "",
        *markdown([{"stock Satpy": name, "share": f"{seconds / sum(parts.values()):.0%}"} for name, seconds in parts.items()]),
        "",
        "## Memory",
        "",
        "The peak of a process (VmHWM, which begins anew with the program; `ru_maxrss` carries over what the parent held) for one channel, and for three",
        f"that are kept: {CHANNEL} is the only thermal channel of a whole CONUS scene at hand, so it is read three times, as three channels would be.",
        "",
        *markdown([{"MiB": kind, "one channel": f"{new[kind]['peak']:.0f}" if kind in new else "", "three": f"{peak:.0f}"} for kind, peak in three.items()]),
        "",
        "## Do both say the same?",
        "",
        f"{agree['same']} of {agree['pixels']} pixels are equal to the last bit; the largest difference of the others is {agree['largest']:.2f} K.",
        "",
        "![C10 as scanned, and on the grid](pictures/imager.png)",
    ]
    (DOCS / "imager_speed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """A function's result, from a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def warm(scans: list[Path], folder: Path) -> dict[str, tuple[float, float]]:
    """For each kind the median seconds of a read, by the clock and by the processor; kinds take turns in one process."""
    warnings.simplefilter("ignore")
    grid = _grid(PLAINS, 384, 1000.0)
    turns = [{kind: _seconds(_read, kind, scans[number % 2], grid, folder) for kind in KINDS} for number in range(WARM + 1)][1:]
    return {kind: (median(turn[kind][0] for turn in turns), median(turn[kind][1] for turn in turns)) for kind in KINDS}


def fresh(kind: str, scan: Path, folder: Path) -> dict[str, float]:
    """Processor seconds of imports, of the first and of a second read in a new process, and its peak of memory (MiB)."""
    started = time.process_time()
    warnings.simplefilter("ignore")
    read = (_read, kind, scan, _grid(PLAINS, 384, 1000.0), folder)
    found = [started, *(_seconds(*call)[1] for call in ((_import_satpy,), (xr.backends.list_engines,), read, read))]
    return {**dict(zip(NEW, found, strict=True)), "peak": _peak()}


def memory(kind: str, scan: Path, folder: Path) -> float:
    """The process's peak of memory (MiB) when a scene is read three times and all three are kept; of imports alone."""
    warnings.simplefilter("ignore")
    _import_satpy()
    xr.backends.list_engines()
    kept = [_read(kind, scan, _grid(PLAINS, 384, 1000.0), folder) for _ in range(3 if kind in KINDS else 0)]
    peak = _peak()
    del kept
    return peak


def _import_satpy() -> None:
    import satpy.readers.abi_l1b
    import satpy.scene  # noqa: F401


def _seconds(call: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """How long a call takes, by the clock and by the processor."""
    begun, worked = time.perf_counter(), time.process_time()
    call(*arguments)
    return time.perf_counter() - begun, time.process_time() - worked


def _peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, "Linux tells the peak"
    return int(found[1]) / 1024.0


def _grid(centre: tuple[float, float], pixels: int, resolution_m: float) -> AreaDefinition:
    return area("study", f"+proj=laea +lat_0={centre[1]} +lon_0={centre[0]} +ellps=WGS84 +units=m", (pixels, pixels), resolution_m, (0.0, 0.0))


def _read(kind: str, scan: Path, grid: AreaDefinition, folder: Path) -> np.ndarray:
    """The scene on the grid (y, x; K): by us, with indices computed anew or kept in the folder, or by stock Satpy."""
    if kind == KINDS[2]:
        return _stock(scan, grid)[0]
    with tempfile.TemporaryDirectory() as new:
        return ours(scan, grid, folder if kind == KINDS[1] else Path(new))["brightness_temperature"].values


def ours(scan: Path, grid: AreaDefinition, folder: Path) -> xr.Dataset:
    """A scene on a grid as a cycle reads it, without the process and the work store around it."""
    return read_image(((scan, scan.name),), READER, CHANNEL, grid, folder)


def _stock(scan: Path, grid: AreaDefinition) -> tuple[np.ndarray, dict[str, float]]:
    """The scene on the grid by Satpy alone, and the seconds of its steps."""
    from satpy.scene import Scene

    begun = time.perf_counter()
    scene = Scene(reader=READER, filenames=[str(scan)])
    opened = time.perf_counter()
    scene.load([CHANNEL])
    loaded = time.perf_counter()
    values = scene.resample(grid, resampler="nearest")[CHANNEL].values
    ended = time.perf_counter()
    return values, {"`Scene` opens it": opened - begun, "`load` describes it": loaded - opened, "`resample` finds indices, reads, calibrates": ended - loaded}


def stock_steps(scans: list[Path]) -> dict[str, float]:
    """Seconds of the steps of stock Satpy, warm: the median of several reads."""
    warnings.simplefilter("ignore")
    grid = _grid(PLAINS, 384, 1000.0)
    found = [_stock(scans[number % 2], grid)[1] for number in range(WARM + 1)][1:]
    return {name: median(steps[name] for steps in found) for name in found[0]}


def steps(scans: list[Path], folder: Path) -> dict[str, float]:
    """Seconds of a warm read of a later cycle (`all`), and the shares of its steps."""
    warnings.simplefilter("ignore")
    grid = _grid(PLAINS, 384, 1000.0)
    ours(scans[0], grid, folder)
    profile = cProfile.Profile()
    for number in range(WARM):
        profile.runcall(ours, scans[number % 2], grid, folder)
    seconds: dict[str, float] = {}
    for (file, _, name), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if Path(file).parent.name in ("satellite", "studies"):
            seconds[name] = cumulative
    whole = seconds["ours"]
    shares = {title: seconds[name] / whole for title, name in STEPS.items()}
    return {"all": whole / WARM, **shares, "flags, masks, notes, files": 1.0 - sum(shares.values())}


def agreement(scan: Path, folder: Path) -> dict[str, float]:
    """How many pixels are equal, and the largest difference (K)."""
    warnings.simplefilter("ignore")
    grid = _grid(PLAINS, 384, 1000.0)
    mine, theirs = (_read(kind, scan, grid, folder) for kind in KINDS[1:])
    return {"pixels": mine.size, "same": int((mine == theirs).sum()), "largest": float(np.abs(mine - theirs).max())}


def _rows(number: int, found: dict[str, tuple[float, float]]) -> list[dict[str, Any]]:
    clock, processor = found[KINDS[2]]
    return [
        {
            "round": number,
            "warm read": kind,
            "s": f"{seconds:.3f}",
            "stock / this": f"{clock / seconds:.1f}",
            "processor, s": f"{worked:.3f}",
            "of the processor, stock / this": f"{processor / worked:.1f}",
        }
        for kind, (seconds, worked) in found.items()
    ]


def _ratio(rounds: list[dict[str, tuple[float, float]]], kind: str) -> float:
    """How much more processor time stock Satpy takes."""
    return median(found[KINDS[2]][1] / found[kind][1] for found in rounds)


def draw(scan: Path, folder: Path, path: Path) -> None:
    """The whole scene on a coarse grid, and what the square in it holds on the 1 km grid."""
    from matplotlib.figure import Figure

    warnings.simplefilter("ignore")
    wide, close = _grid((-95.0, 36.0), 560, 10000.0), _grid(STORM, 384, 1000.0)
    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, grid, title in ((panels[0], wide, "the CONUS scene on 10 km"), (panels[1], close, "384 x 384 pixels of 1 km")):
        image = ours(scan, grid, folder)
        left, bottom, right, top = (edge / 1000.0 for edge in grid.area_extent)
        panel.set_facecolor("#d9d9d9")
        shown = panel.imshow(image["brightness_temperature"].values, cmap="gray_r", vmin=190, vmax=270, extent=(left, right, bottom, top))
        panel.set_title(f"{title}, {image.attrs['middle'].replace('T', ' ')[:16]} UTC", fontsize=10)
        panel.set_xlabel("km east of the centre")
    corners = np.array(close.corners)
    x, y = wide.get_projection_coordinates_from_lonlat(np.degrees([corner.lon for corner in corners]), np.degrees([corner.lat for corner in corners]))
    panels[0].plot(np.append(x, x[0]) / 1000.0, np.append(y, y[0]) / 1000.0, color="#d1460a", linewidth=1.5)
    figure.colorbar(shown, ax=panels, label=f"{CHANNEL} (7.3 um) brightness temperature, K", shrink=0.8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=75)


if __name__ == "__main__":
    main()
