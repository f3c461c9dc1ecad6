"""One time of a simulated world, as its instruments would meet it: rain, moisture and wind, temperature, pressure, cloud tops, flashes."""

from io import BytesIO
from pathlib import Path
from typing import Any

import cmweather  # noqa: F401  (registers its colour maps)
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stormcycle.domain import load_domain
from stormcycle.simulator.nature import World, atmosphere, clouds, columns, flashes, seconds_of, world_of
from stormcycle.simulator.nature.profiles import reflectivity_at

TIME = np.datetime64("2026-07-01T15:00:00", "s")
SEED = 7
HALF_KM = 192
ARROWS = 24
FLASH_MINUTES = 15
COLOURS = 256
"""Of the PNG: a palette takes a third of the space."""
FAINTEST_SHOWN_DBZ = 5.0
LEVEL = 2
"""850 hPa."""


def draw_nature(path: Path, seed: int = SEED, time: np.datetime64 = TIME) -> None:
    """Draw six fields of a square of 384 km at 1 km around the demo domain's centre into a PNG."""
    world, now = world_of(load_domain("demo"), seed), seconds_of(time)
    along = (np.arange(-HALF_KM, HALF_KM) + 0.5) * 1000.0
    x, y = np.meshgrid(along + world.centre_m[0], along + world.centre_m[1])
    column, air, cloud = columns(world, now, x, y), atmosphere(world, now, x, y), clouds(world, now, x, y)
    rain = reflectivity_at(column, 1500.0, world.freezing_level_m)[0]
    figure = Figure(figsize=(15.6, 9.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    _field(figure, panels[0, 0], np.where(rain > FAINTEST_SHOWN_DBZ, rain, np.nan), "reflectivity at 1.5 km, dBZ", "HomeyerRainbow", 0, 70)
    _field(figure, panels[0, 1], air.humidity[LEVEL], "relative humidity at 850 hPa, %; wind", "BrBG", 20, 100)
    _arrows(panels[0, 1], air.u[LEVEL], air.v[LEVEL])
    _field(figure, panels[0, 2], air.t2m - 273.15, "temperature at 2 m, degrees C; wind at 975 hPa", "RdYlBu_r")
    _arrows(panels[0, 2], air.u[0], air.v[0])
    _field(figure, panels[1, 0], air.mslp / 100.0, "pressure at sea level, hPa", "viridis")
    seen = (cloud.emissivity * cloud.top_temperature**4 + (1.0 - cloud.emissivity) * cloud.surface_temperature**4) ** 0.25
    _field(figure, panels[1, 1], seen - 273.15, "cloud top or ground temperature seen from above, degrees C", "Greys", -75, 30)
    _flashes(figure, panels[1, 2], world, now)
    for panel in panels[1]:
        panel.set_xlabel("km")
    figure.suptitle(f"Simulated, not observed: seed {seed}, {time}Z")
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=75, format="png")
    Image.open(drawn).convert("RGB").quantize(COLOURS, kmeans=1).save(path, optimize=True)


def _field(figure: Figure, panel: Axes, values: np.ndarray, title: str, colours: str, least: float | None = None, most: float | None = None) -> None:
    extent = (-HALF_KM, HALF_KM, -HALF_KM, HALF_KM)
    shown = panel.imshow(values, origin="lower", extent=extent, cmap=colours, vmin=least, vmax=most, interpolation="nearest")
    panel.set_title(title, fontsize=10)
    figure.colorbar(shown, ax=panel, shrink=0.8)


def _arrows(panel: Axes, u: np.ndarray, v: np.ndarray) -> None:
    thin = slice(ARROWS // 2, None, ARROWS)
    places = (np.arange(-HALF_KM, HALF_KM) + 0.5)[thin]
    panel.quiver(places, places, u[thin, thin], v[thin, thin], scale=260, width=0.0025)


def _flashes(figure: Figure, panel: Any, world: World, now: float) -> None:
    seen = flashes(world, now - FLASH_MINUTES * 60.0, now)
    km = [(place - centre) / 1000.0 for place, centre in ((seen.x, world.centre_m[0]), (seen.y, world.centre_m[1]))]
    shown = panel.scatter(*km, c=(seen.seconds - now) / 60.0, s=4, cmap="plasma")
    panel.set(aspect="equal", xlim=(-HALF_KM, HALF_KM), ylim=(-HALF_KM, HALF_KM))
    panel.set_title(f"flashes of {FLASH_MINUTES} minutes, by minutes before", fontsize=10)
    figure.colorbar(shown, ax=panel, shrink=0.8)


if __name__ == "__main__":
    draw_nature(Path(__file__).parents[2] / "docs" / "pictures" / "nature.png")
