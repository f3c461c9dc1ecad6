"""What the pictures of a release are drawn with: colours, panels, maps, legends.

Colours: cmweather's HomeyerRainbow in classes of 5 dBZ. It is made for colour-blind readers: its lightness has one
peak only and it runs from blue to yellow-brown, so that distant classes stay apart under deuteranopia and protanopia;
and, unlike ChaseSpectral, it does not begin in black, so that weak echo looks weak on a light page.
"""

import json
from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any, Literal

import cmweather  # noqa: F401 (registers its colour maps)
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from PIL import Image

from stormcycle.times import Time, iso, parse_time

PAGE, DRY, UNSEEN, HATCH = "#ffffff", "#f4f6f7", "#c4c8cc", "#979da3"
INK, QUIET, ACCENT = "#16202a", "#5c6770", "#d1460a"
PALE_INK, PALE_ACCENT = "#d5d9dc", "#f3d3c4"
BADGES = {"complete": "#0b6e69", "degraded": "#b34700"}
DBZ_LEVELS = np.arange(5, 71, 5)
PROBABILITY_LEVELS = np.array([5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
PANEL_AREA = 17.6  # square inches of a panel, whatever the shape of the grid
NOTE: dict[str, Any] = {"ha": "center", "fontsize": 11, "color": INK, "bbox": {"facecolor": PAGE, "edgecolor": "none", "pad": 5}}


def as_text(value: object) -> str:
    """An attribute as one line of text; an absent one is empty."""
    text = ", ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value or "")
    return text.replace("$", r"\$")  # matplotlib reads what stands between dollars as mathematics


def cut(text: str, length: int) -> str:
    """A text of at most `length` characters."""
    return text if len(text) <= length else f"{text[: length - 2].rstrip()} …"


def clock(time: Time) -> str:
    """A time to the minute, for people: `2015-07-12 01:00 UTC`."""
    return iso(time).replace("T", " ")[:16] + " UTC"


def hour_after(last: Time, lead: float) -> str:
    """The valid time `lead` minutes after T, with its date only where that is another day."""
    text = clock(last + np.timedelta64(int(lead), "m"))
    return text[5:] if text[:10] != clock(last)[:10] else text[11:]


def panel_size(radar: xr.Dataset) -> tuple[float, float]:
    """Width and height of a panel in inches."""
    ratio = radar.sizes["x"] / radar.sizes["y"]
    width = float(np.clip(np.sqrt(PANEL_AREA * ratio), 3.6, 5.4))
    return width, width / ratio


def colour_classes(unit: str) -> tuple[Colormap, BoundaryNorm]:
    """Colour map and classes of reflectivity (dBZ) or probability (%); below the first class is plain."""
    name, levels = ("HomeyerRainbow", DBZ_LEVELS) if unit == "dBZ" else ("PuBu", PROBABILITY_LEVELS)
    colours = mpl.colormaps[name](np.linspace(0 if unit == "dBZ" else 0.12, 1, len(levels) - 1))
    return ListedColormap(colours).with_extremes(under=DRY, over=colours[-1], bad=(0, 0, 0, 0)), BoundaryNorm(levels, len(colours))


def show_field(axes: Axes, field: np.ndarray, radar: xr.Dataset, colours: Colormap, norm: BoundaryNorm) -> AxesImage:
    """A field (y, x) in the axes, km; what was not observed is transparent and shows the hatched ground below."""
    x, y = radar["x"].values / 1000, radar["y"].values / 1000
    dx, dy = abs(x[1] - x[0]) / 2, abs(y[1] - y[0]) / 2
    axes.patch.set(facecolor=UNSEEN, edgecolor=HATCH, hatch="////")
    axes.patch.set_hatch_linewidth(0.6)
    extent = (float(x[0] - dx), float(x[-1] + dx), float(y[-1] - dy), float(y[0] + dy))
    return axes.imshow(np.ma.masked_invalid(field), cmap=colours, norm=norm, extent=extent, origin="upper", interpolation="nearest", aspect="auto")


def draw_map(axes: Axes, radar: xr.Dataset, names: bool, unit: bool = True) -> None:
    """Lines of rounded latitude and longitude with their labels at the frame, km axes, the radars."""
    x, y = radar["x"].values / 1000, radar["y"].values / 1000
    box = axes.get_xlim(), axes.get_ylim()
    across, down = (np.unique([*range(0, len(axis), 8), len(axis) - 1]) for axis in (x, y))  # enough for smooth lines
    halo = [withStroke(linewidth=2, foreground=PAGE)]
    for name, letters, edge in (("latitude", "NS", (slice(None), -1)), ("longitude", "EW", (0, slice(None)))):
        if name not in radar.coords:
            continue
        degrees = radar[name].values.astype("float64")
        if name == "longitude" and np.nanmax(degrees) - np.nanmin(degrees) > 180:  # across the date line
            degrees = degrees % 360
        low, high = np.nanmin(degrees), np.nanmax(degrees)
        step = next((s for s in (0.1, 0.25, 0.5, 1, 2, 5, 10) if (high - low) / s <= 5), 20)
        levels = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        if len(levels):
            axes.contour(x[across], y[down], degrees[np.ix_(down, across)], levels=levels, colors=INK, linewidths=0.7, alpha=0.32, linestyles="dashed")
        for level in levels:
            along = degrees[edge] - level
            for at in np.flatnonzero(along[:-1] * along[1:] <= 0)[:1]:
                share = at / (len(along) - 1)
                if 0.08 < share < 0.9:  # not in a corner, where the other labels stand
                    east = (level + 180) % 360 - 180 if name == "longitude" else level
                    label = f"{abs(east):g}°{letters[0] if east >= 0 else letters[1]}"
                    x_at, y_at, ha, va = (0.985, 1 - share, "right", "center") if name == "latitude" else (share, 0.985, "center", "top")
                    axes.text(x_at, y_at, label, transform=axes.transAxes, ha=ha, va=va, fontsize=7.5, color=INK, path_effects=halo)
    sites = json.loads(radar.attrs.get("sites") or "{}")
    for name, (east_m, north_m) in sites.items():
        axes.plot(east_m / 1000, north_m / 1000, marker="^", markersize=5.5, color=INK, markeredgecolor=PAGE, markeredgewidth=0.9)
        if names and len(sites) <= 20:  # more would hide the echo
            spot: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 7, "path_effects": halo}
            axes.annotate(as_text(name), (east_m / 1000, north_m / 1000), (0, -6), **spot)
    axes.set(xlim=box[0], ylim=box[1])
    axes.tick_params(labelsize=8, colors=QUIET, length=3)
    axes.locator_params(nbins=6)
    axes.spines[:].set_color(QUIET)
    if unit:
        axes.annotate("km", (0, 0), (-6, -7), xycoords="axes fraction", textcoords="offset points", ha="right", va="top", fontsize=8, color=QUIET)


def say(axes: Axes, sentence: str) -> None:
    """An empty panel that says in words why it is empty."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=HATCH, linestyle=(0, (4, 3)))
    axes.text(0.5, 0.5, fill(sentence, 30), transform=axes.transAxes, ha="center", va="center", fontsize=12, color=QUIET, linespacing=1.5)


def colour_bar(figure: Figure, axes: Axes, unit: str, orientation: Literal["vertical", "horizontal"], size: float) -> None:
    """A colour bar of reflectivity or probability in its own axes."""
    colours, norm = colour_classes(unit)
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=axes, orientation=orientation, ticks=[b for b in norm.boundaries if b % 10 == 0])
    bar.ax.tick_params(labelsize=size, length=0, pad=2, colors=INK)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    bar.ax.set_xlabel(unit, fontsize=size)


def legend_strip(figure: Figure, total: tuple[float, float], left: float, probable: bool) -> None:
    """Below the panels: the colour bars and what plain and hatched ground mean."""
    width = total[0] - left - 0.3

    def place(start: float, share: float) -> Axes:
        return figure.add_axes(((left + start * width) / total[0], 0.78 / total[1], share * width / total[0], 0.17 / total[1]))

    for unit, name, start, share in (("dBZ", "Reflectivity, dBZ", 0.0, 0.38), ("%", "Probability, %", 0.42, 0.22))[: 2 if probable else 1]:
        axes = place(start, share)
        colour_bar(figure, axes, unit, "horizontal", 8.5)
        axes.set_xlabel(name, fontsize=9, color=INK, labelpad=2)
    ground: list[Artist] = [
        Patch(facecolor=DRY, edgecolor=HATCH, label="no echo, or < 5 dBZ"),
        Patch(facecolor=UNSEEN, edgecolor=HATCH, hatch="////", label="not observed"),
    ]
    ground.append(Line2D([], [], marker="^", linestyle="none", color=INK, label="radar"))
    corner = (1 - 0.2 / total[0], 1.04 / total[1])
    figure.legend(handles=ground, loc="upper right", bbox_to_anchor=corner, ncols=3, frameon=False, fontsize=9, columnspacing=1.1, handletextpad=0.5)


def page_header(figure: Figure, radar: xr.Dataset, products: Mapping[str, xr.Dataset], total: tuple[float, float]) -> None:
    """Title, cycle time and model, the badge, and the reasons of degradation in one line."""
    state, left = as_text(radar.attrs.get("state")) or "state not stated", 0.75 / total[0]
    model = " ".join(as_text(products["nowcast"].attrs.get(key)) for key in ("model", "model_version")).strip() if "nowcast" in products else ""
    cycle = as_text(radar.attrs.get("cycle_time"))
    parts = [f"Cycle {clock(parse_time(cycle))}" if cycle else "", as_text(radar.attrs.get("domain")), f"nowcast by {model}" if model else ""]
    title = cut(as_text(radar.attrs.get("title")) or "Radar and nowcast", int(total[0] * 5))
    figure.text(left, 1 - 0.5 / total[1], title, fontsize=19, fontweight="bold", color=INK)
    figure.text(left, 1 - 0.84 / total[1], "   ·   ".join(part for part in parts if part), fontsize=11.5, color=QUIET)
    badge = {"boxstyle": "round,pad=0.45", "facecolor": BADGES.get(state, QUIET), "edgecolor": "none"}
    figure.text(1 - 0.42 / total[0], 1 - 0.48 / total[1], state.upper(), fontsize=12.5, fontweight="bold", color=PAGE, ha="right", bbox=badge)
    reasons = cut(as_text(radar.attrs.get("degraded")).replace("; ", "  ·  "), int(total[0] * 12))
    figure.text(left, 1 - 1.14 / total[1], reasons, fontsize=10, color=BADGES["degraded"])


def animation_palette() -> Image.Image:
    """The colours of every frame of the animation: the classes, the grounds, and the inks' blends with the page."""
    grounds = [np.array(to_rgb(colour)) for colour in (PAGE, DRY, UNSEEN, HATCH, QUIET, PALE_ACCENT, PALE_INK)]
    inks = [np.array(to_rgb(colour)) for colour in (INK, ACCENT)]
    exact = [*colour_classes("dBZ")[0](np.arange(len(DBZ_LEVELS) - 1))[:, :3], *grounds, *inks]
    blends = [share * ink + (1 - share) * ground for ink in (*inks, grounds[3]) for ground in (grounds[0], grounds[2]) for share in np.linspace(0.1, 0.9, 9)]
    dashed = [0.7 * colour + 0.3 * inks[0] for colour in exact]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * np.array([*exact, *blends, *dashed])).astype("uint8").tobytes())
    return palette
