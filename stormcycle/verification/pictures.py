"""Pictures of scores: CSI by lead, one panel a threshold, one line a method, the size of the sample behind them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

COLOURS = mpl.color_sequences["petroff10"]  # told apart by readers who do not see all colours, doi 10.48550/arXiv.2107.02270
MARKERS = "osD^vPX*<>"


def draw_score_curves(scores: xr.Dataset | Mapping[str, Any], path: Path, step_minutes: float | None = None) -> None:
    """Draws CSI by lead of every method, a panel for each threshold, into a PNG at `path`; bars count the observed pixels.

    scores: the dataset of `scores_of` with a dimension `method` (csi, observed; leads in minutes), or the result of
    `evaluate_sequence`, whose leads are steps: `step_minutes` turns them into minutes. A score of 0/0 leaves a gap.
    Raises ValueError when there is nothing to draw.
    """
    if isinstance(scores, xr.Dataset):
        csi, observed, unit = scores["csi"], scores["observed"], "min"
    else:
        csi, observed = _of_result(scores, step_minutes or 1)
        unit = "min" if step_minutes else "steps"
    if "method" not in csi.dims or not csi.size:
        raise ValueError("There are no scores by method to draw; merge the sums of_method first.")
    if "method" in observed.dims:
        # Methods are judged on the same pixels; where one lacks a lead, the fullest sample is the one shown.
        observed = observed.max("method")

    thresholds = csi["threshold"].values
    columns = min(2, len(thresholds))
    rows = -(-len(thresholds) // columns)
    figure = Figure(figsize=(1.2 + 4.6 * columns, 1.2 + 3.9 * rows), layout="constrained")
    panels = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=[4, 1] * rows)
    curves, samples = panels[0::2].ravel(), panels[1::2].ravel()
    for curve, sample, threshold in zip(curves, samples, thresholds, strict=False):
        _draw_curves(curve, csi.sel(threshold=threshold))
        _draw_sample(sample, observed.sel(threshold=threshold), unit)
        curve.set_title(f"at or above {threshold:g} dBZ", fontsize=10)
    for unused in (*curves[len(thresholds) :], *samples[len(thresholds) :]):
        unused.remove()
    figure.suptitle("Critical success index by lead, pooled over all forecasts", fontsize=12)
    handles, labels = curves[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False)
    figure.savefig(path, dpi=120, format="png")


def draw_reliability(result: Mapping[str, Any], path: Path) -> None:
    """Draws how often what was said with a probability happened, a panel for each threshold, a line a method, into a PNG at `path`.

    Below stands how often it was said. result: of `chances_result`. On the diagonal a method is reliable; Wilks 2019, Statistical Methods in the
    Atmospheric Sciences, section 9.4.4. Raises ValueError when there is nothing to draw.
    """
    methods = result["methods"]
    if not methods:
        raise ValueError("There are no probabilities to draw; give the result of a sequence that was evaluated.")
    thresholds = list(next(iter(methods.values()))["reliability"])
    figure = Figure(figsize=(1.2 + 3.6 * len(thresholds), 5.6), layout="constrained")
    panels = figure.subplots(2, len(thresholds), squeeze=False, sharex=True, height_ratios=[3, 1])
    for (curve, sample), threshold in zip(panels.T, thresholds, strict=True):
        curve.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
        for index, (name, scores) in enumerate(methods.items()):
            told = scores["reliability"][threshold]
            style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)], "markersize": 4.5}
            curve.plot(np.array(told["forecast"], "float64"), np.array(told["observed"], "float64"), label=name, **style)
            sample.plot(np.array(told["forecast"], "float64"), np.maximum(told["count"], 1), **style)
        curve.set_title(f"at or above {threshold} dBZ", fontsize=10)
        curve.set_ylim(-0.02, 1.02)
        curve.grid(color="0.85", linewidth=0.5)
        sample.set_yscale("log")
        sample.set_xlabel("probability that was said")
    panels[0, 0].set_ylabel("how often it happened")
    panels[1, 0].set_ylabel("pixels", color="0.25")
    figure.suptitle(f"Reliability of probabilities, all leads of {result['windows']} windows", fontsize=12)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=110, format="png")


def _draw_curves(panel: Axes, csi: xr.DataArray) -> None:
    leads = csi["lead"].values
    for index, name in enumerate(csi["method"].values):
        values = csi.sel({"method": name}).values  # a keyword `method` would mean xarray's way of filling
        panel.plot(leads, values, label=str(name), color=COLOURS[index % len(COLOURS)], marker=MARKERS[index % len(MARKERS)], markersize=4.5)
    panel.set_ylabel("CSI (1 is perfect)")
    panel.set_ylim(-0.02, 1)
    panel.grid(color="0.85", linewidth=0.5)


def _draw_sample(panel: Axes, observed: xr.DataArray, unit: str) -> None:
    """Bars of the observed pixels at or above the threshold, each with its count."""
    leads, counts = observed["lead"].values, observed.values
    width = 0.8 * float(np.diff(leads).min()) if len(leads) > 1 else 0.8
    bars = panel.bar(leads, counts, width=width, color="0.8")
    compact = EngFormatter(places=1, sep="")
    panel.bar_label(bars, [compact(count) if count >= 10_000 else str(count) for count in counts], fontsize=6.5, color="0.25", padding=1)
    panel.set_ylim(0, 1.45 * max(1, int(counts.max())))
    panel.set_yticks([])
    panel.set_ylabel("observed\npixels", fontsize=8, color="0.25")
    panel.set_xlabel(f"lead ({unit})")
    panel.set_xticks(leads if len(leads) <= 12 else leads[:: -(-len(leads) // 12)])
    panel.tick_params(labelbottom=True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)


def _of_result(result: Mapping[str, Any], step: float) -> tuple[xr.DataArray, xr.DataArray]:
    """CSI (method, threshold, lead) and observed pixels (threshold, lead) of an `evaluate_sequence` result."""
    methods, thresholds = list(result["methods"]), list(result["observed"])
    table = [[result["methods"][name]["zh"]["csi"][threshold] for threshold in thresholds] for name in methods]
    values = np.array(table, "float64")  # None becomes NaN
    coordinates = {"method": methods, "threshold": [float(text) for text in thresholds], "lead": step * np.arange(1, values.shape[-1] + 1)}
    observed = np.array([result["observed"][text] for text in thresholds], "int64")
    return (
        xr.DataArray(values, coordinates, ("method", "threshold", "lead")),
        xr.DataArray(observed, {key: coordinates[key] for key in ("threshold", "lead")}, ("threshold", "lead")),
    )
