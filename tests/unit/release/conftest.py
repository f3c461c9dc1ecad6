"""The three products of a small domain, dressed as a cycle dresses them."""

import numpy as np
import pytest
import xarray as xr
import yaml
from house import SMALL

from stormcycle.domain import Domain, parse_domain
from stormcycle.release import dressed
from stormcycle.states import NO_ECHO_DBZ, Provenance

SLOTS = np.datetime64("2026-07-01T12:06", "ns") + np.arange(10) * np.timedelta64(6, "m")
ROWS, COLUMNS = 10, 12


@pytest.fixture
def small_domain() -> Domain:
    raw = yaml.safe_load(SMALL)
    raw["grid"]["shape"] = [ROWS, COLUMNS]
    return parse_domain(yaml.safe_dump(raw), "small.yaml")


@pytest.fixture
def products(small_domain: Domain) -> dict[str, xr.Dataset]:
    """Whole products, with a frame that no volume made (its actual time is NaT)."""
    random = np.random.default_rng(6)
    values = np.where(random.random((10, ROWS, COLUMNS)) < 0.5, NO_ECHO_DBZ, random.uniform(0, 60, (10, ROWS, COLUMNS)))
    values[:, :, 0] = np.nan
    flags = np.where(np.isnan(values), Provenance.OUTSIDE_COVERAGE, Provenance.OBSERVED).astype("uint16")
    actual = SLOTS - np.timedelta64(40, "s")
    actual[3] = np.datetime64("NaT")
    cube, flat = ("valid_time", "y", "x"), ("y", "x")
    radar = xr.Dataset(
        {
            "reflectivity": (cube, values.astype("float32")),
            "observed": (cube, ~np.isnan(values)),
            "provenance": (cube, flags),
            "hourly_sum": (flat, np.full((ROWS, COLUMNS), 30.0, "float32")),
            "hourly_count": (flat, np.full((ROWS, COLUMNS), 10, "int16")),
            "hourly_provenance": (flat, flags[0]),
        },
        coords={"valid_time": SLOTS, "nominal_time": ("valid_time", actual), "actual_time": ("valid_time", actual)},
    )
    leads = np.arange(1, 4) * np.timedelta64(6, "m").astype("timedelta64[ns]")
    times = {"lead_time": leads, "valid_time": ("lead_time", SLOTS[-1] + leads), "forecast_reference_time": ((), SLOTS[-1]), "actual_time": ((), actual[-1])}
    cube = ("lead_time", "y", "x")
    nowcast = xr.Dataset(
        {
            "reflectivity": (cube, values[:3].astype("float32")),
            "rain_rate": (cube, np.ones((3, ROWS, COLUMNS), "float32")),
            "rain_sum": (flat, np.ones((ROWS, COLUMNS), "float32")),
            "observed": (cube, ~np.isnan(values[:3])),
            "provenance": (cube, flags[:3]),
        },
        coords=times,
    )
    probability = xr.Dataset(
        {
            "exceedance": (("threshold", *cube), random.random((2, 3, ROWS, COLUMNS)).astype("float32")),
            "observed": (cube, ~np.isnan(values[:3])),
            "provenance": (cube, flags[:3]),
        },
        coords={"threshold": np.array([20.0, 30.0], "float32"), **times},
    )
    made = {"radar": radar, "nowcast": nowcast, "probability": probability}
    return {name: dressed(name, fields, small_domain, "2026-07-01T13:00:00Z") for name, fields in made.items()}
