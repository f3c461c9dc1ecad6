"""From a unit of the plan to the files of its feed: key, bytes, nominal time, and when a real feed would have brought it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pyproj import Transformer

from stormcycle.domain import Domain, Feed
from stormcycle.feeds.layouts import LAYOUTS
from stormcycle.satellite.slots import satellite_at
from stormcycle.simulator.instruments import Scan
from stormcycle.simulator.instruments.imager import Scene, abi_scene, seen_images, seviri_scene
from stormcycle.simulator.instruments.imager_channels import ABI, SEVIRI
from stormcycle.simulator.instruments.lightning import GRANULE_S, LONGEST_S, SLOWEST_LIGHT_S, seen_flashes
from stormcycle.simulator.instruments.model import model_run
from stormcycle.simulator.instruments.model_grid import LambertGrid, lambert_grid
from stormcycle.simulator.instruments.radar import NEXRAD_SCAN, Volume, observe
from stormcycle.simulator.nature import seconds_of, world_of
from stormcycle.simulator.nature.lightning import flashes
from stormcycle.simulator.plan import Unit
from stormcycle.simulator.truth import truth_bytes, truth_key
from stormcycle.simulator.writers import abi, glm, grib, hrit, nexrad, odim
from stormcycle.times import Time

EAST_LONGITUDE, WEST_LONGITUDE, BETWEEN = -75.0, -137.0, -106.0
"""Where GOES-East and GOES-West stand, and the longitude from which on the East sees better (degrees)."""
SEVIRI_LONGITUDE = 0.0
SECONDS_A_MINUTE = 60
MODEL_MARGIN = 10
"""Points of the model's grid beyond the analysis grid on each side."""
SECONDS_LATER = {"radar": 300, "imager": 60, "lightning": 25}
"""From a granule's nominal time or its scan's end to its arrival: a volume takes four and a half minutes."""
RUN_MINUTES_LATER = {0: 210, 12: 210, 6: 270, 18: 270}
"""From a run's base hour to its publication (as a third party measured CHMI's)."""


@dataclass(frozen=True)
class File:
    """One file of a feed: its key below the bucket, its bytes, its nominal time, when it arrives; `unit`: of what it is."""

    key: str
    content: bytes
    time: Time
    arrives: Time
    unit: Unit


def files_of(domain: Domain, seed: int, unit: Unit, scan: Scan | None = None) -> list[File]:
    """The files of a unit in the world of a seed; the same arguments give the same bytes. `scan`: how the radars look (default: the layout's own)."""
    return {"radar": _radar, "imager": _imager, "lightning": _lightning, "background": _background, "truth": _truth}[unit.feed](domain, seed, unit, scan)


def volume_of(domain: Domain, seed: int, unit: Unit, scan: Scan | None = None) -> Volume:
    """What a radar measures, by the scan of its feed's layout unless told otherwise."""
    return observe(domain, unit.site, unit.time, seed, scan or (NEXRAD_SCAN if domain.radar.feed.layout == "nexrad" else None))


def volume_file(domain: Domain, volume: Volume, unit: Unit) -> File:
    """A volume as a file of the domain's radar feed."""
    if domain.radar.feed.layout == "nexrad":
        name, content = nexrad.archive_name(volume.site_name, volume.time), nexrad.archive_bytes(volume)
    else:
        name, content = f"{volume.site_name}_pvol_{_moment(volume.time):%Y%m%dT%H%M%SZ}.h5", odim.volume_bytes(volume)
    key = f"{_prefix(domain.radar.feed, volume.time, volume.site_name)}/{name}"
    return File(key, content, volume.time, unit.time + np.timedelta64(SECONDS_LATER["radar"], "s"), unit)


def abi_scene_of(domain: Domain, time: Time) -> Scene:
    """The scene of the domain's ABI feed, by the satellite that stood nearer at the time; a mesoscale scene lies about the domain's centre."""
    assert domain.satellite is not None  # asked of domains with an imager
    longitude, latitude = centre_of(domain)
    east = longitude > BETWEEN
    name = domain.satellite.imager.feed.layout.rpartition("-")[2].upper()
    return abi_scene(name, satellite_at("east" if east else "west", time), EAST_LONGITUDE if east else WEST_LONGITUDE, longitude, latitude)


def model_grid_of(domain: Domain) -> LambertGrid:
    """The grid of the simulated model: Lambert, about the analysis grid's centre, a margin larger."""
    assert domain.background is not None  # asked of domains with a model
    grid = domain.background.grid
    longitude, latitude = _geographic(grid.projection, *grid.centre_m)
    rows, columns = (size + 2 * MODEL_MARGIN for size in grid.shape)
    return lambert_grid(latitude, longitude, (rows, columns), grid.resolution_m)


def centre_of(domain: Domain) -> tuple[float, float]:
    """Longitude and latitude of the product grid's centre."""
    return _geographic(domain.grid.projection, *domain.grid.centre_m)


def _geographic(projection: str, x: float, y: float) -> tuple[float, float]:
    longitude, latitude = Transformer.from_crs(projection, "EPSG:4326", always_xy=True).transform(x, y)
    return float(longitude), float(latitude)


def _radar(domain: Domain, seed: int, unit: Unit, scan: Scan | None) -> list[File]:
    return [volume_file(domain, volume_of(domain, seed, unit, scan), unit)]


def _imager(domain: Domain, seed: int, unit: Unit, _: Scan | None) -> list[File]:
    assert domain.satellite is not None  # the plan asks of domains with an imager alone
    if domain.satellite.imager.feed.layout == "hrit":
        return _hrit(domain, seed, unit)
    channels = [ABI[int(name.removeprefix("C"))] for name in domain.satellite.imager.channels]
    images = seen_images(domain.grid.projection, world_of(domain, seed), unit.time, abi_scene_of(domain, unit.time), channels)
    later = np.timedelta64(SECONDS_LATER["imager"], "s")
    feed = domain.satellite.imager.feed
    return [
        File(f"{_prefix(feed, image.start)}/{abi.image_name(image)}", abi.image_bytes(image), unit.time, image.end.astype("datetime64[s]") + later, unit)
        for image in images.values()
    ]


def _hrit(domain: Domain, seed: int, unit: Unit) -> list[File]:
    """The files of a SEVIRI scan: segments of each channel, prologue and epilogue."""
    assert domain.satellite is not None  # the plan asks of domains with an imager alone
    imager = domain.satellite.imager
    channels = [channel for channel in SEVIRI.values() if channel.name in imager.channels]
    scene = seviri_scene("MSG4", SEVIRI_LONGITUDE, *centre_of(domain))
    images = seen_images(domain.grid.projection, world_of(domain, seed), unit.time, scene, channels).values()
    arrives = max(image.end for image in images).astype("datetime64[s]") + np.timedelta64(SECONDS_LATER["imager"], "s")
    folder = _prefix(imager.feed, unit.time)
    return [File(f"{folder}/{name}".lstrip("/"), content, unit.time, arrives, unit) for name, content in hrit.scan_files(images).items()]


def _lightning(domain: Domain, seed: int, unit: Unit, _: Scan | None) -> list[File]:
    """The three granules of a minute; each needs the flashes that were burning when it began."""
    longitude, _latitude = centre_of(domain)
    east, start = longitude > BETWEEN, seconds_of(unit.time)
    found = flashes(world_of(domain, seed), start - LONGEST_S - SLOWEST_LIGHT_S, start + SECONDS_A_MINUTE)
    platform, slot = satellite_at("east" if east else "west", unit.time), EAST_LONGITUDE if east else WEST_LONGITUDE
    times = [unit.time + np.timedelta64(second, "s") for second in range(0, SECONDS_A_MINUTE, GRANULE_S)]
    granules = [seen_flashes(found, domain.grid.projection, time, seed, platform, slot) for time in times]
    later = np.timedelta64(GRANULE_S + SECONDS_LATER["lightning"], "s")
    assert domain.satellite is not None and domain.satellite.lightning is not None  # the plan asks of domains with lightning alone
    feed = domain.satellite.lightning.feed
    return [
        File(f"{_prefix(feed, time)}/{glm.lcfa_name(seen)}", glm.lcfa_bytes(seen), time, time + later, unit) for time, seen in zip(times, granules, strict=True)
    ]


def _background(domain: Domain, seed: int, unit: Unit, _: Scan | None) -> list[File]:
    run = model_run(world_of(domain, seed), domain.grid.projection, model_grid_of(domain), unit.time, seed)
    arrives = unit.time + np.timedelta64(RUN_MINUTES_LATER.get(_moment(unit.time).hour, 240) * 60, "s")
    assert domain.background is not None  # the plan asks of domains with a model alone
    folder = _prefix(domain.background.feed, unit.time)
    names = {channel: key.rpartition("/")[2] for channel, key in grib.run_keys(unit.time).items()}
    return [File(f"{folder}/{name}", grib.field_bytes(run, channel), unit.time, arrives, unit) for channel, name in names.items()]


def _truth(domain: Domain, seed: int, unit: Unit, _: Scan | None) -> list[File]:
    return [File(truth_key(domain, unit.time), truth_bytes(domain, unit.time, seed), unit.time, unit.time, unit)]


def _prefix(feed: Feed, time: Time, site: str = "") -> str:
    """Where the domain's feed has the granules of a time and site."""
    template = LAYOUTS[feed.layout].prefix if feed.prefix is None else feed.prefix
    return str(template.format(time=_moment(time), site=site))


def _moment(time: Time) -> datetime:
    moment: datetime = time.astype("datetime64[s]").astype(datetime)
    return moment
