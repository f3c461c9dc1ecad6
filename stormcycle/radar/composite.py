"""RADOLAN composites of Deutscher Wetterdienst: observed ones are read, forecasts are refused by their name and lead.

Runs in a child process (stormcycle.feeds.read_each).
"""

from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.radar.unpack import unpacked
from stormcycle.radar.volume import Unreadable, WrongKind, without_path
from stormcycle.states import NO_ECHO_DBZ

OBSERVED = {"RX": ("reflectivity", "dBZ"), "RY": ("rain_amount", "mm"), "RW": ("rain_amount", "mm")}
"""Observed products by their two letters: every 5 minutes reflectivity, every 5 minutes an amount, every hour an amount
adjusted by gauges (RADOLAN/RADVOR composite format, version 2.5)."""


def read_radolan(path: Path) -> xr.Dataset:
    """A composite of 900x900 pixels of 1 km: `reflectivity` (dBZ) or `rain_amount` (mm) over (y, x), x and y in m, the first
    row in the south; `time` and, for amounts, `minutes`. NaN where no radar observed.

    Raises WrongKind for another product (RADVOR's forecasts), Unreadable for what cannot be read.
    """
    from wradlib.georef import get_radolan_grid
    from wradlib.io import read_radolan_composite

    with unpacked(path) as plain:
        try:
            raw, told = read_radolan_composite(str(plain), missing=np.nan)
        except Exception as error:  # a reader may raise anything on a bad file
            raise Unreadable(f"wradlib: {without_path(error, plain)}") from None
    product = told["producttype"]
    if product not in OBSERVED:
        raise WrongKind(f"A RADOLAN composite {product}, which is no observation that we know.")
    name, units = OBSERVED[product]
    raw.ravel()[told["cluttermask"]] = np.nan
    values = np.where(raw > 0, raw / 2.0 - 32.5, np.where(np.isnan(raw), np.nan, NO_ECHO_DBZ)) if product == "RX" else raw
    grid = get_radolan_grid(*raw.shape) * 1000.0
    attributes = {"product": product, "time": f"{told['datetime']:%Y-%m-%dT%H:%M:%SZ}", "minutes": told["intervalseconds"] // 60, "reader": "wradlib"}
    return xr.Dataset({name: (("y", "x"), values.astype("float32"), {"units": units})}, coords={"x": grid[0, :, 0], "y": grid[:, 0, 1]}, attrs=attributes)
