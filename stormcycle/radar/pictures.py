"""Pictures of polar fields: what quality control took away and why, and where a radar's outlier gates lie."""

from pathlib import Path

import cmweather  # noqa: F401  (registers its colour maps)
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from stormcycle.radar.quality.flags import GateFlag
from stormcycle.radar.sweeps import gate_ranges, sweeps_by_azimuth
from stormcycle.states import NO_ECHO_DBZ

SHOWN = (GateFlag.NOT_WEATHER, GateFlag.STATIC_CLUTTER, GateFlag.SPECKLE, GateFlag.BEAM_BLOCKED, GateFlag.OUTLIER_GATE)
COLOURS = ("#7b3294", "#d95f02", "#1b9e77", "#8c510a", "#e7298a")


def draw_quality(volume: xr.Dataset, flags: np.ndarray, cleaned: xr.Dataset, title: str, path: Path) -> None:
    """The lowest sweep before and after quality control (dBZ), and between them why gates were rejected."""
    number, rays, _ = min(sweeps_by_azimuth(volume), key=lambda item: float(np.median(volume["elevation"].values[item[1]])))
    ranges = gate_ranges(volume, number)
    far = (flags[rays][:, : len(ranges)] & GateFlag.BEYOND_RANGE).all(axis=0)
    count = int((~far).sum())
    x, y = _places(volume["azimuth"].values[rays], ranges[:count])
    figure = Figure(figsize=(16, 5.6), layout="constrained")
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    for panel, (name, values) in zip(panels[[0, 2]], (("before", volume), ("after", cleaned)), strict=True):
        field = values["reflectivity"].values[rays, :count]
        panel.set_facecolor("#d9d9d9")
        panel.pcolormesh(x, y, np.where(np.isnan(field), np.nan, 0.0), cmap=ListedColormap(["white"]), rasterized=True)
        shown = panel.pcolormesh(x, y, np.where(field > NO_ECHO_DBZ, field, np.nan), cmap="ChaseSpectral", vmin=-10, vmax=70, rasterized=True)
        panel.set_title(name)
    figure.colorbar(shown, ax=panels[2], label="reflectivity, dBZ", shrink=0.8)
    why = np.full((len(rays), count), np.nan)
    for index, flag in enumerate(SHOWN):
        why[(flags[rays, :count] & flag) > 0] = index
    reasons = panels[1].pcolormesh(x, y, why, cmap=ListedColormap(COLOURS), norm=BoundaryNorm(np.arange(len(SHOWN) + 1) - 0.5, len(SHOWN)), rasterized=True)
    bar = figure.colorbar(reasons, ax=panels[1], ticks=range(len(SHOWN)), shrink=0.8)
    bar.ax.set_yticklabels([str(flag.name).lower().replace("_", " ") for flag in SHOWN])
    panels[1].set_title("rejected for")
    _finish(figure, panels, f"{title}, {float(np.median(volume['elevation'].values[rays])):.1f} deg", path)


def draw_mask(mask: xr.Dataset, path: Path) -> None:
    """Where a mask's outlier gates lie, beside the distances that decided."""
    x, y = _places(mask["azimuth"].values, mask["range"].values)
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    distance = mask["distance"].values
    shown = panels[0].pcolormesh(x, y, np.where(np.isfinite(distance), distance, np.nan), cmap="viridis", rasterized=True)
    panels[0].set_title("Mahalanobis distance (grey: never an echo)")
    panels[0].set_facecolor("#bdbdbd")
    figure.colorbar(shown, ax=panels[0], shrink=0.8)
    panels[1].pcolormesh(x, y, mask["outlier"].values, cmap=ListedColormap(["white", COLOURS[-1]]), rasterized=True)
    panels[1].set_title("outlier gates")
    _finish(figure, panels, f"{mask.attrs['site']}, {mask.attrs['elevation_deg']:.1f} deg, {mask.attrs['scans']} scans", path)


def _places(azimuth: np.ndarray, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """East and north (km) of the corners of gates, on a flat earth: enough to look at."""
    turn = np.degrees(np.unwrap(np.radians(azimuth)))
    angle = np.radians(_edges(turn))[:, None]
    edges = _edges(ranges)[None] / 1000.0
    return edges * np.sin(angle), edges * np.cos(angle)


def _edges(centres: np.ndarray) -> np.ndarray:
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _finish(figure: Figure, panels: np.ndarray, title: str, path: Path) -> None:
    for panel in panels:
        panel.set_aspect("equal")
        panel.set_xlabel("km east")
    panels[0].set_ylabel("km north")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})
