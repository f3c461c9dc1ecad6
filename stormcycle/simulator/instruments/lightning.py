"""A lightning imager on a geostationary satellite: it sees the light that flashes send up through their cloud, pixel by pixel.

A flash shines in pulses; each is a spot on the cloud top, blurred by scattering. The pixels of a frame of 2 ms that it lifts
over the threshold are events, together a group; all groups of a flash are one flash of the file in which it ends. Navigation
assumes one height of all clouds, the lightning ellipsoid, and so is off by what the true top is higher or lower. Numbers are
such that counts, areas, energies and gaps of a flash are those of real files (docs/lightning.md). Clustering is perfect, and
there are no false events.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer
from scipy.special import ndtr

from stormcycle.simulator.nature.lightning import Flashes
from stormcycle.simulator.nature.world import generator, seconds_of
from stormcycle.times import Time

GRANULE_S = 20
LONGEST_S = 3.2
"""No flash is seen longer after its beginning; a granule needs the flashes that began so long before it."""
SLOWEST_LIGHT_S = 0.14
"""From the edge of the disk to the satellite."""
FRAMES_PER_S = 500
DETECTION_EFFICIENCY = 0.8
"""Share that is reported of the flashes that are bright enough; GLM is to report 70 %: Bateman and Mach (2020), doi 10.1117/1.JRS.14.032406."""
THRESHOLD_J = 1.2e-15
MOST_GROUPS = 100
CLOUD_TOP_M = 12e3
SPREAD_RAD = 75e-6
"""Standard deviation of a spot of light on the cloud, about 2.5 km."""
NEIGHBOURS = np.arange(-3, 4)
SUBARRAYS_EAST = ((282, 224.9), (63, 210.7), (65, 195.9), (276, 181.6))
SUBARRAYS_NORTH = ((282, 224.9), (63, 210.7), (65, 195.9), (61, 181.6), (60, 167.3), (119, 152.6))
"""Pixels from the middle outward and their pitch (microradians): 1372 columns, 1300 rows."""
EARTH_M = (6378137.0, 6356752.31414)
LIGHTNING_ELLIPSOID_M = (EARTH_M[0] + 14e3, 6362755.0)
ORBIT_M = EARTH_M[0] + 35786023.0
WEST_OF_SLOT = 0.2
"""Degrees by which the satellites in the slots East and West stand west of them."""
LIGHT_M_PER_S = 299792458.0


@dataclass(frozen=True)
class Events:
    """Pixels that lit up: seconds from the granule's start, degrees, J, and the position of their group; (n,) each."""

    seconds: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    energy_j: np.ndarray
    group: np.ndarray


@dataclass(frozen=True)
class Groups:
    """Events of one frame and flash: as those, with the area of their pixels (m2), the light's way to the satellite (s) and the position of their flash."""

    seconds: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    energy_j: np.ndarray
    area_m2: np.ndarray
    travel_s: np.ndarray
    flash: np.ndarray


@dataclass(frozen=True)
class SeenFlashes:
    """Flashes: first and last event (seconds from the granule's start), centroid weighted by energy, sums; (n,) each."""

    first_s: np.ndarray
    last_s: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    energy_j: np.ndarray
    area_m2: np.ndarray
    travel_s: np.ndarray


@dataclass(frozen=True)
class Seen:
    """What the imager of a satellite reports of one granule; `slot_longitude` names its orbital slot, `longitude` where it stands."""

    satellite: str
    slot_longitude: float
    longitude: float
    start: Time
    events: Events
    groups: Groups
    flashes: SeenFlashes


def seen_flashes(flashes: Flashes, projection: str, start: Time, seed: int, satellite: str = "G19", slot_longitude: float = -75.0) -> Seen:
    """What a satellite reports of the granule [start, start + GRANULE_S): the flashes whose last light arrives in it.

    `flashes` (in a projection) are those of [start - LONGEST_S, start + GRANULE_S). How a flash shines depends on the seed and
    on the flash alone, so that it is in one granule and no other, whichever is asked for.
    """
    longitude = slot_longitude - (WEST_OF_SLOT if slot_longitude in (-75.0, -137.0) else 0.0)
    flash, seconds, x, y, energy = _pulses(flashes, seconds_of(start), seed)
    angle_x, angle_y, travel = _sighted(x, y, projection, longitude)
    pulse, column, row, event_energy = _lit_pixels(angle_x, angle_y, energy)
    last = np.full(len(flashes.seconds), -np.inf)
    np.maximum.at(last, flash[pulse], (seconds + travel)[pulse])
    ends_here = (last >= 0.0) & (last < GRANULE_S)
    kept = ends_here[flash[pulse]]
    pulse, column, row, event_energy = pulse[kept], column[kept], row[kept], event_energy[kept]
    pulses, event_group = np.unique(pulse, return_inverse=True)
    flashes_kept, group_flash = np.unique(flash[pulses], return_inverse=True)

    longitudes, latitudes, area = _navigated(column, row, longitude)
    groups = Groups(
        seconds=seconds[pulses],
        longitude=_weighted(longitudes, event_energy, event_group),
        latitude=_weighted(latitudes, event_energy, event_group),
        energy_j=np.bincount(event_group, event_energy),
        area_m2=np.bincount(event_group, area),
        travel_s=travel[pulses],
        flash=group_flash,
    )
    owner, count = group_flash[event_group], len(flashes_kept)
    _, once = np.unique((owner * 4096 + column) * 4096 + row, return_index=True)
    first, final = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, group_flash, groups.seconds)
    np.maximum.at(final, group_flash, groups.seconds)
    ends = SeenFlashes(
        first_s=first,
        last_s=final,
        longitude=_weighted(longitudes, event_energy, owner),
        latitude=_weighted(latitudes, event_energy, owner),
        energy_j=np.bincount(owner, event_energy),
        area_m2=np.bincount(owner[once], area[once]),
        travel_s=_weighted(groups.travel_s, groups.energy_j, group_flash),
    )
    events = Events(groups.seconds[event_group], longitudes, latitudes, event_energy, event_group)
    return Seen(satellite, slot_longitude, longitude, start, events, groups, ends)


def _weighted(values: np.ndarray, weights: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The weighted mean of the values of each owner, owners being numbered from 0 without a gap."""
    return np.bincount(owner, values * weights) / np.bincount(owner, weights)


def _pulses(flashes: Flashes, start_seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pulses of the flashes that are not missed: flash, seconds from the start on the raster of frames, x, y (m), energy (J)."""
    parts = [np.zeros((5, 0))]
    for number, (begins, x, y, extent, energy) in enumerate(zip(flashes.seconds, flashes.x, flashes.y, flashes.extent_m, flashes.energy_j, strict=True)):
        random = generator(seed, "lightning imager", round(begins * 1e6) % 2**32, round(x), round(y))
        if random.uniform() > DETECTION_EFFICIENCY:
            continue
        count = int(np.clip(np.exp(random.normal(np.log(28.0), 1.0)) * np.sqrt(extent / 11e3), 1, MOST_GROUPS))
        pause = 1.0 + np.where(random.uniform(size=count) < 0.7, 0.0, np.round(random.exponential(0.03 * FRAMES_PER_S, count)))
        after = (np.floor(begins * FRAMES_PER_S) - start_seconds * FRAMES_PER_S + np.cumsum(pause) - pause[0]) / FRAMES_PER_S
        share = np.exp(random.normal(0.0, 1.0, count))
        place = random.normal(0.0, extent / 5.0, (2, count))
        pulse = np.stack([np.full(count, float(number)), after, x + place[0], y + place[1], energy * share / share.sum()])
        parts.append(pulse[:, after < begins - start_seconds + LONGEST_S - SLOWEST_LIGHT_S])
    number, seconds, x, y, energy = np.concatenate(parts, axis=1)
    return number.astype("int64"), seconds, x, y, energy


def _sighted(x: np.ndarray, y: np.ndarray, projection: str, satellite_longitude: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scan angles (radians, eastward and northward) at which cloud tops above places of a projection are seen, and the time that
    light takes from there (s); NaN behind the earth."""
    to_degrees, to_centre = _transformers(projection)
    longitude, latitude = to_degrees.transform(x, y)
    outward, east, north = (np.asarray(part) for part in to_centre.transform(longitude - satellite_longitude, latitude, np.full_like(x, CLOUD_TOP_M)))
    hidden = ORBIT_M * outward < outward**2 + east**2 + north**2
    down = np.where(hidden, np.nan, ORBIT_M - outward)
    way = np.sqrt(down**2 + east**2 + north**2)
    return np.arcsin(east / way), np.arctan(north / down), way / LIGHT_M_PER_S


@lru_cache(maxsize=4)
def _transformers(projection: str) -> tuple[Transformer, Transformer]:
    """From a projection to degrees, from degrees and heights to metres from the earth's centre."""
    to_degrees = Transformer.from_crs(CRS.from_user_input(projection), "EPSG:4326", always_xy=True)
    return to_degrees, Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def pixel_edges(subarrays: tuple[tuple[int, float], ...]) -> np.ndarray:
    """Scan angles (radians) of the edges between pixels, rising, symmetric around 0."""
    outward = np.cumsum(np.concatenate([np.full(count, pitch * 1e-6) for count, pitch in subarrays]))
    return np.concatenate([-outward[::-1], [0.0], outward])


EDGES_EAST, EDGES_NORTH = pixel_edges(SUBARRAYS_EAST), pixel_edges(SUBARRAYS_NORTH)


def _lit_pixels(x: np.ndarray, y: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pixels that pulses (scan angles, J) lift over the threshold: pulse, column, row (northward), energy (J)."""
    found, shares = [], []
    for angle, edges in ((y, EDGES_NORTH), (x, EDGES_EAST)):
        # NaN, and what lies beside the detector, falls onto pixels outside, which do not exist
        near = np.searchsorted(edges, angle)[:, None] - 1 + NEIGHBOURS
        there = (near >= 0) & (near < len(edges) - 1) & np.isfinite(angle)[:, None]
        near = np.where(there, near, 0)
        part = ndtr((edges[near + 1] - angle[:, None]) / SPREAD_RAD) - ndtr((edges[near] - angle[:, None]) / SPREAD_RAD)
        found.append(near)
        shares.append(np.where(there, part, 0.0))
    received = energy[:, None, None] * shares[0][:, :, None] * shares[1][:, None, :]
    pulse, above, beside = np.nonzero(received >= THRESHOLD_J)
    return pulse, found[1][pulse, beside], found[0][pulse, above], received[pulse, above, beside]


def _navigated(column: np.ndarray, row: np.ndarray, satellite_longitude: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitude, latitude (degrees, as files give them) and area (m2) of pixels on the lightning ellipsoid."""
    west, east, south, north = EDGES_EAST[column], EDGES_EAST[column + 1], EDGES_NORTH[row], EDGES_NORTH[row + 1]
    x, y = (west + east) / 2.0, (south + north) / 2.0
    outward, right, up = _on_ellipsoid(x, y)
    across = np.cross((_on_ellipsoid(east, y) - _on_ellipsoid(west, y)).T, (_on_ellipsoid(x, north) - _on_ellipsoid(x, south)).T)
    # a file's latitude is the geodetic one on the earth's ellipsoid for the same geocentric one
    latitude = np.arctan(up / np.hypot(outward, right) * (EARTH_M[0] / EARTH_M[1]) ** 2)
    return satellite_longitude + np.degrees(np.arctan2(right, outward)), np.degrees(latitude), np.linalg.norm(across, axis=1)


def _on_ellipsoid(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where lines of sight meet the lightning ellipsoid (3, n; m from the earth's centre, the first towards the satellite); NaN where they miss it."""
    equatorial, polar = LIGHTNING_ELLIPSOID_M
    sight = np.stack([-np.cos(x) * np.cos(y), np.sin(x), np.cos(x) * np.sin(y)])
    square = sight[0] ** 2 + sight[1] ** 2 + (sight[2] * equatorial / polar) ** 2
    half = ORBIT_M * sight[0]
    with np.errstate(invalid="ignore"):
        length = (-half - np.sqrt(half**2 - square * (ORBIT_M**2 - equatorial**2))) / square
    return np.array([[ORBIT_M], [0.0], [0.0]]) + length * sight
