"""The fast path: the fields that a cycle would make of the simulated feeds, without their files.

Each function gives what the readers give of the files that `making` writes for the same domain, seed and time: the same
instruments, rounded as their formats round, and the same functions of the rooms that work on what was read. Packing, parsing and
calibrating are all that is left out; the model's fields alone are made where they are wanted, not sampled from its own grid.
tests/unit/simulator/test_fields.py holds the two paths together.
"""

from functools import lru_cache

import numpy as np
import xarray as xr
from pyproj import CRS
from pyresample.geometry import AreaDefinition

from stormcycle.domain import Domain
from stormcycle.grids import pixel_centres
from stormcycle.radar.gridding import GateIndices, Geometry, gate_indices, geometry_of, grid_volume
from stormcycle.radar.hourly import hourly_sum, superobbed
from stormcycle.radar.mosaic import mosaic
from stormcycle.radar.nexrad import SPLIT_CUT_DEG
from stormcycle.radar.odim import QUANTITIES
from stormcycle.radar.quality import checked, cleaned, needed_moments
from stormcycle.radar.volume import Sweep, VolumeHeader, assemble_volume
from stormcycle.satellite.lightning import extent_density
from stormcycle.satellite.losses import COLDEST_K, WARMEST_K
from stormcycle.satellite.resampling import Pixels, lattice_of, nearest_pixels
from stormcycle.satellite.slots import satellite_at
from stormcycle.simulator.instruments import Scan
from stormcycle.simulator.instruments.imager import Image, Scene, seen_images, seviri_scene
from stormcycle.simulator.instruments.imager_channels import ABI, SEVIRI
from stormcycle.simulator.instruments.lightning import GRANULE_S, LONGEST_S, SLOWEST_LIGHT_S, Seen, seen_flashes
from stormcycle.simulator.instruments.model import forecast
from stormcycle.simulator.instruments.radar import Sweep as Turn
from stormcycle.simulator.instruments.radar import Volume
from stormcycle.simulator.instruments.radiation import planck_temperature
from stormcycle.simulator.making import BETWEEN, EAST_LONGITUDE, SEVIRI_LONGITUDE, WEST_LONGITUDE, abi_scene_of, centre_of, volume_of
from stormcycle.simulator.nature import seconds_of, world_of
from stormcycle.simulator.nature.lightning import Flashes, flashes
from stormcycle.simulator.plan import Unit
from stormcycle.simulator.truth import CHANNELS, SIMULATED
from stormcycle.simulator.writers import glm, nexrad, odim
from stormcycle.states import GranuleState
from stormcycle.times import HOUR, Time, frame_slots, iso

EVENT_STEP_DEG = np.float32(0.00203128)
"""LCFA files pack the longitudes and latitudes of events in steps of this, from a number of the slot's and from glm.PACKED_WEST."""


def radar_fields(domain: Domain, seed: int, time: Time, scan: Scan | None = None) -> xr.Dataset:
    """The domain's moments (y, x; float32) as the mosaic of one slot has them: NaN not observed, NO_ECHO_DBZ no echo; `marks`, provenance
    bits of rejected gates. `scan`: how the radars look (default: the layout's own).
    """
    radar, area = domain.radar, domain.area
    grids = []
    for name, site in radar.sites.items():
        volume = decoded_volume(domain, volume_of(domain, seed, Unit("radar", time, name), scan))
        flags = checked(volume, radar.quality, name, site, radar.moments)
        indices = _gates(geometry_of(volume, site.latitude, site.longitude, site.altitude_m), area)
        grids.append(grid_volume(cleaned(volume, flags, radar.moments), indices, radar.moments, radar.cappi_height_m, radar.quality.noise_floor_dbz))
    layers = mosaic(grids, radar.moments, radar.quality.noise_floor_dbz)
    return _dataset({name: values.astype("uint16" if name == "marks" else "float32") for name, values in layers.items()}, time, seed)


def hourly_sums(domain: Domain, seed: int, time: Time) -> np.ndarray:
    """What the radars sum up in the hour that ends at a time, on the analysis grid (y, x; dBZ, 0.0 dry, NaN not observed)."""
    frames = [radar_fields(domain, seed, slot)["reflectivity"].values for slot in frame_slots(time, domain.step_minutes)]
    total, _ = hourly_sum(np.stack(frames))
    return superobbed(total, domain.area, domain.area_of("background"))


def imager_fields(domain: Domain, seed: int, time: Time) -> xr.Dataset:
    """`brightness_temperature` (channel, y, x; K; NaN without value) of the scan of a nominal time on the domain's grid, tops where they
    are seen (no parallax corrected). Raises ValueError for a domain without imager.
    """
    if domain.satellite is None:
        raise ValueError(f"The domain {domain.name} has no imager; ask for its radar fields, or give it the key satellite.")
    imager = domain.satellite.imager
    hrit = imager.feed.layout == "hrit"
    scene = seviri_scene("MSG4", SEVIRI_LONGITUDE, *centre_of(domain)) if hrit else abi_scene_of(domain, time)
    known = {channel.name: channel for channel in (SEVIRI if hrit else ABI).values()}
    images = seen_images(domain.grid.projection, world_of(domain, seed), time, scene, [known[name] for name in imager.channels])
    pixels = _nearest(scene, domain.area)
    values = np.stack([pixels.taken(brightness_temperature(image), np.nan) for image in images.values()])
    fields = _dataset({}, time, seed).assign(brightness_temperature=(("channel", "y", "x"), values, {"units": "K"}))
    return fields.assign_coords(channel=[image.channel.name for image in images.values()])


def lightning_fields(domain: Domain, seed: int, time: Time, minutes: int = 15) -> xr.Dataset:
    """What extent_density (stormcycle.satellite.lightning) gives of the granules of the minutes before a time, on the domain's grid."""
    east = centre_of(domain)[0] > BETWEEN
    first = time - np.timedelta64(minutes * 60, "s")
    begin = seconds_of(first) - LONGEST_S - SLOWEST_LIGHT_S
    found = flashes(world_of(domain, seed), begin, seconds_of(time))
    granules = []
    for second in range(0, minutes * 60, GRANULE_S):
        start = first + np.timedelta64(second, "s")
        near = slice(*np.searchsorted(found.seconds, [begin + second, seconds_of(start) + GRANULE_S]))
        platform, slot = satellite_at("east" if east else "west", start), EAST_LONGITUDE if east else WEST_LONGITUDE
        own = Flashes(found.seconds[near], found.x[near], found.y[near], found.extent_m[near], found.energy_j[near])
        granules.append(read_granule(seen_flashes(own, domain.grid.projection, start, seed, platform, slot)))
    return extent_density(granules, domain.area, first, time)


def background_fields(domain: Domain, seed: int, base_time: Time, time: Time) -> xr.Dataset:
    """`state` (channel, y, x; K, m s-1 along the grid's axes, %, Pa) that the run of a base time says of a time, on the domain's analysis grid.

    Made at the grid's own points: what bilinear sampling of the model's grid loses between them is not lost here.
    """
    x, y = np.meshgrid(*pixel_centres(domain.area_of("background")))
    lead = float((time - base_time) / HOUR)
    air = forecast(world_of(domain, seed), base_time, lead, x, y, seed)
    state = np.stack([*air.temperature, *air.u, *air.v, *air.humidity, air.t2m, air.r2m, air.mslp])
    fields = _dataset({}, time, seed).assign(state=(("channel", "y", "x"), state)).assign_coords(channel=list(CHANNELS))
    return fields.assign_attrs(base_time=iso(base_time), lead_hours=lead)


def decoded_volume(domain: Domain, volume: Volume) -> xr.Dataset:
    """A volume as decode_volume gives it of its file: of the layout's moments those that the domain needs, in the format's steps."""
    nexrad_file = domain.radar.feed.layout == "nexrad"
    judged = [turn.elevation_deg for turn in volume.sweeps if "RHOHV" in turn.moments]
    turns = [turn for turn in volume.sweeps if "RHOHV" in turn.moments or all(abs(turn.elevation_deg - other) >= SPLIT_CUT_DEG for other in judged)]
    moments = needed_moments(domain.radar)
    header = VolumeHeader(volume.site_name, volume.site.latitude, volume.site.longitude, volume.site.altitude_m, volume.time, SIMULATED)
    return assemble_volume(header, [_decoded(turn, volume.scan, nexrad_file, moments) for turn in turns], moments)


def brightness_temperature(image: Image) -> np.ndarray:
    """What an image's file says in K (rows, columns; float32): its radiance to the nearest count; NaN without value, or where no cloud is so cold."""
    channel = image.channel
    steps = np.clip(np.rint((image.radiance - channel.offset) / channel.scale), channel.first_count, channel.last_count)
    kelvin = planck_temperature(channel.planck, channel.offset + channel.scale * steps)
    return np.where((kelvin >= COLDEST_K) & (kelvin <= WARMEST_K), kelvin, np.nan).astype("float32")


def read_granule(seen: Seen) -> xr.Dataset:
    """What read_flashes gives of a granule's file, as far as densities need it."""
    return xr.Dataset(
        {
            "event_longitude": ("event", _event_degrees(seen.events.longitude, seen.slot_longitude + glm.PACKED_WEST)),
            "event_latitude": ("event", _event_degrees(seen.events.latitude, glm.PACKED_WEST)),
            "event_group": ("event", seen.events.group),
            "group_flash": ("group", seen.groups.flash),
            "flash_longitude": ("flash", seen.flashes.longitude),
            "flash_latitude": ("flash", seen.flashes.latitude),
        },
        attrs={
            "satellite": seen.satellite,
            "satellite_longitude": seen.longitude,
            "start": iso(seen.start),
            "end": iso(seen.start + np.timedelta64(GRANULE_S, "s")),
            "state": str(GranuleState.OK),
            "notes": [SIMULATED],
        },
    )


def _event_degrees(degrees: np.ndarray, first: float) -> np.ndarray:
    """Places of events as files tell them, which count steps from a first place, in floats of 32 bits as readers decode them."""
    return np.asarray(np.rint((degrees - first) / EVENT_STEP_DEG).astype("float32") * EVENT_STEP_DEG + np.float32(first))


def _decoded(turn: Turn, scan: Scan, nexrad_file: bool, moments: tuple[str, ...]) -> Sweep:
    """A sweep as a reader gives it; a Level II file begins with the first gate that is measured."""
    rays, gates = turn.echo.shape
    first = int(np.argmax(turn.measured.any(axis=0))) if nexrad_file else 0
    packings = nexrad.PACKINGS if nexrad_file else odim.PACKINGS
    held = {name: QUANTITIES[name][0] for name in moments if QUANTITIES[name][0] in turn.moments and QUANTITIES[name][0] in packings}
    steps = {name: _nexrad_steps(turn, quantity) if nexrad_file else _odim_steps(turn, quantity) for name, quantity in held.items()}
    spacing = (turn.end - turn.start).astype("timedelta64[ms]") / rays
    return Sweep(
        elevation=np.full(rays, turn.elevation_deg),
        azimuth=(np.arange(rays) + 0.5) * 360.0 / rays,
        time=turn.start.astype("datetime64[ms]") + spacing * np.arange(rays),
        gate_centres_m=(np.arange(first, gates) + 0.5) * scan.gate_m,
        moments={name: values[:, first:] for name, values in steps.items()},
        undetect=(turn.measured & ~turn.echo)[:, first:],
    )


def _nexrad_steps(turn: Turn, quantity: str) -> np.ndarray:
    """A moment (rays, gates) in the steps of a Level II file; NaN where the file tells no value."""
    packing = nexrad.PACKINGS[quantity]
    codes = nexrad.packed(turn.moments[quantity], turn.measured, turn.echo, packing).astype("float32")
    return np.where(codes > nexrad.RANGE_FOLDED, (codes - packing.offset) / packing.scale, np.nan)


def _odim_steps(turn: Turn, quantity: str) -> np.ndarray:
    """A moment (rays, gates) in the steps of an ODIM_H5 file; NaN where the file tells no value."""
    packing = odim.PACKINGS[quantity]
    codes = odim.packed(turn.moments[quantity], turn.measured, turn.echo, packing)
    return np.where((codes != odim.UNDETECT) & (codes != packing.nodata), packing.gain * codes.astype("float64") + packing.offset, np.nan)


@lru_cache(maxsize=32)
def _gates(geometry: Geometry, area: AreaDefinition) -> GateIndices:
    """Which gates an area's pixels see, computed once a process."""
    return gate_indices(geometry, area)


@lru_cache(maxsize=4)
def _nearest(scene: Scene, area: AreaDefinition) -> Pixels:
    """The pixels of a scene that are nearest to an area's, computed once a process, as stormcycle.satellite.imager finds them."""
    grid, window = scene.grid, scene.window
    projection = f"+proj=geos +lon_0={scene.satellite_longitude} +h={grid.height_m} +a={grid.equatorial_m} +b={grid.polar_m} +sweep={grid.sweep} +units=m"
    left, top = (window.column - 0.5 - grid.middle) * grid.step_rad, (grid.middle + 0.5 - window.row) * grid.step_rad
    corners = (left, top - window.rows * grid.step_rad, left + window.columns * grid.step_rad, top)
    extent = tuple(angle * grid.height_m for angle in corners)
    lattice, *first = lattice_of(AreaDefinition(scene.name, scene.name, scene.name, CRS.from_user_input(projection), window.columns, window.rows, extent))
    return nearest_pixels(lattice, area).counted_from(*first)


def _dataset(layers: dict[str, np.ndarray], time: Time, seed: int) -> xr.Dataset:
    """Fields (y, x) of a time in the world of a seed."""
    fields = {name: (("y", "x"), values) for name, values in layers.items()}
    return xr.Dataset(fields, coords={"time": time.astype("datetime64[ns]")}, attrs={"seed": seed, "comment": SIMULATED})
