"""The picture and the animation of a release: what was observed, what is expected, and what nobody saw.

Colours: cmweather's HomeyerRainbow in classes of 5 dBZ. It is made for colour-blind readers: its lightness has one
peak only and it runs from blue to yellow-brown, so that distant classes stay apart under deuteranopia and protanopia;
and, unlike ChaseSpectral, it does not begin in black, so that weak echo looks weak on a light page.
"""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import cmweather  # noqa: F401 (registers its colour maps)
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image

from stormcycle.times import Time, iso, minutes, parse_time

PAGE, DRY, UNSEEN, HATCH = "#ffffff", "#f4f6f7", "#c4c8cc", "#979da3"
INK, QUIET, ACCENT = "#16202a", "#5c6770", "#d1460a"
PALE_INK, PALE_ACCENT = "#d5d9dc", "#f3d3c4"
BADGES = {"complete": "#0b6e69", "degraded": "#b34700"}
DBZ_LEVELS = np.arange(5, 71, 5)
PROBABILITY_LEVELS = np.array([5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
PANEL_AREA = 17.6  # square inches of a panel, whatever the shape of the grid
FRAME_MS, PAUSE_MS = 200, 1400
NOTE: dict[str, Any] = {"ha": "center", "fontsize": 11, "color": INK, "bbox": {"facecolor": PAGE, "edgecolor": "none", "pad": 5}}


def draw_quicklook(products: Mapping[str, xr.Dataset], path: Path, truth: Mapping[int, np.ndarray] | None = None) -> None:
    """Draw a release as one PNG: observed at T, nowcast at +30 and +60 min, and a row of what helps to judge them.

    `products`: the release's datasets by name; `radar` (valid_time, y, x) is needed, `nowcast` (lead_time, y, x),
    `probability` (threshold, lead_time, y, x; 0..1) and the variable `hourly_sum` (y, x) of `radar` are drawn where
    present. Reflectivity is in dBZ, NaN where not observed. `truth`: lead in minutes -> what was then observed
    (y, x), dBZ; with it the second row shows the outcome, without it probabilities. The same input gives the same bytes.
    """
    radar = products["radar"]
    rows = _panels(products, truth or {})
    width, height = _panel_size(radar)
    left, gap, between, foot = 0.75, 0.28, 0.62, 1.42
    head = 1.62 if radar.attrs.get("degraded") else 1.36
    total = (left + 3 * width + 2 * gap + 0.3, head + len(rows) * height + (len(rows) - 1) * between + foot)
    figure = Figure(total, dpi=100, facecolor=PAGE)
    _header(figure, radar, products, total)
    probable = False
    for r, row in enumerate(rows):
        for c, (kind, title, when, field) in enumerate(row):
            bottom = foot + (len(rows) - 1 - r) * (height + between)
            axes = figure.add_axes((np.array([left + c * (width + gap), bottom, width, height]) / np.tile(total, 2)).tolist())
            axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=ACCENT if kind == "made" else INK)
            axes.set_title(when, loc="right", fontsize=10.5, color=QUIET)
            if isinstance(field, str):
                _say(axes, field)
                continue
            if not np.isfinite(field).any():
                axes.text(0.5, 0.64, "nothing was observed", transform=axes.transAxes, **NOTE)
            _show(axes, field, radar, *_colours("%" if kind == "chance" else "dBZ"))
            _map(axes, radar, names=r == c == 0, unit=c == 0 and r == len(rows) - 1)
            axes.tick_params(labelbottom=r == len(rows) - 1, labelleft=c == 0)
            probable |= kind == "chance"
            if kind == "made":
                axes.spines[:].set(color=ACCENT, linewidth=1.8)
    _strip(figure, total, left, probable)
    source = f"{_text(radar.attrs.get('providers')) or 'provider not stated'} · licence: {_text(radar.attrs.get('licence')) or 'not stated'}"
    figure.text(left / total[0], 0.17 / total[1], _cut(f"Data: {source}", int(total[0] * 15)), fontsize=8.5, color=QUIET)
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def draw_animation(products: Mapping[str, xr.Dataset], path: Path) -> None:
    """Draw a release as a GIF of about 640 x 640 px: the observed frames, then those of the nowcast, 5 frames a second.

    `products`: as for `draw_quicklook`; `radar` is needed, `nowcast` is drawn where present. It rests at T and at the
    end. The nowcast's frames carry its name, lead and colour. The same input gives the same bytes.
    """
    radar, nowcast = products["radar"], products.get("nowcast")
    observed = [(time, None, radar["reflectivity"].values[i]) for i, time in enumerate(radar["valid_time"].values)]
    made = [(time, lead, nowcast["reflectivity"].values[i]) for i, (time, lead) in enumerate(_leads(radar, nowcast))] if nowcast is not None else []
    frames = [*observed, *made]
    rows, columns = observed[0][2].shape
    scale = 5.3 / max(rows, columns)
    width, height = max(columns * scale, 4.3), rows * scale
    total = (width + 1.1, height + 1.42)
    figure = Figure(total, dpi=100, facecolor=PAGE)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes(((0.58 + (width - columns * scale) / 2) / total[0], 0.55 / total[1], columns * scale / total[0], height / total[1]))
    image = _show(axes, frames[0][2], radar, *_colours("dBZ"))
    _map(axes, radar, names=True)
    note = axes.text(0.5, 0.64, "nothing was observed", transform=axes.transAxes, **NOTE)
    bar = figure.add_axes((1 - 0.44 / total[0], 0.55 / total[1], 0.12 / total[0], height / total[1]))
    _bar(figure, bar, "dBZ", "vertical", 7)
    figure.text(0.58 / total[0], 1 - 0.3 / total[1], _cut(_text(radar.attrs.get("title")), int(total[0] * 9)), fontsize=11, fontweight="bold", color=INK)
    clock = figure.text(0.58 / total[0], 1 - 0.63 / total[1], "", fontsize=11, color=INK)
    badge = figure.text(1 - 0.58 / total[0], 1 - 0.63 / total[1], "", fontsize=10, fontweight="bold", color=PAGE, ha="right")
    timeline = figure.add_axes((0.58 / total[0], 0.14 / total[1], width / total[0], 0.07 / total[1]), xlim=(0, len(frames)), ylim=(0, 1))
    timeline.axis("off")
    cells = [timeline.add_patch(Rectangle((i + 0.06, 0), 0.88, 1, facecolor=DRY)) for i in range(len(frames))]
    pictures = []
    for i, (time, lead, field) in enumerate(frames):
        colour = INK if lead is None else ACCENT
        image.set_data(np.ma.masked_invalid(field))
        note.set_visible(not np.isfinite(field).any())
        clock.set_text(_clock(time))
        badge.set_text("OBSERVED" if lead is None else f"NOWCAST  +{lead:.0f} min")
        badge.set_bbox({"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "none"})
        axes.spines[:].set(color=colour, linewidth=1 if lead is None else 2.4)
        for k, cell in enumerate(cells):
            made_cell = k >= len(observed)
            cell.set_facecolor((ACCENT if made_cell else INK) if k <= i else (PALE_ACCENT if made_cell else PALE_INK))
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(palette=_palette(), dither=Image.Dither.NONE))
    rests = {len(observed) - 1, len(frames) - 1}
    stream = io.BytesIO()
    pause = [PAUSE_MS if i in rests else FRAME_MS for i in range(len(frames))]
    pictures[0].save(stream, "GIF", save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=False)
    path.write_bytes(stream.getvalue())


def _panels(products: Mapping[str, xr.Dataset], truth: Mapping[int, np.ndarray]) -> list[list[tuple[str, str, str, Any]]]:
    """Rows of three panels: (kind, title, valid time, field (y, x) or a sentence that says why there is none)."""
    radar = products["radar"]
    last = radar["valid_time"].values[-1]
    observed = ("seen", "Observed", _clock(last), radar["reflectivity"].values[-1])
    nowcast, chance = products.get("nowcast"), products.get("probability")
    made, chances = [], {}
    for lead in (30, 60):
        when = _hour(last, lead)
        field = _at(radar, nowcast, lead)
        made.append(("made", f"Nowcast +{lead} min", when, _why(radar, "nowcast") if field is None else field["reflectivity"].values))
        if (field := _at(radar, chance, lead)) is not None:
            exceedance = next(v for v in field.data_vars.values() if "threshold" in v.dims)
            exceedance = exceedance.isel(threshold=int(np.abs(field["threshold"].values - 30).argmin()))
            chances[lead] = ("chance", f"P(≥ {float(exceedance['threshold']):g} dBZ) +{lead} min", when, 100 * exceedance.values)
    total = ("seen", "Hourly sum, dBZ", f"to {_hour(last, 0)}", radar["hourly_sum"].values if "hourly_sum" in radar else "This release holds no hourly sum.")
    if truth:
        then = [("seen", f"Observed +{lead} min", _hour(last, lead), truth.get(lead, "Nothing to compare with at this lead.")) for lead in (30, 60)]
        return [[observed, *made], [chances.get(30, total), *then]]
    if nowcast is None:  # one panel with the reason is enough, and the sum is worth more than its repetition
        return [[observed, total, ("none", "Nowcast", "", _why(radar, "nowcast"))]]
    return [[observed, *made], [total, chances[30], chances[60]]] if len(chances) == 2 else [[observed, *made]]


def _leads(radar: xr.Dataset, product: xr.Dataset) -> list[tuple[Time, float]]:
    """(valid time, lead in minutes) of each lead of a product."""
    last = radar["valid_time"].values[-1]
    return [(last + lead, minutes(lead)) for lead in product["lead_time"].values]


def _at(radar: xr.Dataset, product: xr.Dataset | None, lead: float) -> xr.Dataset | None:
    """The product at the lead (minutes) nearest to the one asked for, within 3 min; None where there is none."""
    if product is None or not product.sizes["lead_time"]:
        return None
    gaps = [abs(have - lead) for _, have in _leads(radar, product)]
    return product.isel(lead_time=int(np.argmin(gaps))) if min(gaps) <= 3 else None


def _why(radar: xr.Dataset, product: str) -> str:
    """The sentence of the release that says why a product is absent."""
    reasons = [reason for reason in _text(radar.attrs.get("degraded")).split("; ") if product in reason.lower()]
    return f"No {product} at this lead." if not reasons else reasons[0][:1].upper() + reasons[0][1:]


def _text(value: object) -> str:
    """An attribute as one line of text; an absent one is empty."""
    text = ", ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value or "")
    return text.replace("$", r"\$")  # matplotlib reads what stands between dollars as mathematics


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2].rstrip()} …"


def _clock(time: Time) -> str:
    return iso(time).replace("T", " ")[:16] + " UTC"


def _hour(last: Time, lead: float) -> str:
    """The valid time `lead` minutes after T, with its date only where that is another day."""
    text = _clock(last + np.timedelta64(int(lead), "m"))
    return text[5:] if text[:10] != _clock(last)[:10] else text[11:]


def _panel_size(radar: xr.Dataset) -> tuple[float, float]:
    """Width and height of a panel in inches."""
    ratio = radar.sizes["x"] / radar.sizes["y"]
    width = float(np.clip(np.sqrt(PANEL_AREA * ratio), 3.6, 5.4))
    return width, width / ratio


def _colours(unit: str) -> tuple[Colormap, BoundaryNorm]:
    """Colour map and classes of reflectivity (dBZ) or probability (%); below the first class is plain."""
    name, levels = ("HomeyerRainbow", DBZ_LEVELS) if unit == "dBZ" else ("PuBu", PROBABILITY_LEVELS)
    colours = mpl.colormaps[name](np.linspace(0 if unit == "dBZ" else 0.12, 1, len(levels) - 1))
    return ListedColormap(colours).with_extremes(under=DRY, over=colours[-1], bad=(0, 0, 0, 0)), BoundaryNorm(levels, len(colours))


def _show(axes: Axes, field: np.ndarray, radar: xr.Dataset, colours: Colormap, norm: BoundaryNorm) -> AxesImage:
    """A field (y, x) in the axes, km; what was not observed is transparent and shows the hatched ground below."""
    x, y = radar["x"].values / 1000, radar["y"].values / 1000
    dx, dy = abs(x[1] - x[0]) / 2, abs(y[1] - y[0]) / 2
    axes.patch.set(facecolor=UNSEEN, edgecolor=HATCH, hatch="////")
    axes.patch.set_hatch_linewidth(0.6)
    extent = (float(x[0] - dx), float(x[-1] + dx), float(y[-1] - dy), float(y[0] + dy))
    return axes.imshow(np.ma.masked_invalid(field), cmap=colours, norm=norm, extent=extent, origin="upper", interpolation="nearest", aspect="auto")


def _map(axes: Axes, radar: xr.Dataset, names: bool, unit: bool = True) -> None:
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
            axes.annotate(_text(name), (east_m / 1000, north_m / 1000), (0, -6), **spot)
    axes.set(xlim=box[0], ylim=box[1])
    axes.tick_params(labelsize=8, colors=QUIET, length=3)
    axes.locator_params(nbins=6)
    axes.spines[:].set_color(QUIET)
    if unit:
        axes.annotate("km", (0, 0), (-6, -7), xycoords="axes fraction", textcoords="offset points", ha="right", va="top", fontsize=8, color=QUIET)


def _say(axes: Axes, sentence: str) -> None:
    """An empty panel that says in words why it is empty."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=HATCH, linestyle=(0, (4, 3)))
    axes.text(0.5, 0.5, fill(sentence, 30), transform=axes.transAxes, ha="center", va="center", fontsize=12, color=QUIET, linespacing=1.5)


def _bar(figure: Figure, axes: Axes, unit: str, orientation: Literal["vertical", "horizontal"], size: float) -> None:
    colours, norm = _colours(unit)
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=axes, orientation=orientation, ticks=[b for b in norm.boundaries if b % 10 == 0])
    bar.ax.tick_params(labelsize=size, length=0, pad=2, colors=INK)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    bar.ax.set_xlabel(unit, fontsize=size)


def _strip(figure: Figure, total: tuple[float, float], left: float, probable: bool) -> None:
    """Below the panels: the colour bars and what plain and hatched ground mean."""
    width = total[0] - left - 0.3

    def place(start: float, share: float) -> Axes:
        return figure.add_axes(((left + start * width) / total[0], 0.78 / total[1], share * width / total[0], 0.17 / total[1]))

    for unit, name, start, share in (("dBZ", "Reflectivity, dBZ", 0.0, 0.38), ("%", "Probability, %", 0.42, 0.22))[: 2 if probable else 1]:
        axes = place(start, share)
        _bar(figure, axes, unit, "horizontal", 8.5)
        axes.set_xlabel(name, fontsize=9, color=INK, labelpad=2)
    ground: list[Artist] = [
        Patch(facecolor=DRY, edgecolor=HATCH, label="no echo (< 5 dBZ)"),
        Patch(facecolor=UNSEEN, edgecolor=HATCH, hatch="////", label="not observed"),
    ]
    ground.append(Line2D([], [], marker="^", linestyle="none", color=INK, label="radar"))
    corner = (1 - 0.2 / total[0], 1.04 / total[1])
    figure.legend(handles=ground, loc="upper right", bbox_to_anchor=corner, ncols=3, frameon=False, fontsize=9, columnspacing=1.1, handletextpad=0.5)


def _header(figure: Figure, radar: xr.Dataset, products: Mapping[str, xr.Dataset], total: tuple[float, float]) -> None:
    """Title, cycle time and model, the badge, and the reasons of degradation in one line."""
    state, left = _text(radar.attrs.get("state")) or "state not stated", 0.75 / total[0]
    model = " ".join(_text(products["nowcast"].attrs.get(key)) for key in ("model", "model_version")).strip() if "nowcast" in products else ""
    cycle = _text(radar.attrs.get("cycle_time"))
    parts = [f"Cycle {_clock(parse_time(cycle))}" if cycle else "", _text(radar.attrs.get("domain")), f"nowcast by {model}" if model else ""]
    title = _cut(_text(radar.attrs.get("title")) or "Radar and nowcast", int(total[0] * 5))
    figure.text(left, 1 - 0.5 / total[1], title, fontsize=19, fontweight="bold", color=INK)
    figure.text(left, 1 - 0.84 / total[1], "   ·   ".join(part for part in parts if part), fontsize=11.5, color=QUIET)
    badge = {"boxstyle": "round,pad=0.45", "facecolor": BADGES.get(state, QUIET), "edgecolor": "none"}
    figure.text(1 - 0.42 / total[0], 1 - 0.48 / total[1], state.upper(), fontsize=12.5, fontweight="bold", color=PAGE, ha="right", bbox=badge)
    reasons = _cut(_text(radar.attrs.get("degraded")).replace("; ", "  ·  "), int(total[0] * 12))
    figure.text(left, 1 - 1.14 / total[1], reasons, fontsize=10, color=BADGES["degraded"])


def _palette() -> Image.Image:
    """The colours of every frame of the animation: the classes, the grounds, and the inks' blends with the page."""
    grounds = [np.array(to_rgb(colour)) for colour in (PAGE, DRY, UNSEEN, HATCH, QUIET, PALE_ACCENT, PALE_INK)]
    inks = [np.array(to_rgb(colour)) for colour in (INK, ACCENT)]
    exact = [*_colours("dBZ")[0](np.arange(len(DBZ_LEVELS) - 1))[:, :3], *grounds, *inks]
    blends = [share * ink + (1 - share) * ground for ink in (*inks, grounds[3]) for ground in (grounds[0], grounds[2]) for share in np.linspace(0.1, 0.9, 9)]
    dashed = [0.7 * colour + 0.3 * inks[0] for colour in exact]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * np.array([*exact, *blends, *dashed])).astype("uint8").tobytes())
    return palette
