"""What a GRIB message says that it holds, in our words: quantity, kind of level, level.

Edition 1: WMO (2003), Manual on Codes, FM 92-XI, table 2; edition 2: FM 92-XII, code tables 4.2 and 4.5. Local tables that we
know: 253 of HIRLAM's and HARMONIE's centres repeats table 2 below 128; 128 of ECMWF has its own numbers; centre 7 (NCEP) has
two more reductions of pressure to the sea. Centre 89 (Prague): CHMI's ALADIN comes, by those who read it, under table 1 with
time range 10, with 11, 17, 33, 34, 52 and 2 at levels of type 100, 102 and 105 and numbers above 127 that ecCodes cannot name;
relative humidity is a fraction there (stormcycle.background.limits). Names (shortName, cfgrib's variables) are never asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Quantity = Literal["t", "td", "u", "v", "q", "r", "sp", "mslp", "mslp_eta", "mslp_maps"]
LevelKind = Literal["pressure", "height", "surface", "sea"]
Get = Callable[[str], Any]
"""A message's value of a key, as an integer; KeyError where it has none."""

NCEP, PRAGUE, ECMWF = 7, 89, 98
WMO_TABLES = (1, 2, 3, 253)
INSTANT_RANGES = (0, 1, 10)
"""Edition 1, table 5: forecasts and analyses of one time; the others are sums, means and extremes."""
INSTANT_TEMPLATES = (0, 1, 60)
"""Edition 2, table 4.0: at a point in time, of one run or one member; no mean, spread, percentile or sum."""
NO_SECOND_SURFACE = 255

PARAMETERS_1: dict[int, Quantity] = {11: "t", 17: "td", 33: "u", 34: "v", 51: "q", 52: "r", 1: "sp", 2: "mslp"}
PARAMETERS_1_ECMWF: dict[int, Quantity] = {130: "t", 131: "u", 132: "v", 133: "q", 157: "r", 134: "sp", 151: "mslp", 167: "t", 168: "td"}
PARAMETERS_1_NCEP: dict[int, Quantity] = {130: "mslp_eta", 129: "mslp_maps"}
AT_TWO_METRES_ECMWF = (167, 168)
PRESSURES = ("sp", "mslp", "mslp_eta", "mslp_maps")
PARAMETERS_2: dict[tuple[int, int, int], Quantity] = {
    (0, 0, 0): "t",
    (0, 0, 6): "td",
    (0, 2, 2): "u",
    (0, 2, 3): "v",
    (0, 1, 0): "q",
    (0, 1, 1): "r",
    (0, 3, 0): "sp",
    (0, 3, 1): "mslp",
}
PARAMETERS_2_NCEP: dict[tuple[int, int, int], Quantity] = {(0, 3, 192): "mslp_eta", (0, 3, 198): "mslp_maps"}
KINDS_1: dict[int, LevelKind] = {1: "surface", 100: "pressure", 102: "sea", 103: "sea", 105: "height"}
KINDS_2: dict[int, LevelKind] = {1: "surface", 100: "pressure", 101: "sea", 102: "sea", 103: "height"}


@dataclass(frozen=True, order=True)
class Parameter:
    """What a field is: `level` in hPa (pressure) or metres (height above ground), 0 at the surface and at the sea."""

    what: Quantity
    kind: LevelKind
    level: float

    def __str__(self) -> str:
        """The parameter as notes name it: `t at 925 hPa`, `r at 2 m`, `mslp`."""
        return f"{self.what} at {self.level:g} {'hPa' if self.kind == 'pressure' else 'm'}" if self.kind in ("pressure", "height") else self.what


def parameter_of(get: Get) -> Parameter | None:
    """What a message holds; None where it is nothing that an analysis is made from, or no state at a point in time.

    Raises KeyError when a key that every message has is absent.
    """
    return _edition_1(get) if get("edition") == 1 else _edition_2(get)


def _edition_1(get: Get) -> Parameter | None:
    kind = KINDS_1.get(get("indicatorOfTypeOfLevel"))
    if kind is None or get("timeRangeIndicator") not in INSTANT_RANGES:
        return None
    table, number, centre, level = get("table2Version"), get("indicatorOfParameter"), get("centre"), float(get("level"))
    if centre == ECMWF and table == 128:
        if number in AT_TWO_METRES_ECMWF:
            return Parameter(PARAMETERS_1_ECMWF[number], "height", 2.0)
        return _placed(PARAMETERS_1_ECMWF.get(number), "sea" if PARAMETERS_1_ECMWF.get(number) == "mslp" else kind, level)
    if centre == NCEP and table == 2 and number in PARAMETERS_1_NCEP:
        return _placed(PARAMETERS_1_NCEP[number], kind, level)
    return _placed(PARAMETERS_1.get(number), kind, level) if table in WMO_TABLES or centre == PRAGUE else None


def _edition_2(get: Get) -> Parameter | None:
    kind = KINDS_2.get(get("typeOfFirstFixedSurface"))
    if kind is None or get("productDefinitionTemplateNumber") not in INSTANT_TEMPLATES or get("typeOfSecondFixedSurface") != NO_SECOND_SURFACE:
        return None
    number = (get("discipline"), get("parameterCategory"), get("parameterNumber"))
    what = PARAMETERS_2.get(number) or (PARAMETERS_2_NCEP.get(number) if get("centre") == NCEP else None)
    if kind in ("surface", "sea"):
        return _placed(what, kind, 0.0)
    level = get("scaledValueOfFirstFixedSurface") * 10.0 ** -get("scaleFactorOfFirstFixedSurface")
    return _placed(what, kind, level / 100.0 if kind == "pressure" else level)


def _placed(what: Quantity | None, kind: LevelKind, level: float) -> Parameter | None:
    """A quantity at a level where it makes sense: pressures at sea level or the ground, whichever way that is said; the others
    on pressure levels and above the ground.
    """
    if what in PRESSURES:
        if kind == "pressure" or level != 0.0:
            return None
        what = "mslp" if what == "sp" and kind == "sea" else what
        return Parameter(what, "surface" if what == "sp" else "sea", 0.0)
    return Parameter(what, kind, level) if what is not None and kind in ("pressure", "height") else None
