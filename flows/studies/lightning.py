"""`make lightning-study`: GLM files of every era, the detector's pixels, agreement with the real gridded product; docs/lightning.md."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pyproj import CRS
from pyresample.geometry import AreaDefinition
from rich.progress import track
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from flows.studies.tables import markdown
from stormcycle.domain import load_domain
from stormcycle.grids import area
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.satellite.lightning import Sight, extent_density, lightning_ellipsoid, pixel_size, scan_angles
from stormcycle.simulator.instruments.lightning import GRANULE_S, LONGEST_S, seen_flashes
from stormcycle.simulator.nature import flashes, seconds_of, world_of
from stormcycle.times import iso, parse_time

DOCUMENT = Path(__file__).parents[2] / "docs" / "lightning.md"
MINUTE = "G16_s20181830433"
SPAN = (np.datetime64("2018-07-02T04:33:00", "s"), np.datetime64("2018-07-02T04:34:00", "s"))
STEPS = {"flash": 1 / 16, "group": 1 / 4}
"""How finely the gridded product packs its counts."""
SEED, SIMULATED_START = 41, "2026-07-01T18:00Z"
Row = dict[str, Any]


def main() -> None:
    """Measure, and write the document."""
    folder = Path(os.environ["STORMCYCLE_DATA"]) / "goes_glm"
    files = {path.name: read_flashes(path, path.name) for path in track(sorted(folder.glob("*LCFA*.nc")), "files")}
    minute = [file for name, file in files.items() if MINUTE in name]
    products = {scene: _opened(next(folder.glob(f"*{scene}-M3_{MINUTE}*.nc"))) for scene in ("GLMC", "GLMM1")}
    compared = [row for scene, product in products.items() for row in _compared(scene, product, minute)]
    lines = [
        "# Lightning",
        "",
        "Made by `make lightning-study` from the real GLM samples. Definition and sources: stormcycle/satellite/lightning.py; the format:",
        "stormcycle/satellite/lcfa.py.",
        "",
        "## Files of every era",
        "",
        *markdown([_file_row(name, file) for name, file in files.items()]),
        "",
        "Both faults of October 2018 are of one kind: packed offsets that are unsigned and not marked so (GOES-16), or signed and marked unsigned (GOES-17).",
        "Read as their packing says, every offset lies in its file or up to a second and a half before it (a flash may begin in the file before).",
        "",
        "## The detector's pixels",
        "",
        "Mean distance in scan angle between events beside each other, by subarray, in all files, and the size that is used. glmtools looks up",
        "surveyed corners of G16; the rule is symmetric and the same for all satellites.",
        "",
        *markdown(_pixel_rows(list(files.values()))),
        "",
        "## Agreement with the real gridded product",
        "",
        "Three LCFA files of 2018-07-02 04:33 UTC gridded on the product's own fixed grid, beside the product that glmtools made of the same files (packed in",
        "steps of 1/16 flash and 1/4 group; ours is rounded to the same). Shares are of the cells that are lit in either.",
        "",
        *markdown(compared),
        "",
        *_flash_count_lines(products["GLMC"], minute),
        "",
        "What does not match: pixels whose surveyed corners differ from the rule by some microradians (a cell of the product is 56 wide), most of all where",
        "pixels of two subarrays meet. What had to be understood:",
        "",
        "- A flash counts by the share of each cell that its pixels cover, so that counts at edges are no whole numbers.",
        f"- It counts once a location of 28 microradians: {_jitter(minute):.1%} of what flashes add to pixels comes from pixels that one flash lit at two",
        "  jittering locations.",
        "- Files place events on the lightning ellipsoid of their time (14 to 16 km above the equator, 6 km above the poles); they have to be put back on the",
        "  line of sight.",
        "- No flash is filtered, degraded ones neither.",
        "",
        "## Speed",
        "",
        *_speed_lines(minute),
        "",
        "## Simulated flashes beside real ones",
        "",
        f"Medians (events a group: mean) of each real file, and of a simulated hour of the domain demo ({SIMULATED_START}, seed {SEED}; one granule in ten).",
        "",
        *markdown([_likeness(name[15:34], [file]) for name, file in files.items() if file.sizes["flash"]] + [_simulated()]),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _file_row(name: str, file: xr.Dataset) -> Row:
    offsets = (file["event_time"].values - parse_time(file.attrs["start"])) / np.timedelta64(1, "s")
    return {
        "file": name[15:34],
        "events": file.sizes["event"],
        "groups": file.sizes["group"],
        "flashes": file.sizes["flash"],
        "degraded": file.attrs["flashes_degraded"],
        "offsets, s": f"{offsets.min():.2f} to {offsets.max():.2f}" if len(offsets) else "",
        "state": file.attrs["state"],
        "notes": " ".join(file.attrs["notes"]),
    }


def _angles(file: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    sight = Sight(file.attrs["satellite_longitude"], lightning_ellipsoid(parse_time(file.attrs["start"])))
    return scan_angles(file["event_longitude"].values.astype("float64"), file["event_latitude"].values.astype("float64"), sight)


def _pixel_rows(files: Sequence[xr.Dataset]) -> list[Row]:
    """Measured distances of neighbouring events by subarray and axis, beside the size of the rule."""
    found: dict[tuple[str, float], list[tuple[str, np.ndarray]]] = {}
    for file in files:
        spots = np.unique(np.round(np.stack(_angles(file), axis=1) / 4e-6), axis=0) * 4e-6
        for axis, name in enumerate(("eastward", "northward")):
            step = spots[None, :, axis] - spots[:, None, axis]
            first, second = np.nonzero((step > 130e-6) & (step < 250e-6) & (np.abs(spots[None, :, 1 - axis] - spots[:, None, 1 - axis]) < 40e-6))
            middle = (spots[first, axis] + spots[second, axis]) / 2.0
            size = pixel_size(middle, middle)[axis]
            for value in np.unique(size):
                found.setdefault((name, -float(value)), []).append((file.attrs["satellite"], step[first, second][size == value]))
    return [
        {
            "direction": name,
            "satellites": ", ".join(sorted({satellite for satellite, _ in parts})),
            "pairs": sum(len(steps) for _, steps in parts),
            "measured, urad": f"{np.concatenate([steps for _, steps in parts]).mean() * 1e6:.1f}",
            "used, urad": f"{-value * 1e6:.1f}",
        }
        for (name, value), parts in sorted(found.items())
    ]


def _product_area(product: xr.Dataset) -> AreaDefinition:
    """The fixed grid of a gridded product."""
    mapping = {key: value for key, value in product["goes_imager_projection"].attrs.items() if key != "long_name"}
    x, y, height = product["x"].values.astype("float64"), product["y"].values.astype("float64"), mapping["perspective_point_height"]
    half = (x[-1] - x[0]) / (len(x) - 1) / 2.0
    extent = (height * (x[0] - half), height * (y[-1] - half), height * (x[-1] + half), height * (y[0] + half))
    return AreaDefinition("product", "product", "product", CRS.from_cf(mapping), len(x), len(y), extent)


def _opened(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="netcdf4") as file:
        return file.load()


def _compared(scene: str, product: xr.Dataset, minute: Sequence[xr.Dataset]) -> list[Row]:
    found = extent_density(minute, _product_area(product), *SPAN)
    rows = []
    for kind, step in STEPS.items():
        theirs = np.nan_to_num(product[f"{kind}_extent_density"].values)
        ours = np.rint(np.nan_to_num(found[f"{kind}_extent_density"].values) / step) * step
        lit = (ours > 0) | (theirs > 0)
        apart = np.abs(ours - theirs)[lit]
        rows.append(
            {
                "product": f"{scene} {kind} extent density",
                "cells lit": int(lit.sum()),
                "equal": f"{(apart == 0).mean():.3f}",
                "within a step": f"{(apart <= step).mean():.3f}",
                "equal, of all cells": f"{(ours == theirs).mean():.5f}",
                "CSI of lit": f"{((ours > 0) & (theirs > 0)).sum() / lit.sum():.4f}",
                "correlation": f"{np.corrcoef(ours[lit], theirs[lit])[0, 1]:.5f}",
                "mean bias": f"{(ours - theirs)[lit].mean():+.4f}",
                "greatest difference": f"{apart.max():g} of {theirs.max():g}",
                "sum, ours": f"{ours.sum():.0f}",
                "sum, product": f"{theirs.sum():.0f}",
            }
        )
    return rows


def _flash_count_lines(product: xr.Dataset, minute: Sequence[xr.Dataset]) -> list[str]:
    begun = [file.isel(flash=file["flash_start"].values >= SPAN[0]) for file in minute]
    ours, later = (int(extent_density(files, _product_area(product), *SPAN)["flashes"]) for files in (minute, begun))
    total, theirs = sum(file.sizes["flash"] for file in minute), int(np.nansum(product["flash_centroid_density"].values))
    return [
        f"Total flashes: the files hold {total} on the whole disk, {ours} of them with their centroid on the CONUS grid; the product counts {theirs} centroids",
        f"there. It leaves out flashes that began before its minute; without these ours are {later}. In the densities it counts them, as we do.",
    ]


def _jitter(minute: Sequence[xr.Dataset]) -> float:
    """Share of (flash, location) pairs beyond the (flash, pixel) pairs; locations within 60 microradians are of one pixel."""
    locations = pixels = 0
    for file in minute:
        spots = np.stack(_angles(file), axis=1)
        owner = file["group_flash"].values[file["event_group"].values]
        place = np.floor((spots + 0.31) / 28e-6)
        locations += len(np.unique(np.column_stack([place, owner]), axis=0))
        near = cKDTree(spots).query_pairs(60e-6, output_type="ndarray")
        _, pixel = connected_components(coo_matrix((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(spots),) * 2), directed=False)
        pixels += len(np.unique(np.column_stack([pixel, owner]), axis=0))
    return (locations - pixels) / locations


def _speed_lines(minute: Sequence[xr.Dataset]) -> list[str]:
    """The real minute repeated to a quarter of an hour on a grid of 384 x 384 km around its densest storm."""
    start, step = np.datetime64("2018-07-02T04:30:00", "s"), np.timedelta64(GRANULE_S, "s")
    files = []
    for number in range(45):
        file = minute[number % 3].copy()
        file.attrs |= {"start": iso(start + number * step), "end": iso(start + (number + 1) * step)}
        files.append(file)
    events = sum(file.sizes["event"] for file in files)
    places = np.concatenate([np.stack([file["event_longitude"].values, file["event_latitude"].values], axis=1) for file in minute])
    densest = places[np.argmax(cKDTree(places).query_ball_point(places, 1.5, return_length=True))]
    grid = area("storm", f"+proj=laea +lat_0={densest[1]:.2f} +lon_0={densest[0]:.2f} +datum=WGS84 +units=m", (384, 384), 1000.0, (0.0, 0.0))
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        found = extent_density(files, grid, start, start + 45 * step)
        spent.append(time.perf_counter() - begin)
    return [
        f"The real minute repeated to 15 minutes: 45 files, {events} events of the whole disk, on 384 x 384 cells of 1 km around its densest storm",
        f"({int(found['flashes'])} flashes there): {min(spent):.2f} s, the best of three.",
    ]


def _likeness(name: str, files: Sequence[xr.Dataset]) -> Row:
    """Typical figures of flashes."""
    owners = [file["group_flash"].values for file in files]
    groups = np.concatenate([np.bincount(owner) for owner in owners])
    events = np.concatenate([np.bincount(owner[file["event_group"].values]) for owner, file in zip(owners, files, strict=True)])
    energy, area_km2 = (np.concatenate([file[field].values for file in files]) for field in ("event_energy", "flash_area"))
    length = np.concatenate([(file["flash_end"].values - file["flash_start"].values) / np.timedelta64(1, "ms") for file in files])
    return {
        "file": name,
        "flashes": len(groups),
        "groups a flash": f"{np.median(groups):.0f}",
        "events a flash": f"{np.median(events):.0f}",
        "events a group": f"{events.sum() / groups.sum():.2f}",
        "energy of an event, fJ": f"{np.median(energy) * 1e15:.1f}",
        "area of a flash, km2": f"{np.median(area_km2):.0f}",
        "length of a flash, ms": f"{np.median(length):.0f}",
    }


def _simulated() -> Row:
    domain = load_domain("demo")
    world, start = world_of(domain, SEED), parse_time(SIMULATED_START)
    found = []
    for number in range(0, 3600 // GRANULE_S, 10):
        begin = start + np.timedelta64(GRANULE_S * number, "s")
        true = flashes(world, seconds_of(begin) - LONGEST_S, seconds_of(begin) + GRANULE_S)
        seen = seen_flashes(true, domain.grid.projection, begin, SEED)
        found.append(
            xr.Dataset(
                {
                    "group_flash": ("group", seen.groups.flash),
                    "event_group": ("event", seen.events.group),
                    "event_energy": ("event", seen.events.energy_j),
                    "flash_area": ("flash", seen.flashes.area_m2 / 1e6),
                    "flash_start": ("flash", begin.astype("datetime64[ns]") + (seen.flashes.first_s * 1e9).astype("timedelta64[ns]")),
                    "flash_end": ("flash", begin.astype("datetime64[ns]") + (seen.flashes.last_s * 1e9).astype("timedelta64[ns]")),
                }
            )
        )
    return _likeness("simulated", found)


if __name__ == "__main__":
    main()
