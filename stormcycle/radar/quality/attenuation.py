"""Attenuation by rain along the path, an option for C band."""

import numpy as np
import xarray as xr

from stormcycle.domain import Attenuation
from stormcycle.radar.sweeps import sweeps_by_azimuth
from stormcycle.states import NO_ECHO_DBZ


def path_attenuation(volume: xr.Dataset, settings: Attenuation, ignored: np.ndarray) -> np.ndarray:
    """Two-way path-integrated attenuation (ray, gate; dB, float32) by rain; `ignored` gates (clutter) attenuate nothing.

    Source: Kraemer and Verworn (2008) and Jacobi and Heistermann (2016), Geomat. Nat. Hazards Risk 7, 1929, as wradlib
    has it: gate by gate, the coefficients lowered until no gate exceeds `highest_dbz` nor any path `highest_pia_db`.
    """
    from wradlib.atten import constraint_dbz, constraint_pia, correct_attenuation_constrained

    found = np.zeros(volume["reflectivity"].shape, "float32")
    for number, rays, gates in sweeps_by_azimuth(volume):
        reflectivity = volume["reflectivity"].values[rays, :gates].astype("float64")
        reflectivity[np.isnan(reflectivity) | ignored[rays, :gates]] = NO_ECHO_DBZ
        with np.errstate(over="ignore"):  # without the constraints the forward scheme runs away; they are what stops it
            pia = correct_attenuation_constrained(
                reflectivity,
                n_a=4,
                n_b=6,
                gate_length=float(volume["gate_m"].values[number]) / 1000.0,
                constraints=[constraint_dbz, constraint_pia],
                constraint_args=[[settings.highest_dbz], [settings.highest_pia_db]],
            )
        found[rays, :gates] = np.clip(np.nan_to_num(pia), 0.0, settings.highest_pia_db)
    return found
