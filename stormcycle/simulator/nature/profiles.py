"""What a radar wave meets at a height in a column: reflectivity and the polarimetric moments that go with it."""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.nature.columns import Columns, decibels, linear

MELTING_DEPTH_M = 400.0
BRIGHT_BAND_DB = 5.0
FAINTEST_DBZ = -10.0


@dataclass(frozen=True)
class Moments:
    """True moments, float32 arrays of one shape: reflectivity (dBZ, NaN where there is no echo), differential
    reflectivity (dB), specific differential phase (degrees km-1, one way), co-polar correlation (1)."""

    reflectivity: np.ndarray
    zdr: np.ndarray
    kdp: np.ndarray
    rhohv: np.ndarray


def reflectivity_at(column: Columns, height: np.ndarray | float, freezing_level_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity (dBZ) at heights (m above the sea) and the share of it (0 to 1) that is stratiform.

    Convective: constant to the freezing level, then falling to 0 dBZ at the echo top. Stratiform: constant below,
    a bright band of 5 dB in the melting layer, 6.5 dB km-1 less above (Fabry and Zawadzki, 1995, J. Atmos. Sci. 52, 838-851).
    """
    above = np.maximum(height - freezing_level_m, 0.0)
    depth = np.maximum(column.convective_top - freezing_level_m, 500.0)
    convective = column.convective - np.maximum(column.convective, 0.0) * (above / depth) ** 1.3
    convective = np.where(height < column.convective_top, convective, -60.0)
    snow = column.stratiform - 6.5e-3 * np.maximum(height - freezing_level_m, 0.0) + BRIGHT_BAND_DB * _melting(height, freezing_level_m)
    snow = np.where(height < column.stratiform_top, snow, -60.0)
    rain, sheet = linear(convective), linear(snow)
    return decibels(rain + sheet), sheet / (rain + sheet)


def moments(column: Columns, height: np.ndarray | float, freezing_level_m: float) -> Moments:
    """The true moments at heights (m above the sea) in columns of the same shape."""
    dbz, stratiform = reflectivity_at(column, height, freezing_level_m)
    echo = dbz > FAINTEST_DBZ
    # fraction of ice: 0 in rain, 1 in snow; drops of strong updraughts are carried some way above the freezing level
    ice = np.clip((height - freezing_level_m + MELTING_DEPTH_M) / (2 * MELTING_DEPTH_M + 1500.0 * (1 - stratiform)), 0.0, 1.0)
    melting = _melting(height, freezing_level_m) * stratiform
    rain_zdr = zdr_of_rain(dbz)
    return Moments(
        reflectivity=np.where(echo, dbz, np.nan).astype("float32"),
        zdr=(rain_zdr * (1 - ice) + 0.2 * ice + 0.9 * melting).astype("float32"),
        kdp=(kdp_of_rain(dbz, rain_zdr) * (1 - ice)).astype("float32"),
        rhohv=(0.993 - 0.012 * _hail(dbz) - 0.006 * ice - 0.065 * melting).astype("float32"),
    )


def zdr_of_rain(dbz: np.ndarray) -> np.ndarray:
    """Mean ZDR (dB) of rain of a reflectivity: Cao et al. (2008), J. Appl. Meteor. Climatol. 47, 2238-2255.

    log10 ZDR = -2.6857e-4 Z^2 + 0.04892 Z - 1.4287. Towards 58 dBZ hail tumbles in and pulls it to 0.5 dB.
    """
    z = np.clip(dbz, 0.0, 60.0)
    return 10.0 ** (-2.6857e-4 * z**2 + 0.04892 * z - 1.4287) * (1 - _hail(dbz)) + 0.5 * _hail(dbz)


def kdp_of_rain(dbz: np.ndarray, zdr: np.ndarray) -> np.ndarray:
    """KDP (degrees km-1) of rain at C band that is consistent with Z and ZDR.

    Gourley, Illingworth and Tabary (2009), J. Atmos. Oceanic Technol. 26, 689-703:
    KDP / Z = 1e-5 (6.746 - 2.970 ZDR + 0.711 ZDR^2 - 0.079 ZDR^3), Z in mm6 m-3. Hail adds to Z but not to KDP,
    so Z counts to 53 dBZ, the usual hail cap (Fulton et al., 1998, Weather and Forecasting 13, 377-395).
    """
    return 1e-5 * linear(np.minimum(dbz, 53.0)) * (6.746 - 2.970 * zdr + 0.711 * zdr**2 - 0.079 * zdr**3)


def _hail(dbz: np.ndarray) -> np.ndarray:
    """How much of an echo is hail, 0 below 53 dBZ to 1 from 60 dBZ."""
    return np.clip((dbz - 53.0) / 7.0, 0.0, 1.0)


def _melting(height: np.ndarray | float, freezing_level_m: float) -> np.ndarray:
    """0 to 1: nearness to the middle of the melting layer, which lies just below the freezing level."""
    return np.exp(-(((height - freezing_level_m + 0.5 * MELTING_DEPTH_M) / (0.5 * MELTING_DEPTH_M)) ** 2))
