"""Blockage of the beam by terrain against closed forms: a wall, and a plain loop over gates of rough terrain."""

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pyproj import Geod
from scipy.interpolate import RegularGridInterpolator

from stormcycle.domain import BeamBlockage, Site
from stormcycle.radar.quality import GateFlag, beam_blockage, read_terrain
from stormcycle.radar.quality.blockage import TerrainError

SITE = Site(latitude=46.0, longitude=15.0, altitude_m=300.0)
EARTH = 6371000.0 * 4 / 3
WALL_M = 1500.0
GATE_M, GATES = 500.0, 120
CENTRES = GATE_M * (np.arange(GATES) + 0.5)


def height_and_ground(slant: float, elevation_deg: float) -> tuple[float, float]:
    """Height of a beam above the sea and its distance along the ground (m), by the law of cosines with 4/3 earth."""
    sine, antenna = math.sin(math.radians(elevation_deg)), EARTH + SITE.altitude_m
    third = math.sqrt(antenna**2 + slant**2 + 2 * antenna * slant * sine)
    return third - EARTH, EARTH * math.asin(slant * math.cos(math.radians(elevation_deg)) / third)


def hidden_share(terrain: float, height: float, radius: float) -> float:
    """Share of a circle of a radius around a height that lies below the terrain: the area of a segment."""
    if abs(terrain - height) >= radius:
        return float(terrain > height)
    half_angle = math.acos((height - terrain) / radius)
    return (half_angle - math.sin(half_angle) * math.cos(half_angle)) / math.pi


def wall() -> xr.DataArray:
    """The sea, and a wall of WALL_M from 46.2 to 46.22 degrees north."""
    latitude, longitude = np.arange(45.4, 46.6, 0.001), np.arange(14.3, 15.7, 0.01)
    elevation = np.where((latitude >= 46.2) & (latitude <= 46.22), WALL_M, 0.0)[:, None] * np.ones(len(longitude))
    return xr.DataArray(elevation, coords={"latitude": latitude, "longitude": longitude}, dims=("latitude", "longitude"))


def volume_of(polar, elevations: tuple[float, ...]) -> xr.Dataset:
    return polar(np.full((len(elevations), 4, GATES), 20.0), elevations=elevations, azimuth=[0.0, 90.0, 180.0, 270.0], gate_m=GATE_M, first_gate_m=GATE_M / 2)


@pytest.mark.parametrize("greatest_share", [0.2, 0.5, 0.8])
def test_behind_a_wall_the_gates_of_low_beams_are_blocked_and_nowhere_else(polar, greatest_share: float):
    elevations = (0.5, 2.6, 2.9, 3.1, 3.3, 5.0)
    flags = beam_blockage(volume_of(polar, elevations), BeamBlockage(terrain="", greatest_share=greatest_share), wall(), SITE).reshape(
        len(elevations), 4, GATES
    )
    reached = Geod(ellps="WGS84").inv(15.0, 46.0, 15.0, 46.2)[2], Geod(ellps="WGS84").inv(15.0, 46.0, 15.0, 46.22)[2]
    blocked = 0
    for sweep, elevation in enumerate(elevations):
        beam = [(*height_and_ground(slant, elevation), slant * math.radians(1.0) / 2) for slant in CENTRES]
        share = [hidden_share(WALL_M, height, radius) for height, ground, radius in beam if reached[0] < ground < reached[1]]
        assert len(share) >= 3
        behind = [gate for gate, (_, ground, _) in enumerate(beam) if ground > reached[1]]
        before = [gate for gate, (_, ground, _) in enumerate(beam) if ground < reached[0] - 150.0]
        assert not flags[sweep, 0, before].any()
        assert (flags[sweep, 0, behind] == (GateFlag.BEAM_BLOCKED if max(share) > greatest_share else 0)).all()
        assert not flags[sweep, 1:].any()  # the other rays look over the sea
        blocked += max(share) > greatest_share
    assert 1 < blocked < len(elevations)


def test_rough_terrain_blocks_the_gates_of_a_plain_loop(polar, rng):
    latitude, longitude = np.arange(45.4, 46.6, 0.02), np.arange(14.2, 15.8, 0.02)
    elevation = rng.uniform(0, 1, (len(latitude), len(longitude))) * np.where(latitude < 46.0, 900.0, 400.0)[:, None]
    terrain = xr.DataArray(elevation, coords={"latitude": latitude, "longitude": longitude}, dims=("latitude", "longitude"))
    azimuth = [10.0, 85.0, 200.0, 301.0]
    volume = volume_of(polar, (0.5,)).assign_coords(azimuth=("ray", azimuth))
    flags = beam_blockage(volume, BeamBlockage(terrain="", beam_width_deg=2.0, greatest_share=0.4), terrain, SITE)
    at, geod = RegularGridInterpolator((latitude, longitude), elevation), Geod(ellps="WGS84")
    for ray in range(4):
        greatest = 0.0
        for gate, slant in enumerate(CENTRES):
            height, ground = height_and_ground(slant, 0.5)
            east, north, _ = geod.fwd(15.0, 46.0, azimuth[ray], ground)
            greatest = max(greatest, hidden_share(at((north, east)).item(), height, slant * math.radians(2.0) / 2))
            if abs(greatest - 0.4) > 0.02:
                assert flags[ray, gate] == (GateFlag.BEAM_BLOCKED if greatest > 0.4 else 0)
    assert 0.2 < (flags > 0).mean() < 0.99


def test_beyond_the_terrain_file_nothing_is_blocked(polar):
    far = Site(latitude=52.0, longitude=5.0, altitude_m=10.0)
    assert not beam_blockage(volume_of(polar, (0.5,)), BeamBlockage(terrain=""), wall(), far).any()


def test_terrain_reads_the_same_in_any_order_of_its_axes(tmp_path: Path):
    terrain = wall().rename("elevation")
    terrain.isel(latitude=slice(None, None, -1)).transpose("longitude", "latitude").to_netcdf(tmp_path / "terrain.nc", engine="h5netcdf")
    xr.testing.assert_equal(read_terrain(tmp_path / "terrain.nc"), terrain)


def test_a_terrain_file_that_is_none_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "text.nc").write_text("no netCDF")
    wall().rename("height").to_netcdf(tmp_path / "height.nc", engine="h5netcdf")
    wall().rename("elevation").rename(latitude="y").to_netcdf(tmp_path / "y.nc", engine="h5netcdf")
    with pytest.raises(TerrainError, match=r"There is no terrain file .*absent\.nc; check"):
        read_terrain(tmp_path / "absent.nc")
    for name in ("text.nc", "height.nc", "y.nc"):
        with pytest.raises(TerrainError, match=f"The terrain file {name} holds no `elevation`") as refused:
            read_terrain(tmp_path / name)
        assert "\n" not in str(refused.value)
