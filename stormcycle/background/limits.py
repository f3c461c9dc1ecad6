"""What the values of a field can be: a field that is empty, or in other units than its parameter's, is not used."""

import numpy as np

from stormcycle.background.errors import Unreadable
from stormcycle.background.parameters import PRAGUE, Parameter, Quantity

RANGES: dict[Quantity, tuple[float, float, str]] = {
    "t": (170.0, 340.0, "K"),
    "td": (150.0, 320.0, "K"),
    "u": (-150.0, 150.0, "m s-1"),
    "v": (-150.0, 150.0, "m s-1"),
    "q": (-0.001, 0.06, "kg kg-1"),
    "r": (-5.0, 200.0, "%"),
    "sp": (40000.0, 110000.0, "Pa"),
    "mslp": (85000.0, 110000.0, "Pa"),
    "mslp_eta": (85000.0, 110000.0, "Pa"),
    "mslp_maps": (85000.0, 110000.0, "Pa"),
}
"""Lowest and highest value of any field, and the unit that makes them so: no weather is outside, degrees Celsius, hPa and
g kg-1 are. Spectral models leave humidities slightly below 0 and, over cold air, far above 100 %."""
LEAST_HIGHEST_HUMIDITY = 2.0
"""A field of relative humidity (%) whose highest value is lower is a fraction of 1."""
FRACTION_CENTRES = (PRAGUE,)
"""Centres whose relative humidity is a fraction of 1 under the parameter that WMO gives in %: CHMI's ALADIN."""
EMPTY_SHARE = 0.4
"""Of points without a value, or exactly 0: more are no field. Models on rotated grids, cut to latitudes and longitudes, lack a quarter."""


def in_our_units(values: np.ndarray, parameter: Parameter, centre: int, what: str) -> np.ndarray:
    """A field's values (any shape) in K, m s-1, %, kg kg-1 or Pa. `what` begins the sentence of an error.

    Raises Unreadable for a field that is empty to EMPTY_SHARE, and for one that no weather explains in its unit.
    """
    empty = float(np.mean(np.isnan(values) | (values == 0.0)))
    if empty > EMPTY_SHARE:
        raise Unreadable(f"{what} has no value or 0 at {empty:.0%} of its points, which is no field.")
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    if parameter.what == "r" and highest < LEAST_HIGHEST_HUMIDITY and centre in FRACTION_CENTRES:
        values, lowest, highest = values * 100.0, lowest * 100.0, highest * 100.0
    least, most, unit = RANGES[parameter.what]
    if lowest < least or highest > most or (parameter.what == "r" and highest < LEAST_HIGHEST_HUMIDITY):
        raise Unreadable(f"{what} runs from {lowest:g} to {highest:g}, which is no {parameter.what} in {unit}: it is damaged or in another unit.")
    return values
