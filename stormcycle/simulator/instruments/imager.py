"""A geostationary imager: each pixel sees the first cloud on its line of sight, or the ground, and measures it with noise.

A scan is a moment: its middle. Pixels are points, not footprints. A cloud is one layer; those beyond the window's edge do
not lean into it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.ndimage import distance_transform_edt

from stormcycle.simulator.instruments.geostationary import FixedGrid, View, Window, places, view, window_around
from stormcycle.simulator.instruments.imager_channels import ABI_GRID, SEVIRI_GRID, Channel
from stormcycle.simulator.instruments.radiation import SeesVapour, planck_radiance, vapour_radiance, window_radiance
from stormcycle.simulator.nature.clouds import Clouds, clouds
from stormcycle.simulator.nature.world import World, generator, seconds_of
from stormcycle.times import Time

GOOD, OUT_OF_RANGE, NO_VALUE, SPACE = 0, 2, 3, 255
"""What a pixel's quality can be, in the numbers of ABI."""
DEAD_SHARE = 2e-5
"""Of the pixels, how many bring no value."""
SIGHT_STEP_M = 400.0
"""A line of sight is followed downward in steps of so many metres; the cloud it meets is known that well."""
CLOUD_DEPTH_M = 2500.0
"""Clouds reach so far below their tops: a line of sight that comes in lower passes under them."""
SCANS = {"F": (20.2, 570.8), "C": (77.0, 157.2), "M1": (20.8, 5.8), "M2": (50.8, 5.8)}
"""Scene of ABI in mode 6 -> seconds from the nominal time to the scan's start, and its duration, as in real files."""
NIGHT_K, SUN_WARMTH_K, WARMTH_LATER = -3.0, 12.0, np.timedelta64(90, "m")
"""The skin of the ground is so much colder than nature's ground without the sun, warmer by so much below a sun in the zenith,
and lags so far behind it: nature knows no hour of the day, but who looks from space sees one."""
SEVIRI_SCAN = (11.0, 752.4)
"""Seconds from the nominal time to the start of SEVIRI's first line, in the south, and from there to the end of its last."""
CONUS, PACUS = Window(422, 902, 1500, 2500), Window(422, 1462, 1500, 2500)


@dataclass(frozen=True)
class Scene:
    """What is scanned, and when: a window of a satellite's fixed grid; the scan starts `start_s` after the nominal time and
    lasts `duration_s`. The world is looked at in every `every`-th pixel of rows and columns, and those between see the same."""

    name: str
    platform: str
    satellite_longitude: float
    grid: FixedGrid
    window: Window
    start_s: float
    duration_s: float
    every: int = 1


@dataclass(frozen=True)
class Image:
    """One channel of one scan: its nominal time, start and end (datetime64[ms]), radiance (rows, columns; mW m-2 sr-1 (cm-1)-1; NaN where
    quality is NO_VALUE or SPACE) and quality (rows, columns; uint8)."""

    scene: Scene
    channel: Channel
    time: Time
    start: Time
    end: Time
    radiance: np.ndarray
    quality: np.ndarray


def abi_scene(name: str, platform: str, satellite_longitude: float, longitude: float = 0.0, latitude: float = 0.0) -> Scene:
    """A scene of ABI by name: M1 and M2 are 1000 km squares around a place (degrees), C is CONUS (PACUS from the west), F the disk.

    Raises KeyError when ABI has no such scene, ValueError when the satellite does not see the place.
    """
    start, duration = SCANS[name]
    if name == "F":
        window, every = Window(0, 0, ABI_GRID.size, ABI_GRID.size), 12
    elif name == "C":
        window, every = CONUS if satellite_longitude > -105.0 else PACUS, 4
    else:
        window, every = window_around(ABI_GRID, satellite_longitude, longitude, latitude, 500, 500), 1
    return Scene(name, platform, satellite_longitude, ABI_GRID, window, start, duration, every)


def seviri_scene(platform: str, satellite_longitude: float, longitude: float, latitude: float, rows: int = 256, columns: int = 320) -> Scene:
    """A part of SEVIRI's full disk around a place (degrees): so much of it is seen, the rest of its segments holds no data.

    Raises ValueError when the satellite does not see the place.
    """
    window = window_around(SEVIRI_GRID, satellite_longitude, longitude, latitude, rows, columns)
    start, duration = SEVIRI_SCAN
    line = duration / SEVIRI_GRID.size  # the first line is the southernmost
    return Scene("0DEG", platform, satellite_longitude, SEVIRI_GRID, window, start + line * (SEVIRI_GRID.size - window.row - rows), line * rows)


def seen_images(projection: str, world: World, time: Time, scene: Scene, channels: Iterable[Channel]) -> dict[int, Image]:
    """Channel number -> image of a scene scanned for a nominal time, of the world whose domain has this projection."""
    start = time.astype("datetime64[ms]") + np.timedelta64(round(scene.start_s * 1000), "ms")
    middle = start + np.timedelta64(round(scene.duration_s * 500), "ms")
    seen_view = view(scene.grid, scene.window, scene.satellite_longitude)
    earth = np.isfinite(seen_view.cosine)
    seen = _seen(_sampled(projection, world, middle, scene), seen_view, earth, scene.every)
    cosine, sun = seen_view.cosine[earth].astype("float32"), _sun(middle, seen_view, earth)
    warmth = NIGHT_K + SUN_WARMTH_K * np.maximum(_sun(middle - WARMTH_LATER, seen_view, earth), 0.0)
    seen = replace(seen, surface_temperature=seen.surface_temperature + warmth)
    images = {}
    for channel in channels:
        end = start + np.timedelta64(round((scene.duration_s + channel.later_s) * 1000), "ms")
        measured = _measured(world.noise_seed, scene, channel, time, earth, _radiance(channel, seen, cosine, sun))
        images[channel.number] = Image(scene, channel, time, start, end, *measured)
    return images


def _sun(time: Time, seen_view: View, earth: np.ndarray) -> np.ndarray:
    """Cosine of the sun's zenith angle where pixels of the earth look."""
    from pyorbital.astronomy import cos_zen

    return np.asarray(cos_zen(time, seen_view.longitude[earth], seen_view.latitude[earth]), "float32")


def _sampled(projection: str, world: World, time: Time, scene: Scene) -> Clouds:
    """The clouds above what every `every`-th pixel looks at; one that looks into space has what its nearest neighbour on the earth has."""
    x, y = (place[:: scene.every, :: scene.every] for place in places(scene.grid, scene.window, scene.satellite_longitude, projection))
    known = np.isfinite(x)
    there = clouds(world, float(time.astype("int64")) / 1000.0, x[known], y[known])
    nearest = ... if known.all() else tuple(distance_transform_edt(~known, return_distances=False, return_indices=True))
    spread = {}
    for field in fields(Clouds):
        values = np.zeros(x.shape, "float32")
        values[known] = getattr(there, field.name)
        spread[field.name] = values[nearest]
    return Clouds(**spread)


def _seen(there: Clouds, seen_view: View, earth: np.ndarray, every: int) -> Clouds:
    """What pixels of the earth (n,) see: of the clouds the first on their line of sight, of ground and vapour their own place's.

    A line of sight above the ground of one pixel passes, higher up, above pixels nearer to the point below the satellite.
    """
    row, column = np.nonzero(earth)
    found_row, found_column = row // every, column // every
    row_drift, column_drift = seen_view.row_drift[earth], seen_view.column_drift[earth]
    open_sight, clear = np.arange(len(row)), np.ones(len(row), bool)
    for height in np.arange(float(there.top_m.max()), 0.0, -SIGHT_STEP_M):
        at_row = np.clip(np.rint(row[open_sight] + height * row_drift[open_sight]).astype(int), 0, earth.shape[0] - 1) // every
        at_column = np.clip(np.rint(column[open_sight] + height * column_drift[open_sight]).astype(int), 0, earth.shape[1] - 1) // every
        above = there.top_m[at_row, at_column] - height
        met = (above >= 0.0) & (above < CLOUD_DEPTH_M)
        found_row[open_sight[met]], found_column[open_sight[met]], clear[open_sight[met]] = at_row[met], at_column[met], False
        open_sight = open_sight[~met]
    own, found = (row // every, column // every), (found_row, found_column)
    return Clouds(
        top_m=np.where(clear, np.float32(0.0), there.top_m[found]),
        top_temperature=np.where(clear, there.surface_temperature[own], there.top_temperature[found]),
        emissivity=np.where(clear, np.float32(0.0), there.emissivity[found]),
        surface_temperature=there.surface_temperature[own],
        upper_humidity=there.upper_humidity[found],
    )


def _radiance(channel: Channel, seen: Clouds, cosine: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Radiance without noise of what pixels (n,) see."""
    if isinstance(channel.air, SeesVapour):
        return vapour_radiance(channel.planck, channel.air, seen, cosine)
    return window_radiance(channel.planck, channel.air, seen, cosine, sun)


def _measured(seed: int, scene: Scene, channel: Channel, time: Time, earth: np.ndarray, radiance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radiance and quality of the image (rows, columns) of the earth's pixels (n,): with noise, dead pixels, and what the
    counts cannot hold marked."""
    random = generator(seed, f"imager {scene.platform} {scene.name} {channel.name}", int(seconds_of(time)))
    noise = channel.noise_k * (planck_radiance(channel.planck, 300.5) - planck_radiance(channel.planck, 299.5))
    measured = radiance + noise * random.standard_normal(radiance.shape, "float32")
    least, greatest = (channel.offset + channel.scale * count for count in (channel.first_count, channel.last_count))
    dead = random.random(radiance.shape, "float32") < DEAD_SHARE
    quality = np.full(earth.shape, SPACE, "uint8")
    quality[earth] = np.where(dead, NO_VALUE, np.where((measured < least) | (measured > greatest), OUT_OF_RANGE, GOOD))
    image = np.full(earth.shape, np.nan, "float32")
    image[earth] = np.where(dead, np.nan, np.clip(measured, least, greatest))
    return image, quality
