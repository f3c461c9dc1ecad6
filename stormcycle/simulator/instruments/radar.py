"""A dual-polarisation C-band radar: it scans, each sweep at its own time, and measures with noise what its beam meets.

Gates sample the middle of the beam; sectors may be blocked; attenuation and ground clutter are not simulated.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stormcycle.domain import Domain, Site
from stormcycle.simulator.instruments.beam import beam_height_and_distance, gate_places
from stormcycle.simulator.nature import columns, moments, seconds_of, world_of
from stormcycle.simulator.nature.world import generator
from stormcycle.times import Time

SYSTEM_PHASE_DEG = 20.0
NOISE = {"DBZH": 0.7, "ZDR": 0.15, "RHOHV": 0.004, "PHIDP": 1.2, "KDP": 0.05}
"""Standard deviation of a gate's measurement in the moment's unit, at a high signal-to-noise ratio."""


@dataclass(frozen=True)
class Blocked:
    """A sector that something near the radar hides: azimuths [from, to) in degrees, beyond a range (m), weaker by `loss_db`."""

    from_deg: float
    to_deg: float
    beyond_m: float
    loss_db: float


@dataclass(frozen=True)
class Scan:
    """How a radar scans: elevations (degrees), rays a turn, gate length and range (m), time for all sweeps (s); sweeps
    end where the beam leaves `ceiling_m`; gates nearer than `blind_m` are not measured; `faintest_dbz_at_1km` is the
    least reflectivity that it detects at 1 km; `blocked` sectors hide what lies behind them from sweeps below `blocked_below_deg`."""

    elevations_deg: tuple[float, ...] = (0.5, 1.5, 2.5, 4.0, 6.0, 9.0)
    rays: int = 360
    gate_m: float = 1000.0
    range_m: float = 150e3
    duration_s: int = 270
    ceiling_m: float = 15e3
    blind_m: float = 1000.0
    faintest_dbz_at_1km: float = -37.0
    wavelength_cm: float = 5.35
    beam_width_deg: float = 1.0
    blocked: tuple[Blocked, ...] = ()
    blocked_below_deg: float = 1.0


@dataclass(frozen=True)
class Sweep:
    """One turn at one elevation. `moments`: ODIM quantity -> float32 (rays, gates), NaN where there is no value;
    `measured` (rays, gates): the radar looked; `echo`: it looked and detected something."""

    elevation_deg: float
    start: Time
    end: Time
    moments: dict[str, np.ndarray]
    measured: np.ndarray
    echo: np.ndarray


@dataclass(frozen=True)
class Volume:
    """All sweeps of a site for one nominal time, which is the start of the first."""

    site_name: str
    site: Site
    time: Time
    scan: Scan
    sweeps: tuple[Sweep, ...]


def observe(domain: Domain, site_name: str, time: Time, seed: int, scan: Scan | None = None) -> Volume:
    """The volume that a site of the domain measures from a nominal time on, in the world of a seed.

    Raises KeyError when the domain has no such site.
    """
    scan = scan or Scan()
    site = domain.radar.sites[site_name]
    spacing = scan.duration_s // len(scan.elevations_deg)
    starts = [time + np.timedelta64(index * spacing, "s") for index in range(len(scan.elevations_deg))]
    sweeps = tuple(
        _sweep(domain, site_name, start, np.timedelta64(spacing, "s"), seed, scan, elevation)
        for start, elevation in zip(starts, scan.elevations_deg, strict=True)
    )
    return Volume(site_name, site, time, scan, sweeps)


@lru_cache(maxsize=32)
def _gates(projection: str, site: Site, scan: Scan, elevation_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slant range and height (gates,), x and y (rays, gates) of a sweep, in metres."""
    distance = (np.arange(int(scan.range_m // scan.gate_m)) + 0.5) * scan.gate_m
    height, ground = beam_height_and_distance(distance, elevation_deg, site.altitude_m)
    inside = height <= scan.ceiling_m
    azimuth = (np.arange(scan.rays) + 0.5) * 360.0 / scan.rays
    x, y = gate_places(projection, site, azimuth, ground[inside])
    return distance[inside], height[inside], x, y


def _sweep(domain: Domain, site_name: str, start: Time, duration: np.timedelta64, seed: int, scan: Scan, elevation_deg: float) -> Sweep:
    distance, height, x, y = _gates(domain.grid.projection, domain.radar.sites[site_name], scan, elevation_deg)
    world = world_of(domain, seed)
    middle = seconds_of(start) + float(duration / np.timedelta64(1, "s")) / 2
    true = moments(columns(world, middle, x, y), height[None, :], world.freezing_level_m)
    random = generator(seed, f"radar {site_name}", int(seconds_of(start)), round(elevation_deg * 1000))
    noise = {name: (deviation * random.standard_normal(x.shape)).astype("float32") for name, deviation in NOISE.items()}

    faintest = scan.faintest_dbz_at_1km + 20.0 * np.log10(distance / 1000.0)
    measured = np.broadcast_to(distance >= scan.blind_m, x.shape)
    reflectivity = true.reflectivity + noise["DBZH"] - blocked_loss(scan, elevation_deg, distance)
    echo = measured & (reflectivity >= faintest)
    # Near the noise the phases and ratios of both channels are worth less: the deviation grows as 1 / SNR.
    with np.errstate(invalid="ignore", over="ignore"):
        spread = 1.0 + 10.0 ** (-0.1 * (reflectivity - faintest))
    phase = SYSTEM_PHASE_DEG + 2.0 * np.cumsum(true.kdp, axis=1) * scan.gate_m / 1000.0
    values = {
        "DBZH": reflectivity,
        "ZDR": true.zdr + noise["ZDR"] * spread,
        "RHOHV": np.clip(true.rhohv - np.abs(noise["RHOHV"]) * spread, 0.0, 1.0),
        "PHIDP": np.mod(phase + noise["PHIDP"] * spread, 360.0),
        "KDP": true.kdp + noise["KDP"] * spread,
    }
    kept = {name: np.where(echo, value, np.nan).astype("float32") for name, value in values.items()}
    return Sweep(elevation_deg, start, start + duration, kept, measured, echo)


def blocked_loss(scan: Scan, elevation_deg: float, distance: np.ndarray) -> np.ndarray:
    """What blocked sectors take from reflectivity (rays, gates; dB) at slant ranges (gates,; m)."""
    azimuth = (np.arange(scan.rays) + 0.5) * 360.0 / scan.rays
    loss = np.zeros((scan.rays, len(distance)))
    for sector in scan.blocked if elevation_deg < scan.blocked_below_deg else ():
        inside = np.mod(azimuth - sector.from_deg, 360.0) < np.mod(sector.to_deg - sector.from_deg, 360.0)
        loss += sector.loss_db * (inside[:, None] & (distance >= sector.beyond_m))
    return loss
