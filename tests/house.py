"""The small simulated domain of the tests, and a house of one's own to run it in."""

from dataclasses import dataclass
from pathlib import Path

from stormcycle.simulator import Scan

FIRST, SECOND = "2026-07-01T13:00:00Z", "2026-07-01T14:00:00Z"
SMALL = """
name: small
title: A small simulated domain for tests
providers: ["stormcycle simulator: not an observation"]
licence: Apache-2.0
grid: {projection: "+proj=laea +lat_0=46.07 +lon_0=15.29 +datum=WGS84 +units=m", shape: [96, 96], resolution_m: 2000}
step_minutes: 6
radar:
  feed: {url: "${STORMCYCLE_HOME}/buckets/small", layout: odim}
  sites:
    simli: {latitude: 46.068, longitude: 15.285, altitude_m: 950}
    simpa: {latitude: 45.898, longitude: 14.628, altitude_m: 925}
  moments: [reflectivity, zdr]
  quality: {max_range_km: 120, noise_floor_dbz: 3}
nowcast: {members: 4}
simulation: {seed: 7}
schedule: {active: false}
"""
SCAN = Scan(elevations_deg=(0.5, 2.0), rays=360, gate_m=2000.0, range_m=120000.0)


@dataclass(frozen=True)
class House:
    """One test's own world: its STORMCYCLE_HOME, its folder of domains, the bucket of the domain `small`."""

    home: Path
    domains: Path
    bucket: Path

    def granule(self, site: str, time: str) -> Path:
        """The volume of a site at a time of day of the simulated date (`125400`)."""
        return self.bucket / "2026/07/01" / site / f"{site}_pvol_20260701T{time}Z.h5"

    def granules(self, time: str) -> list[Path]:
        """The volumes of all sites at a time of day."""
        return [self.granule(site, time) for site in ("simli", "simpa")]
