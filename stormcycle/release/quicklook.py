"""The picture and the animation of a release: what was observed, what is expected, and what nobody saw."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cmweather  # noqa: F401 (registers its colour maps)
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from stormcycle.release.drawing import (
    ACCENT,
    DRY,
    INK,
    NOTE,
    PAGE,
    PALE_ACCENT,
    PALE_INK,
    QUIET,
    animation_palette,
    as_text,
    clock,
    colour_bar,
    colour_classes,
    cut,
    draw_map,
    hour_after,
    legend_strip,
    page_header,
    panel_size,
    say,
    show_field,
)
from stormcycle.times import Time, minutes

FRAME_MS, PAUSE_MS = 200, 1400


def draw_quicklook(products: Mapping[str, xr.Dataset], path: Path, truth: Mapping[int, np.ndarray] | None = None) -> None:
    """Draw a release as one PNG: observed at T, nowcast at +30 and +60 min, and a row of what helps to judge them.

    `products`: the release's datasets by name; `radar` (valid_time, y, x) is needed, `nowcast` (lead_time, y, x),
    `probability` (threshold, lead_time, y, x; 0..1) and the variable `hourly_sum` (y, x) of `radar` are drawn where
    present. Reflectivity is in dBZ, NaN where not observed. `truth`: lead in minutes -> what was then observed
    (y, x), dBZ; with it the second row shows the outcome, without it probabilities. The same input gives the same bytes.
    """
    radar = products["radar"]
    rows = _panels(products, truth or {})
    width, height = panel_size(radar)
    left, gap, between, foot = 0.75, 0.28, 0.62, 1.42
    head = 1.62 if radar.attrs.get("degraded") else 1.36
    total = (left + 3 * width + 2 * gap + 0.3, head + len(rows) * height + (len(rows) - 1) * between + foot)
    figure = Figure(total, dpi=100, facecolor=PAGE)
    page_header(figure, radar, products, total)
    probable = False
    for r, row in enumerate(rows):
        for c, (kind, title, when, field) in enumerate(row):
            bottom = foot + (len(rows) - 1 - r) * (height + between)
            axes = figure.add_axes((np.array([left + c * (width + gap), bottom, width, height]) / np.tile(total, 2)).tolist())
            axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=ACCENT if kind == "made" else INK)
            axes.set_title(when, loc="right", fontsize=10.5, color=QUIET)
            if isinstance(field, str):
                say(axes, field)
                continue
            if not np.isfinite(field).any():
                axes.text(0.5, 0.64, "nothing was observed", transform=axes.transAxes, **NOTE)
            show_field(axes, field, radar, *colour_classes("%" if kind == "chance" else "dBZ"))
            draw_map(axes, radar, names=r == c == 0, unit=c == 0 and r == len(rows) - 1)
            axes.tick_params(labelbottom=r == len(rows) - 1, labelleft=c == 0)
            probable |= kind == "chance"
            if kind == "made":
                axes.spines[:].set(color=ACCENT, linewidth=1.8)
    legend_strip(figure, total, left, probable)
    source = f"{as_text(radar.attrs.get('providers')) or 'provider not stated'} · licence: {as_text(radar.attrs.get('licence')) or 'not stated'}"
    figure.text(left / total[0], 0.17 / total[1], cut(f"Data: {source}", int(total[0] * 15)), fontsize=8.5, color=QUIET)
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
    image = show_field(axes, frames[0][2], radar, *colour_classes("dBZ"))
    draw_map(axes, radar, names=True)
    note = axes.text(0.5, 0.64, "nothing was observed", transform=axes.transAxes, **NOTE)
    bar = figure.add_axes((1 - 0.44 / total[0], 0.55 / total[1], 0.12 / total[0], height / total[1]))
    colour_bar(figure, bar, "dBZ", "vertical", 7)
    figure.text(0.58 / total[0], 1 - 0.3 / total[1], cut(as_text(radar.attrs.get("title")), int(total[0] * 9)), fontsize=11, fontweight="bold", color=INK)
    when = figure.text(0.58 / total[0], 1 - 0.63 / total[1], "", fontsize=11, color=INK)
    badge = figure.text(1 - 0.58 / total[0], 1 - 0.63 / total[1], "", fontsize=10, fontweight="bold", color=PAGE, ha="right")
    timeline = figure.add_axes((0.58 / total[0], 0.14 / total[1], width / total[0], 0.07 / total[1]), xlim=(0, len(frames)), ylim=(0, 1))
    timeline.axis("off")
    cells = [timeline.add_patch(Rectangle((i + 0.06, 0), 0.88, 1, facecolor=DRY)) for i in range(len(frames))]
    pictures = []
    for i, (time, lead, field) in enumerate(frames):
        colour = INK if lead is None else ACCENT
        image.set_data(np.ma.masked_invalid(field))
        note.set_visible(not np.isfinite(field).any())
        when.set_text(clock(time))
        badge.set_text("OBSERVED" if lead is None else f"NOWCAST  +{lead:.0f} min")
        badge.set_bbox({"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "none"})
        axes.spines[:].set(color=colour, linewidth=1 if lead is None else 2.4)
        for k, cell in enumerate(cells):
            made_cell = k >= len(observed)
            cell.set_facecolor((ACCENT if made_cell else INK) if k <= i else (PALE_ACCENT if made_cell else PALE_INK))
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(palette=animation_palette(), dither=Image.Dither.NONE))
    rests = {len(observed) - 1, len(frames) - 1}
    stream = io.BytesIO()
    pause = [PAUSE_MS if i in rests else FRAME_MS for i in range(len(frames))]
    pictures[0].save(stream, "GIF", save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=False)
    path.write_bytes(stream.getvalue())


def draw_notice(attributes: Mapping[str, str], picture: Path, animation: Path) -> None:
    """What stands in for both pictures of a release without `radar` (attributes as for the pictures): its title, state and reasons."""
    told = xr.Dataset(attrs=dict(attributes))
    total = (10.0, 5.0)
    figure = Figure(total, dpi=100, facecolor=PAGE)
    page_header(figure, told, {}, total)
    say(figure.add_axes((0.075, 0.1, 0.88, 0.6)), "This release holds no radar: there is nothing to draw.")
    FigureCanvasAgg(figure).print_png(str(picture), metadata={"Software": None})
    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(64).save(animation, "GIF")


def _panels(products: Mapping[str, xr.Dataset], truth: Mapping[int, np.ndarray]) -> list[list[tuple[str, str, str, Any]]]:
    """Rows of three panels: (kind, title, valid time, field (y, x) or a sentence that says why there is none)."""
    radar = products["radar"]
    last = radar["valid_time"].values[-1]
    newest = _newest(radar)
    observed = ("seen", "Observed", clock(radar["valid_time"].values[newest]), radar["reflectivity"].values[newest])
    nowcast, chance = products.get("nowcast"), products.get("probability")
    made, chances = [], {}
    for lead in (30, 60):
        when = hour_after(last, lead)
        field = _at(radar, nowcast, lead)
        made.append(("made", f"Nowcast +{lead} min", when, _why(radar, "nowcast") if field is None else field["reflectivity"].values))
        if (field := _at(radar, chance, lead)) is not None:
            exceedance = next(v for v in field.data_vars.values() if "threshold" in v.dims)
            exceedance = exceedance.isel(threshold=int(np.abs(field["threshold"].values - 30).argmin()))
            chances[lead] = ("chance", f"P(≥ {float(exceedance['threshold']):g} dBZ) +{lead} min", when, 100 * exceedance.values)
    hourly = radar["hourly_sum"].values if "hourly_sum" in radar else "This release holds no hourly sum."
    if isinstance(hourly, np.ndarray) and not np.isfinite(hourly).any():
        hourly = "No hourly sum: fewer than 75 % of the hour's scans were observed."
    total = ("seen", "Hourly sum, dBZ", f"to {hour_after(last, 0)}", hourly)
    if truth:
        then = [("seen", f"Observed +{lead} min", hour_after(last, lead), truth.get(lead, "Nothing to compare with at this lead.")) for lead in (30, 60)]
        return [[observed, *made], [chances.get(30, total), *then]]
    if nowcast is None:  # one panel with the reason is enough, and the sum is worth more than its repetition
        return [[observed, total, ("none", "Nowcast", "", _why(radar, "nowcast"))]]
    return [[observed, *made], [total, chances[30], chances[60]]] if len(chances) == 2 else [[observed, *made]]


def _newest(radar: xr.Dataset) -> int:
    """The newest frame in which anything was observed; the last where there is none."""
    seen = np.flatnonzero(np.isfinite(radar["reflectivity"].values).any(axis=(1, 2)))
    return int(seen[-1]) if len(seen) else -1


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
    reasons = [reason for reason in as_text(radar.attrs.get("degraded")).split("; ") if product in reason.lower()]
    return f"No {product} at this lead." if not reasons else reasons[0][:1].upper() + reasons[0][1:]
