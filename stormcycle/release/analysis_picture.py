"""The picture of an analysis: what radars summed up, what the operator says before and after, how the state was moved, how the minimisation went."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap
from matplotlib.figure import Figure

from stormcycle.release.drawing import ACCENT, DRY, INK, PAGE, as_text, clock, colour_classes, draw_map, show_field

LEVEL_HPA = 925
CLASSES = np.array([-1.0, -0.8, -0.6, -0.4, -0.2, -0.05, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0])
"""Of an increment, as shares of its greatest magnitude."""
ARROWS = 6
"""An arrow of wind every so many points."""

HOURS = {
    "hourly_sum": "Observed, summed over the hour",
    "hourly_sum_background": "Operator of the background",
    "hourly_sum_analysis": "Operator of the analysis",
}
FIGURES = (
    ("innovation", "innovation_rmse", 1, " dB"),
    ("residual", "residual_rmse", 1, " dB"),
    ("chi-square", "chi_square", 2, ""),
    ("observations", "observations", 0, ""),
)
"""What the head tells: in words, attribute, digits, unit."""


def draw_analysis(analysis: xr.Dataset, path: Path) -> None:
    """Draw the product `analysis` as one PNG of two rows of four panels. The same input gives the same bytes."""
    figure = Figure((19.0, 9.6), dpi=80, facecolor=PAGE, layout="constrained")
    (upper, lower) = figure.subplots(2, 4)
    for axes, (name, title) in zip(upper[:3], HOURS.items(), strict=True):
        values = analysis[name].values
        image = show_field(axes, np.where(values < 13.5, 0.0, values), analysis, *colour_classes("dBZ"))
        draw_map(axes, analysis, names=name == "hourly_sum")
        axes.set_box_aspect(1)
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK if name == "hourly_sum" else ACCENT)
    figure.colorbar(image, ax=upper[2], shrink=0.8, label="dBZ")
    _history(upper[3], analysis)
    moisture = analysis["relative_humidity_increment"].sel(level=LEVEL_HPA).values
    _moved(figure, lower[0], analysis, moisture, f"Humidity {LEVEL_HPA} hPa, increment", "%")
    _moved(figure, lower[1], analysis, analysis["air_temperature_increment"].sel(level=LEVEL_HPA).values, f"Temperature {LEVEL_HPA} hPa, increment", "K")
    wind = [analysis[f"{name}_increment"].sel(level=LEVEL_HPA).values for name in ("x_wind", "y_wind")]
    _moved(figure, lower[2], analysis, np.hypot(*wind), f"Wind {LEVEL_HPA} hPa, increment", "m s-1")
    x, y = np.meshgrid(analysis["x"].values[::ARROWS] / 1000, analysis["y"].values[::ARROWS] / 1000)
    lower[2].quiver(x, y, *(part[::ARROWS, ::ARROWS] for part in wind), color=INK, width=0.003, scale=8.0 * (float(np.hypot(*wind).max()) or 1.0))
    _moved(figure, lower[3], analysis, analysis["air_temperature_2m_increment"].values, "Temperature 2 m, increment", "K")
    when = clock(np.atleast_1d(analysis["valid_time"].values)[0])
    told = ", ".join(f"{word} {float(analysis.attrs[key]):.{digits}f}{unit}" for word, key, digits, unit in FIGURES if key in analysis.attrs)
    figure.suptitle(f"{as_text(analysis.attrs.get('title')) or 'Analysis'} · {when} · {told}", fontsize=13, color=INK)
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _moved(figure: Figure, axes: Axes, analysis: xr.Dataset, values: np.ndarray, title: str, unit: str) -> None:
    """A panel of an increment, in classes of its own greatest magnitude."""
    greatest = float(np.abs(values).max()) or 1.0
    image = show_field(axes, values, analysis, *_classes(greatest))
    draw_map(axes, analysis, names=False, unit=False)
    axes.set_box_aspect(1)
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=ACCENT)
    figure.colorbar(image, ax=axes, shrink=0.8, label=unit, format="%.2g")


def _classes(greatest: float) -> tuple[Colormap, BoundaryNorm]:
    colours = mpl.colormaps["RdBu_r"](np.linspace(0, 1, len(CLASSES) - 1))
    colours[len(CLASSES) // 2 - 1] = mpl.colors.to_rgba(DRY)
    return ListedColormap(colours).with_extremes(over=colours[-1], under=colours[0], bad=(0, 0, 0, 0)), BoundaryNorm(greatest * CLASSES, len(colours))


def _history(axes: Axes, analysis: xr.Dataset) -> None:
    """Cost and gradient by step, as shares of the first."""
    cost, gradient = analysis["cost"].values, analysis["gradient"].values
    axes.semilogy(cost / cost[0], color=INK, label="cost")
    axes.semilogy(gradient, color=ACCENT, label="gradient")
    axes.set_title("Minimisation, shares of the first", loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel("step")
    axes.legend(frameon=False)
    axes.set_box_aspect(1)
    axes.grid(alpha=0.3)
