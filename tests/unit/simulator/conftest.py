import numpy as np
import pytest

from stormcycle.domain import Domain, parse_domain
from stormcycle.simulator import Scan

SMALL = """
name: small
title: a small simulated domain
providers: ["stormcycle simulator: not an observation"]
licence: Apache-2.0
grid:
  projection: "+proj=laea +lat_0=46.07 +lon_0=15.29 +datum=WGS84 +units=m +no_defs"
  shape: [96, 96]
  resolution_m: 2000
step_minutes: 15
radar:
  feed: {url: nowhere, layout: odim}
  sites:
    simpa: {latitude: 45.9, longitude: 14.03, altitude_m: 925}
    simli: {latitude: 46.07, longitude: 15.29, altitude_m: 950}
simulation: {seed: 7}
"""


@pytest.fixture(scope="session")
def domain() -> Domain:
    return parse_domain(SMALL, "small.yaml")


@pytest.fixture(scope="session")
def scan() -> Scan:
    return Scan(elevations_deg=(0.5, 4.0), rays=45, gate_m=2500.0, range_m=100e3, blind_m=3000.0, duration_s=120)


@pytest.fixture(scope="session")
def noon() -> np.datetime64:
    return np.datetime64("2026-07-01T12:00:00", "s")
