"""A dual-polarisation radar: it scans, each sweep at its own time, and measures with noise what its beam meets.

Gates sample the middle of the beam; sectors may be blocked, rain on the way may attenuate, and the ground shine in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from stormcycle.domain import Domain, Site
from stormcycle.simulator.instruments.beam import beam_height_and_distance, gate_places
from stormcycle.simulator.instruments.clutter import ground, ground_in_beam
from stormcycle.simulator.instruments.echoes import Signal, signal
from stormcycle.simulator.nature import World, columns, moments, seconds_of, world_of
from stormcycle.simulator.nature.world import carried, generator
from stormcycle.times import Time

POLARIMETRY = {"DBZH": 0.7, "ZDR": 0.15, "RHOHV": 0.004, "PHIDP": 1.2, "KDP": 0.05}
DOPPLER = {"DBZH": 0.7, "VRADH": 0.5, "WRADH": 0.4}
"""What a sweep of either kind measures, with the standard deviation of a gate's measurement in the moment's unit at a high
signal-to-noise ratio."""
WIDTH_OF_RAIN, WIDTH_OF_GROUND = 2.0, 0.7
"""Spectrum widths (m s-1): of shear and turbulence within a gate, and of what stands still under a turning antenna."""
LIGHT_M_S = 2.998e8


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
    least reflectivity that it detects at 1 km; `blocked` sectors hide what lies behind them from sweeps below `blocked_below_deg`.

    `doppler_cuts` (sweeps, counted from 0) measure velocity instead of polarisation, unambiguous up to `doppler_reach_m`; `attenuated`
    by rain or not, `cluttered` by the ground or not; `pattern` numbers a volume coverage pattern, for formats that name one.
    """

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
    doppler_cuts: tuple[int, ...] = ()
    doppler_reach_m: float = 148e3
    attenuated: bool = False
    cluttered: bool = False
    pattern: int = 0

    @property
    def gates(self) -> int:
        """Gates of a ray, the ceiling aside."""
        return int(self.range_m // self.gate_m)

    @property
    def nyquist(self) -> float:
        """The greatest velocity (m s-1) that a Doppler cut can tell: a longer reach makes it less."""
        return LIGHT_M_S * self.wavelength_cm / 100.0 / (8.0 * self.doppler_reach_m)


NEXRAD_SCAN = Scan(
    elevations_deg=tuple(step * 360.0 / 8192.0 for step in (11, 11, 30, 55, 91, 146, 228, 355)),
    range_m=230e3,
    blind_m=2000.0,
    faintest_dbz_at_1km=-42.0,
    wavelength_cm=10.7,
    blocked=(Blocked(from_deg=212.0, to_deg=226.0, beyond_m=6e3, loss_db=20.0),),
    doppler_cuts=(1,),
    attenuated=True,
    cluttered=True,
    pattern=212,
)
"""A WSR-88D in eight cuts of VCP 212, the lowest split into one of reflectivity and polarisation and one of velocity; as
sensitive as a real one in that pattern (the faintest echoes of KDMX, 5 March 2022)."""


@dataclass(frozen=True)
class Sweep:
    """One turn at one elevation. `moments`: ODIM quantity -> float32 (rays, gates), NaN where there is no value;
    `measured` (rays, gates): the radar looked; `echo`: it looked and detected something; `ground`: most of that echo is the
    ground's (no file tells: tests ask)."""

    elevation_deg: float
    start: Time
    end: Time
    moments: dict[str, np.ndarray]
    measured: np.ndarray
    echo: np.ndarray
    ground: np.ndarray


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
    sweeps = tuple(_sweeps(domain, site_name, time, seed, scan))
    return Volume(site_name, domain.radar.sites[site_name], time, scan, sweeps)


def _sweeps(domain: Domain, site_name: str, time: Time, seed: int, scan: Scan) -> Iterator[Sweep]:
    """The sweeps in their order. Turns that follow each other at one elevation look at the weather of the time between them:
    the columns, most of the work, are made once, at most half a turn away.
    """
    world, site = world_of(domain, seed), domain.radar.sites[site_name]
    spacing = scan.duration_s // len(scan.elevations_deg)
    for elevation, turns in groupby(range(len(scan.elevations_deg)), key=lambda cut: scan.elevations_deg[cut]):
        cuts = list(turns)
        distance, height, x, y = _gates(domain.grid.projection, site, scan, elevation)
        middle = seconds_of(time) + (cuts[0] + len(cuts) / 2) * spacing
        true = moments(columns(world, middle, x, y), height[None, :], world.freezing_level_m)
        for cut in cuts:
            start = time + np.timedelta64(cut * spacing, "s")
            random = generator(seed, f"radar {site_name}", int(seconds_of(start)), round(elevation * 1000))
            measures = DOPPLER if cut in scan.doppler_cuts else POLARIMETRY
            noise = {name: (deviation * random.standard_normal(x.shape)).astype("float32") for name, deviation in measures.items()}
            seen = None
            if scan.cluttered:
                around = ground(site_name, scan.rays, scan.gates, scan.gate_m)
                seen = ground_in_beam(around, len(distance), elevation, scan.beam_width_deg, random)
            received = signal(true, seen, scan.gate_m, scan.wavelength_cm, scan.attenuated)
            wind = wind_along(world, x, y, elevation) if cut in scan.doppler_cuts else None
            yield _measured(scan, elevation, start, start + np.timedelta64(spacing, "s"), distance, received, noise, wind)


@lru_cache(maxsize=32)
def _gates(projection: str, site: Site, scan: Scan, elevation_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slant range and height (gates,), x and y (rays, gates) of a sweep, in metres."""
    distance = (np.arange(scan.gates) + 0.5) * scan.gate_m
    height, along_ground = beam_height_and_distance(distance, elevation_deg, site.altitude_m)
    inside = height <= scan.ceiling_m
    azimuth = (np.arange(scan.rays) + 0.5) * 360.0 / scan.rays
    x, y = gate_places(projection, site, azimuth, along_ground[inside])
    return distance[inside], height[inside], x, y


def _measured(
    scan: Scan,
    elevation_deg: float,
    start: Time,
    end: Time,
    distance: np.ndarray,
    received: Signal,
    noise: dict[str, np.ndarray],
    wind: np.ndarray | None,
) -> Sweep:
    """What a receiver with its noise makes of a signal; of polarisation or, where there is a wind (rays, gates; m s-1), of velocity."""
    faintest = scan.faintest_dbz_at_1km + 20.0 * np.log10(distance / 1000.0)
    looked = np.broadcast_to(distance >= scan.blind_m, received.kdp.shape)
    reflectivity = received.reflectivity + noise["DBZH"] - blocked_loss(scan, elevation_deg, distance)
    echo = looked & (reflectivity >= faintest)
    # Near the noise the phases and ratios of both channels are worth less: the deviation grows as 1 / SNR.
    with np.errstate(invalid="ignore", over="ignore"):
        spread = 1.0 + 10.0 ** (-0.1 * (reflectivity - faintest))
    if wind is None:
        values = {
            "ZDR": received.zdr + noise["ZDR"] * spread,
            "RHOHV": np.clip(received.rhohv - np.abs(noise["RHOHV"]) * spread, 0.0, 1.0),
            "PHIDP": np.mod(received.phase + noise["PHIDP"] * spread, 360.0),
            # the slope of phases that are random from gate to gate is anything
            "KDP": received.kdp + noise["KDP"] * (spread + 40.0 * received.ground),
        }
    else:
        velocity = (1.0 - received.ground) * wind + noise["VRADH"] * spread
        width = (1.0 - received.ground) * WIDTH_OF_RAIN + received.ground * WIDTH_OF_GROUND + noise["WRADH"] * spread
        reach = distance <= scan.doppler_reach_m  # beyond it the echoes of two pulses overlay each other
        values = {
            "VRADH": np.where(reach, np.mod(velocity + scan.nyquist, 2.0 * scan.nyquist) - scan.nyquist, np.nan),
            "WRADH": np.where(reach, np.maximum(width, 0.0), np.nan),
        }
    kept = {name: np.where(echo, value, np.nan).astype("float32") for name, value in {"DBZH": reflectivity, **values}.items()}
    return Sweep(elevation_deg, start, end, kept, looked, echo, echo & (received.ground > 0.5))


def wind_along(world: World, x: np.ndarray, y: np.ndarray, elevation_deg: float) -> np.ndarray:
    """The wind's velocity (m s-1, away from the radar) at gates (rays, gates) of a beam: of the flow that carries the storms."""
    east, north = x - world.centre_m[0], y - world.centre_m[1]
    later_east, later_north = carried(world, east, north, 1.0)
    along_x, along_y = x[:, -1:] - x[:, :1], y[:, -1:] - y[:, :1]
    along = ((later_east - east) * along_x + (later_north - north) * along_y) / np.hypot(along_x, along_y)
    return np.asarray(along * np.cos(np.radians(elevation_deg)))


def blocked_loss(scan: Scan, elevation_deg: float, distance: np.ndarray) -> np.ndarray:
    """What blocked sectors take from reflectivity (rays, gates; dB) at slant ranges (gates,; m)."""
    azimuth = (np.arange(scan.rays) + 0.5) * 360.0 / scan.rays
    loss = np.zeros((scan.rays, len(distance)))
    for sector in scan.blocked if elevation_deg < scan.blocked_below_deg else ():
        inside = np.mod(azimuth - sector.from_deg, 360.0) < np.mod(sector.to_deg - sector.from_deg, 360.0)
        loss += sector.loss_db * (inside[:, None] & (distance >= sector.beyond_m))
    return loss
