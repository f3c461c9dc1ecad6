"""`make world-picture`: one time of the simulated domain `demo`, what each instrument reports beside what is true."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image
from pyproj import Transformer

from stormcycle.domain import Domain, load_domain
from stormcycle.grids import geolocated, pixel_centres
from stormcycle.release.drawing import ACCENT, DRY, INK, PAGE, QUIET, clock, colour_classes, draw_map, show_field
from stormcycle.simulator.fields import background_fields, imager_fields, lightning_fields, radar_fields
from stormcycle.simulator.nature import clouds, flashes, seconds_of, world_of
from stormcycle.simulator.truth import true_clouds, true_state, truth
from stormcycle.times import Time, iso

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "simulated_hour.png"
TIME = np.datetime64("2026-07-01T20:00:00", "s")
LEAD = np.timedelta64(8, "h")
"""Of the model run that is drawn: that of 12 UTC, published half past three, is the newest at 20 UTC."""
MINUTES = 15
ARROWS = 9
"""Points of the analysis grid from one arrow to the next."""
FREEZING_K = 273.15
CAPTION = (
    "Left of each pair: what the instrument reports, on the domain's grid; hatched: not observed. Right: what is true at that time.\n"
    "Satellites see cloud tops and flashes north-west of where they are (parallax, not corrected). Triangles: radars."
)
COLOURS = 256
"""Of the PNG: a palette takes a third of the space."""


def draw_world(path: Path, time: Time = TIME) -> None:
    """Draw six pairs of panels, an instrument's and the truth's, on one map into a PNG."""
    domain = load_domain("demo")
    assert domain.simulation is not None  # the demo domain is simulated
    seed = domain.simulation.seed
    product, analysis = geolocated(_sited(domain), domain.area, False), geolocated(xr.Dataset(), domain.area_of("background"), False)
    figure = Figure(figsize=(14.8, 15.4), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.1), facecolor=PAGE)
    panels = figure.subplots(3, 4)
    _radar(figure, panels[0, :2], domain, seed, time, product)
    _lightning(figure, panels[0, 2:], domain, seed, time, product)
    _imager(figure, panels[1], domain, seed, time, product)
    _background(figure, panels[2], domain, seed, time, analysis)
    for panel in panels.flat:
        extent = domain.area.area_extent
        panel.set(xlim=(extent[0] / 1000.0, extent[2] / 1000.0), ylim=(extent[1] / 1000.0, extent[3] / 1000.0), aspect="equal")
        draw_map(panel, product, names=panel is panels[0, 0], unit=panel in panels[:, 0])
    figure.suptitle(f"Simulated: not an observation.  {clock(time)}, domain {domain.name}, seed {seed}", fontsize=18, fontweight="bold", color=INK)
    figure.supxlabel(CAPTION, fontsize=12, color=QUIET)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=84, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS, kmeans=1).save(path, optimize=True)


def _sited(domain: Domain) -> xr.Dataset:
    """A dataset without fields that says where the radars stand, as a release does."""
    to_grid = Transformer.from_crs("EPSG:4326", domain.area.crs, always_xy=True)
    places = {name: "[{:.0f}, {:.0f}]".format(*to_grid.transform(site.longitude, site.latitude)) for name, site in domain.radar.sites.items()}
    return xr.Dataset(attrs={"sites": "{" + ", ".join(f'"{name}": {place}' for name, place in places.items()) + "}"})


def _radar(figure: Figure, panels: Any, domain: Domain, seed: int, time: Time, grid: xr.Dataset) -> None:
    colours, norm = colour_classes("dBZ")
    sites = " and ".join(domain.radar.sites)
    seen = radar_fields(domain, seed, time)["reflectivity"].values
    _panel(panels[0], seen, grid, ("Radars", f"{sites}: mosaic, quality controlled"), colours, norm)
    shown = _panel(panels[1], truth(domain, time, seed)["reflectivity"].values, grid, ("Truth", "reflectivity, maximum of the column"), colours, norm)
    _bar(figure, shown, panels, "dBZ", ticks=norm.boundaries[1::2])


def _lightning(figure: Figure, panels: Any, domain: Domain, seed: int, time: Time, grid: xr.Dataset) -> None:
    seen = lightning_fields(domain, seed, time, MINUTES)
    density = seen["flash_extent_density"].values
    colours = mpl.colormaps["inferno_r"].with_extremes(under=DRY)
    title = ("Lightning mapper (GLM)", f"flash extent density, {MINUTES} min; {int(seen['flashes'])} flashes")
    shown = _panel(panels[0], np.where(density == 0.0, 0.1, density), grid, title, colours, LogNorm(1.0, max(10.0, float(np.nanmax(density)))))
    _bar(figure, shown, panels[0], "flashes", format="{x:.0f}")
    end = seconds_of(time)
    true = flashes(world_of(domain, seed), end - 60.0 * MINUTES, end)
    left, bottom, right, top = domain.area.area_extent
    inside = (true.x > left) & (true.x < right) & (true.y > bottom) & (true.y < top)
    panels[1].patch.set_facecolor(DRY)
    dots = panels[1].scatter(true.x[inside] / 1e3, true.y[inside] / 1e3, c=(end - true.seconds[inside]) / 60.0, s=5, cmap="viridis", vmin=0, vmax=MINUTES)
    _titled(panels[1], "Truth", f"{inside.sum()} flashes, {MINUTES} min")
    _bar(figure, dots, panels[1], "minutes before", ticks=range(0, MINUTES + 1, 3))


def _imager(figure: Figure, panels: Any, domain: Domain, seed: int, time: Time, grid: xr.Dataset) -> None:
    seen = imager_fields(domain, seed, time)["brightness_temperature"] - FREEZING_K
    window, norm = _infrared(), Normalize(-80.0, 40.0)
    _panel(panels[0], seen.sel(channel="C13").values, grid, ("Imager (ABI), C13", "brightness temperature, 10.3 µm"), window, norm)
    tops = true_clouds(domain, time, seed)["cloud_top_temperature"].values - FREEZING_K
    shown = _panel(panels[1], np.where(np.isnan(tops), 1e3, tops), grid, ("Truth", "cloud-top temperature; pale green: clear"), window, norm)
    _bar(figure, shown, panels[:2], "°C")
    shown = _panel(
        panels[2],
        seen.sel(channel="C09").values,
        grid,
        ("Imager (ABI), C09", "brightness temperature, 6.9 µm (vapour)"),
        "Greys",
        Normalize(-65.0, -25.0),
    )
    _bar(figure, shown, panels[2], "°C")
    x, y = np.meshgrid(*pixel_centres(domain.area))
    humidity = clouds(world_of(domain, seed), seconds_of(time), x, y).upper_humidity
    shown = _panel(panels[3], humidity, grid, ("Truth", "relative humidity, 300 to 500 hPa"), "BrBG", Normalize(0.0, 100.0))
    _bar(figure, shown, panels[3], "%")


def _background(figure: Figure, panels: Any, domain: Domain, seed: int, time: Time, grid: xr.Dataset) -> None:
    forecast, true = background_fields(domain, seed, time - LEAD, time), true_state(domain, time, seed)
    run = f"Forecast model, run of {iso(time - LEAD)[11:13]} UTC"
    warmth = np.concatenate([fields["state"].sel(channel="t2m").values.ravel() for fields in (forecast, true)]) - FREEZING_K
    drawn = (
        ("r850", 0.0, "850", "relative humidity and wind at 850 hPa", "%", "BrBG", Normalize(20.0, 100.0)),
        ("t2m", FREEZING_K, "975", "temperature at 2 m, wind at 975 hPa", "°C", "RdYlBu_r", Normalize(*np.percentile(warmth, (1, 99)))),
    )
    for pair, (channel, zero, level, title, unit, colours, norm) in zip((panels[:2], panels[2:]), drawn, strict=True):
        for panel, fields, whose in zip(pair, (forecast, true), (run, "Truth"), strict=True):
            shown = _panel(panel, fields["state"].sel(channel=channel).values - zero, grid, (whose, title), colours, norm)
            arrows = _arrows(panel, fields["state"], level, grid)
        pair[1].quiverkey(arrows, 0.72, 1.13, 10, "10 m/s", labelpos="E", fontproperties={"size": 11}, color=INK)
        _bar(figure, shown, pair, unit)


def _panel(panel: Axes, values: np.ndarray, grid: xr.Dataset, title: tuple[str, str], colours: Colormap | str, norm: Any) -> Any:
    """A field (y, x) with its title: whose it is, and what."""
    _titled(panel, *title)
    return show_field(panel, values, grid, mpl.colormaps[colours] if isinstance(colours, str) else colours, norm)


def _titled(panel: Axes, whose: str, what: str) -> None:
    panel.set_title(f"{what}\n", loc="left", fontsize=11.5, color=INK, linespacing=0.4)
    panel.annotate(
        whose, (0, 1), (0, 25), xycoords="axes fraction", textcoords="offset points", fontsize=13, fontweight="bold", color=ACCENT if whose == "Truth" else INK
    )


def _bar(figure: Figure, shown: Any, panels: Any, label: str, **options: Any) -> None:
    """A colour bar below panels that share it."""
    shared = np.size(panels) > 1
    bar = figure.colorbar(shown, ax=panels, location="bottom", shrink=0.6 if shared else 0.9, aspect=42 if shared else 30, pad=0.02, **options)
    bar.set_label(label, fontsize=11, color=INK)


def _infrared() -> Colormap:
    """Grey as satellite pictures are, white the colder; the coldest tops, from -50 degrees on, in colours; beyond the scale pale green."""
    stops = [(-80.0, "#7a0177"), (-70.0, "#d7191c"), (-60.0, "#fdae61"), (-50.0, "#2b83ba"), (-49.9, "#f5f5f5"), (40.0, "#1a1a1a")]
    return LinearSegmentedColormap.from_list("infrared", [((celsius + 80.0) / 120.0, colour) for celsius, colour in stops]).with_extremes(over="#dfeadf")


def _arrows(panel: Axes, state: xr.DataArray, level: str, grid: xr.Dataset) -> Any:
    thin = slice(ARROWS // 2, None, ARROWS)
    u, v = (state.sel(channel=f"{wind}{level}").values[thin, thin] for wind in "uv")
    return panel.quiver(grid["x"].values[thin] / 1000.0, grid["y"].values[thin] / 1000.0, u, v, scale=130, width=0.0045, color=INK)


if __name__ == "__main__":
    draw_world(PICTURE)
