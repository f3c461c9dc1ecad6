"""Relative humidity over water from what else a model gives.

Saturation pressure: Magnus' formula with the coefficients of Sonntag (1990) over a plane surface of water, as WMO-No. 8, Guide
to Instruments and Methods of Observation, annex 4.B has it, without the enhancement factor of moist air (0.4 %).
"""

import numpy as np

EPSILON = 0.62198
"""Ratio of the molar masses of water and dry air."""
HIGHEST = 100.0
"""Models give some per cent more where clouds are, or where they mean ice; the analysis knows 0 to 100 %."""


def saturation_pressure(temperature: np.ndarray) -> np.ndarray:
    """Pressure (Pa) of saturated vapour over water at temperatures (K)."""
    celsius = np.asarray(temperature, "float64") - 273.15
    return 611.2 * np.exp(17.62 * celsius / (243.12 + celsius))


def humidity_of_dew_point(dew_point: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Relative humidity (%) from dew point and temperature (K)."""
    return 100.0 * saturation_pressure(dew_point) / saturation_pressure(temperature)


def humidity_of_specific(specific: np.ndarray, temperature: np.ndarray, pressure: np.ndarray | float) -> np.ndarray:
    """Relative humidity (%) from specific humidity (kg kg-1), temperature (K) and pressure (Pa)."""
    vapour = specific * pressure / (EPSILON + (1.0 - EPSILON) * specific)
    return 100.0 * vapour / saturation_pressure(temperature)


def clipped(humidity: np.ndarray) -> np.ndarray:
    """Relative humidity within 0 to 100 %; NaN stays."""
    return np.clip(humidity, 0.0, HIGHEST)
