"""The pictures of docs/analysis.md."""

from collections.abc import Mapping
from pathlib import Path

import cmweather  # noqa: F401 (registers its colour maps)
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stormcycle.assimilation.analysis import Outcome
from stormcycle.verification.hourly import COVERAGES_DBZ, coverage

HALF = 20
"""Pixels about the middle of a close-up."""


def draw_coverage(fields: Mapping[str, np.ndarray], known: np.ndarray, path: Path) -> None:
    """Draw the share of observed pixels at or above a reflectivity, a line a source."""
    figure = Figure((7.0, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, values in fields.items():
        axes.plot(
            COVERAGES_DBZ,
            100.0 * coverage(np.nan_to_num(values), known),
            label=name,
            color="black" if name == "observed" else None,
            lw=2.2 if name == "observed" else 1.4,
        )
    axes.set(xlabel="dBZ of the hour's sum", ylabel="% of what radars saw, at or above", yscale="log", ylim=(0.05, 100.0), xlim=(0.0, 55.0))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def draw_operator_scores(scores: Mapping[str, xr.Dataset], path: Path) -> None:
    """Draw POD, CSI and FAR by reflectivity (means of the hours where rain covers enough), and the fractions skill score at 13.5 dBZ by scale."""
    figure = Figure((13.0, 3.8), layout="constrained")
    panels = figure.subplots(1, 4)
    for name, one in scores.items():
        for axes, score in zip(panels[:3], ("pod", "csi", "far"), strict=True):
            axes.plot(one["threshold"], one[f"{score}_mean"], marker="o", ms=3, label=name)
            axes.set(title=score.upper(), xlabel="dBZ", ylim=(0.0, 1.0))
        panels[3].plot(one["window"], one["fss"].sel(threshold=13.5), marker="o", ms=3, label=name)
    panels[3].set(title="FSS at 13.5 dBZ", xlabel="side of the window, points of 4.4 km", ylim=(0.0, 1.0))
    panels[3].legend(frameon=False, fontsize=8)
    for axes in panels:
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


def draw_experiments(hour: xr.Dataset, single: Outcome, cluster: Outcome, discs: Mapping[str, tuple[xr.Dataset, Outcome]], path: Path) -> None:
    """Draw the increments of humidity at 850 hPa of a single observation, of a cluster, and of full discs, these beside what was observed and said."""
    figure = Figure((15.0, 3.3 * (1 + len(discs))), layout="constrained")
    panels = figure.subplots(1 + len(discs), 4)
    row, column = (int(place[0]) for place in np.nonzero(single.used))
    near = (slice(row - HALF, row + HALF + 1), slice(column - HALF, column + HALF + 1))
    for axes, (title, outcome, channel) in zip(
        panels[0],
        (
            ("single observation: humidity 850 hPa, %", single, 14),
            ("single observation: temperature 850 hPa, K", single, 2),
            ("cluster: humidity 850 hPa, %", cluster, 14),
            ("cluster: temperature 850 hPa, K", cluster, 2),
        ),
        strict=True,
    ):
        _increment(axes, (outcome.state - hour["state"].values)[channel][near], title)
    for axes, (name, (one, outcome)) in zip(panels[1:], discs.items(), strict=True):
        seen = one["hourly_sum"].values
        for panel, values, title in (
            (axes[0], seen, f"{name}: observed, dBZ"),
            (axes[1], np.where(np.isnan(seen), np.nan, outcome.said_before), "operator of the background"),
            (axes[2], np.where(np.isnan(seen), np.nan, outcome.said_after), "operator of the analysis"),
        ):
            image = panel.imshow(np.where(values < 13.5, np.nan, values), cmap="HomeyerRainbow", vmin=10, vmax=60)
            panel.set_title(title, fontsize=10, loc="left")
            figure.colorbar(image, ax=panel, shrink=0.8)
        _increment(axes[3], (outcome.state - one["state"].values)[14], "increment of humidity 850 hPa, %")
    for panel in panels.ravel():
        panel.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=70)


def _increment(axes: Axes, values: np.ndarray, title: str) -> None:
    greatest = float(np.abs(values).max()) or 1.0
    image = axes.imshow(values, cmap="RdBu_r", vmin=-greatest, vmax=greatest)
    axes.set_title(title, fontsize=10, loc="left")
    axes.figure.colorbar(image, ax=axes, shrink=0.8)
