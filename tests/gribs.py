"""How tests write GRIB: messages by ecCodes, in numbers (no names of ecCodes'), on small grids of every kind that we sample."""

from collections.abc import Callable, Mapping
from pathlib import Path

import eccodes
import numpy as np

Keys = Mapping[str, float | str]
Values = np.ndarray | Callable[[np.ndarray, np.ndarray], np.ndarray]

EUROPE = {"gridType": "regular_ll", "Ni": 31, "Nj": 21, "jScansPositively": 0, "iScansNegatively": 0} | {
    "latitudeOfFirstGridPointInDegrees": 48.5,
    "longitudeOfFirstGridPointInDegrees": 12.0,
    "latitudeOfLastGridPointInDegrees": 43.5,
    "longitudeOfLastGridPointInDegrees": 19.5,
    "iDirectionIncrementInDegrees": 0.25,
    "jDirectionIncrementInDegrees": 0.25,
    "ijDirectionIncrementGiven": 1,
}
"""Latitudes and longitudes, a quarter of a degree apart, north to south; 46 N 15.75 E is its middle."""
LAMBERT = {"gridType": "lambert", "Nx": 40, "Ny": 36, "DxInMetres": 8000, "DyInMetres": 8000, "jScansPositively": 1, "resolutionAndComponentFlags": 8} | {
    "latitudeOfFirstGridPointInDegrees": 44.6,
    "longitudeOfFirstGridPointInDegrees": 13.9,
    "LoVInDegrees": 17.0,
    "LaDInDegrees": 46.2,
    "Latin1InDegrees": 46.2,
    "Latin2InDegrees": 46.2,
}
"""A Lambert cone, tangent at 46.2 N, south to north, with winds along its axes."""
ROTATED = {"gridType": "rotated_ll", "Ni": 41, "Nj": 37, "jScansPositively": 1, "resolutionAndComponentFlags": 8} | {
    "latitudeOfFirstGridPointInDegrees": -2.0,
    "longitudeOfFirstGridPointInDegrees": -2.0,
    "latitudeOfLastGridPointInDegrees": 1.6,
    "longitudeOfLastGridPointInDegrees": 2.0,
    "iDirectionIncrementInDegrees": 0.1,
    "jDirectionIncrementInDegrees": 0.1,
    "latitudeOfSouthernPoleInDegrees": -43.5,
    "longitudeOfSouthernPoleInDegrees": 14.0,
    "angleOfRotation": 0,
}
"""Rotated latitudes and longitudes around 46.5 N 14 E, with winds along their axes."""
STEREOGRAPHIC = {"gridType": "polar_stereographic", "Nx": 30, "Ny": 28, "DxInMetres": 12000, "DyInMetres": 12000, "jScansPositively": 1} | {
    "latitudeOfFirstGridPointInDegrees": 44.5,
    "longitudeOfFirstGridPointInDegrees": 14.0,
    "orientationOfTheGridInDegrees": 10.0,
    "LaDInDegrees": 60.0,
    "resolutionAndComponentFlags": 8,
}
MERCATOR = {"gridType": "mercator", "Ni": 30, "Nj": 28, "DiInMetres": 10000, "DjInMetres": 10000, "jScansPositively": 1} | {
    "latitudeOfFirstGridPointInDegrees": 44.5,
    "longitudeOfFirstGridPointInDegrees": 14.0,
    "latitudeOfLastGridPointInDegrees": 46.4,
    "longitudeOfLastGridPointInDegrees": 17.0,
    "LaDInDegrees": 45.0,
    "resolutionAndComponentFlags": 0,
}

ONLY_2 = ("LaDInDegrees",)
"""Edition 1 has no latitude where lengths are true, but that of its cone, or 60 degrees."""
NUMBERS_1 = {"t": 11, "td": 17, "u": 33, "v": 34, "q": 51, "r": 52, "sp": 1, "mslp": 2, "gh": 7, "rain": 61}
NUMBERS_2 = {"t": (0, 0), "td": (0, 6), "u": (2, 2), "v": (2, 3), "q": (1, 0), "r": (1, 1), "sp": (3, 0), "mslp": (3, 1), "gh": (3, 5), "rain": (1, 8)}
SURFACES_1 = {"pressure": 100, "height": 105, "surface": 1, "sea": 102}
SURFACES_2 = {"pressure": 100, "height": 103, "surface": 1, "sea": 101}
LEVELS = (975, 925, 850, 800)


def linear(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """-1 to 1 over Europe, linear in longitude and latitude: bilinear sampling on them is exact."""
    return 0.1 * (longitude - 15.75) + 0.08 * (latitude - 46.0)


def state(what: str, level: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A likely field of a quantity at a level (hPa; 2 and 0 near the ground); linear in place and in the logarithm of pressure."""
    height = np.log(1000.0 / level) if level > 100 else 0.0
    base, slope, spread = {
        "t": (290.0, -60.0, 2.0),
        "td": (284.0, -60.0, 2.0),
        "u": (8.0, 30.0, 4.0),
        "v": (-5.0, -20.0, 3.0),
        "q": (0.008, -0.02, 0.001),
        "r": (70.0, -80.0, 9.0),
        "sp": (97000.0, 0.0, 500.0),
        "mslp": (101300.0, 0.0, 300.0),
        "gh": (100.0, 8000.0, 20.0),
        "rain": (2.0, 0.0, 1.0),
    }[what]
    return lambda longitude, latitude: base + slope * height + spread * linear(longitude, latitude)


def message(
    what: str, kind: str, level: float, *, grid: Keys = EUROPE, edition: int = 2, values: Values | None = None, lead: int = 3, **keys: float | str
) -> bytes:
    """One GRIB message: a quantity at a level of a kind, from the run 2026-07-01T06Z with a lead (hours) unless `keys` say else.

    `values`: by the file's own order of points, NaN for none; or a function of longitude and latitude; default `state`.
    """
    handle = eccodes.codes_grib_new_from_samples(f"GRIB{edition}")
    try:
        common = {"centre": 98, "dataDate": 20260701, "dataTime": 600, **grid}
        if edition == 1:
            own = {"table2Version": 1, "indicatorOfParameter": NUMBERS_1[what], "indicatorOfTypeOfLevel": SURFACES_1[kind], "level": int(level), "P1": lead}
        else:
            category, number = NUMBERS_2[what]
            own = {"discipline": 0, "parameterCategory": category, "parameterNumber": number, "typeOfFirstFixedSurface": SURFACES_2[kind]}
            scaled = level * 100 if kind == "pressure" else level
            own |= {"scaleFactorOfFirstFixedSurface": 0, "scaledValueOfFirstFixedSurface": int(scaled), "typeOfSecondFixedSurface": 255, "forecastTime": lead}
        for key, value in {**common, **own, **keys}.items():
            if not (edition == 1 and key in ONLY_2):
                eccodes.codes_set(handle, key, value)
        eccodes.codes_set(handle, "bitsPerValue", 24)
        points = eccodes.codes_get(handle, "Nx") * eccodes.codes_get(handle, "Ny")
        if not isinstance(values, np.ndarray):
            eccodes.codes_set_values(handle, np.zeros(points))
            longitude, latitude = (eccodes.codes_get_array(handle, key) for key in ("longitudes", "latitudes"))
            values = (values or state(what, level))((longitude + 180.0) % 360.0 - 180.0, latitude)
        filled = np.asarray(values, "float64").ravel()
        if np.isnan(filled).any():
            eccodes.codes_set(handle, "bitmapPresent", 1)
            eccodes.codes_set(handle, "missingValue", 1e34)
        eccodes.codes_set_values(handle, np.where(np.isnan(filled), 1e34, filled))
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def parts(grid: Keys = EUROPE, edition: int = 2, levels: tuple[int, ...] = LEVELS, **keys: float | str) -> dict[str, bytes]:
    """The messages of a whole analysis by channel, of the levels given."""
    found = {f"{what}{level}": message(what, "pressure", level, grid=grid, edition=edition, **keys) for what in "tuvr" for level in levels}
    for what in ("t", "r"):
        found[f"{what}2m"] = message(what, "height", 2, grid=grid, edition=edition, **keys)
    return found | {"mslp": message("mslp", "sea", 0, grid=grid, edition=edition, **keys)}


def written(path: Path, *messages: bytes) -> Path:
    """A file of messages."""
    path.write_bytes(b"".join(messages))
    return path
