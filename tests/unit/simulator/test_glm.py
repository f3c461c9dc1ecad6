"""The simulated lightning imager and its LCFA files, against a real file, netCDF4's decoding, our reader and the true flashes."""

import time
from dataclasses import astuple, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from netCDF4 import Dataset
from pyproj import Transformer

from stormcycle.feeds.layouts import LAYOUTS, match_name
from stormcycle.grids import area
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.satellite.lightning import Sight, extent_density, lightning_ellipsoid, pixel_size, scan_angles
from stormcycle.simulator.instruments.lightning import (
    DETECTION_EFFICIENCY,
    EDGES_EAST,
    EDGES_NORTH,
    GRANULE_S,
    LONGEST_S,
    Seen,
    seen_flashes,
)
from stormcycle.simulator.nature.lightning import Flashes
from stormcycle.simulator.nature.world import seconds_of
from stormcycle.simulator.writers.glm import lcfa_bytes, lcfa_name

LAEA = "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m"
START = np.datetime64("2026-07-01T12:00:00", "s")
SECONDS = np.timedelta64(1, "s")
GRANULES = [START + np.timedelta64(GRANULE_S * number, "s") for number in range(3)]


def true_flashes(count: int = 300, seed: int = 3) -> Flashes:
    """Flashes of a minute and the time before and after it, as nature makes them."""
    random = np.random.default_rng(seed)
    extent = np.clip(np.exp(random.normal(np.log(11e3), 0.55, count)), 2e3, 150e3)
    energy = np.exp(random.normal(np.log(2.2e-13), 1.0, count)) * (extent / 11e3) ** 1.3
    x, y = random.uniform(-150e3, 150e3, (2, count))
    return Flashes(np.sort(seconds_of(START) + random.uniform(-5.0, 65.0, count)), x, y, extent, energy)


def of(flashes: Flashes, chosen: np.ndarray) -> Flashes:
    return Flashes(**{field.name: getattr(flashes, field.name)[chosen] for field in fields(Flashes)})


@pytest.fixture(scope="module")
def minute() -> list[Seen]:
    return [seen_flashes(true_flashes(), LAEA, start, 5) for start in GRANULES]


def read(seen: Seen, folder: Path) -> xr.Dataset:
    path = folder / "granule"
    path.write_bytes(lcfa_bytes(seen))
    return read_flashes(path, lcfa_name(seen))


def test_files_are_built_as_the_real_ones(minute: list[Seen], samples: Path, tmp_path: Path) -> None:
    (real,) = (samples / "goes_glm").glob("OR_GLM-L2-LCFA_G19*.nc")
    path = tmp_path / lcfa_name(minute[0])
    path.write_bytes(lcfa_bytes(minute[0]))
    with Dataset(real) as theirs, Dataset(path) as ours:
        assert ours.data_model == theirs.data_model
        assert ours.ncattrs() == theirs.ncattrs()
        assert {name: item.isunlimited() or len(item) for name, item in ours.dimensions.items()} == {
            name: item.isunlimited() or len(item) for name, item in theirs.dimensions.items()
        }
        assert list(ours.variables) == list(theirs.variables)
        granules_own = {"units": "since", "add_offset": "", "percent": ""}
        for name, variable in theirs.variables.items():
            mine = ours[name]
            assert (mine.dtype, mine.dimensions, mine.chunking()) == (variable.dtype, variable.dimensions, variable.chunking()), name
            assert set(mine.ncattrs()) == set(variable.ncattrs()), name
            for key in variable.ncattrs():
                same = np.array_equal(mine.getncattr(key), variable.getncattr(key))
                its_own = name.endswith("_container") or (key in granules_own and granules_own[key] in str(variable.getncattr(key)))
                assert same or its_own, (name, key)
                assert np.asarray(mine.getncattr(key)).dtype.kind == np.asarray(variable.getncattr(key)).dtype.kind
                if not isinstance(variable.getncattr(key), str):
                    assert mine.getncattr(key).dtype == variable.getncattr(key).dtype, (name, key)
            if not variable.dimensions or not theirs.dimensions[variable.dimensions[0]].isunlimited():
                counted = name.endswith("_count") or name.startswith("product_time")
                assert counted or np.array_equal(np.asarray(mine[...]), np.asarray(variable[...])), name
        assert "simulated" in ours.institution


def test_positions_times_and_energies_come_back_within_their_packing(minute: list[Seen], tmp_path: Path) -> None:
    seen = minute[1]
    found = read(seen, tmp_path)
    assert found.attrs["state"] == "ok" and found.attrs["notes"] == []
    assert (found.attrs["satellite"], found.attrs["satellite_longitude"], found.attrs["start"]) == ("G19", -75.2, "2026-07-01T12:00:20Z")
    events, groups, flashes = seen.events, seen.groups, seen.flashes
    assert np.array_equal(found["event_group"], events.group) and np.array_equal(found["group_flash"], groups.flash)
    for name, true, step in (
        ("event_longitude", events.longitude, 0.00203128),
        ("event_latitude", events.latitude, 0.00203128),
        ("event_energy", events.energy_j, 1.9024e-17),
        ("group_energy", groups.energy_j, 9.9988e-17),
        ("flash_energy", flashes.energy_j, 9.99996e-16),
        ("group_area", groups.area_m2 / 1e6, 0.15260186),
        ("flash_area", flashes.area_m2 / 1e6, 0.15260186),
        ("flash_longitude", flashes.longitude, 2e-5),
        ("group_latitude", groups.latitude, 1e-5),
    ):
        assert np.abs(found[name].values - true).max() <= step * 0.51, name
    for name, true in (("event_time", events.seconds), ("group_time", groups.seconds), ("flash_start", flashes.first_s), ("flash_end", flashes.last_s)):
        assert np.abs((found[name].values - seen.start) / SECONDS - true).max() <= 0.0003814756 * 0.51, name


def test_netcdf4_and_xarray_decode_them_alike(minute: list[Seen], tmp_path: Path) -> None:
    seen = minute[0]
    path = tmp_path / lcfa_name(seen)
    path.write_bytes(lcfa_bytes(seen))
    with Dataset(path) as file, xr.open_dataset(path, engine="h5netcdf") as decoded:
        assert int(file["event_count"][...]) == len(seen.events.seconds) == decoded.sizes["number_of_events"]
        np.testing.assert_allclose(file["event_lon"][:], seen.events.longitude, atol=0.0011)
        np.testing.assert_allclose(decoded["event_lon"].values, seen.events.longitude, atol=0.0011)
        np.testing.assert_allclose(file["flash_time_offset_of_first_event"][:], seen.flashes.first_s, atol=2e-4)
        np.testing.assert_allclose((decoded["flash_time_offset_of_first_event"].values - START) / SECONDS, seen.flashes.first_s, atol=2e-4)
        np.testing.assert_allclose(file["flash_energy"][:], seen.flashes.energy_j, atol=5.1e-16)
        travel = file["group_frame_time_offset"][:] - file["group_time_offset"][:]
        np.testing.assert_allclose(travel, 37.5e6 / 299792458.0, atol=2e-3)  # light takes an eighth of a second from there


def test_a_granule_without_flashes_is_a_file_without_flashes(tmp_path: Path) -> None:
    nothing = of(true_flashes(), np.zeros(0, "int64"))
    found = read(seen_flashes(nothing, LAEA, START, 5), tmp_path)
    assert dict(found.sizes) == {"event": 0, "group": 0, "flash": 0}
    assert found.attrs["state"] == "ok"


def test_names_and_keys_are_the_public_buckets(minute: list[Seen]) -> None:
    assert lcfa_name(minute[1]) == "OR_GLM-L2-LCFA_G19_s20261821200200_e20261821200400_c20261821200420.nc"
    assert LAYOUTS["glm"].prefix.format(time=minute[1].start.astype(datetime)) == "GLM-L2-LCFA/2026/182/12"
    named = match_name(LAYOUTS["glm"], lcfa_name(minute[1]))
    assert named is not None and named.time == GRANULES[1]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(minute: list[Seen]) -> None:
    again = seen_flashes(true_flashes(), LAEA, START, 5)
    content = lcfa_bytes(again)
    assert content == lcfa_bytes(minute[0])
    time.sleep(1.1)  # a time stamp of the library would have changed
    assert content == lcfa_bytes(again)
    assert content != lcfa_bytes(seen_flashes(true_flashes(), LAEA, START, 6))


def test_every_flash_is_in_the_file_in_which_it_ends_and_in_no_other(minute: list[Seen]) -> None:
    flashes = true_flashes()
    begin = flashes.seconds - seconds_of(START)
    assert sum(len(seen.flashes.first_s) for seen in minute) > 150
    for number, seen in enumerate(minute):
        arrival = seen.flashes.last_s + seen.flashes.travel_s  # the clock is the satellite's
        assert (arrival >= -0.001).all() and (arrival < GRANULE_S + 0.001).all()
        assert (seen.flashes.first_s > -LONGEST_S).all()
        # the span that a granule needs is enough, and what lies around it changes nothing
        needed = (begin >= GRANULE_S * number - LONGEST_S) & (begin < GRANULE_S * (number + 1))
        alone = seen_flashes(of(flashes, needed), LAEA, GRANULES[number], 5)
        for part in ("events", "groups", "flashes"):
            for one, other in zip(astuple(getattr(alone, part)), astuple(getattr(seen, part)), strict=True):
                assert np.array_equal(one, other)
    together = [seen_flashes(of(flashes, np.array([index])), LAEA, start, 5) for index in range(100, 120) for start in GRANULES]
    per_flash = np.array([len(seen.flashes.first_s) for seen in together]).reshape(20, 3).sum(axis=1)
    assert per_flash.max() == 1 and per_flash.sum() > 10


def test_some_flashes_are_missed_and_weak_ones_always() -> None:
    flashes = true_flashes(1500)
    inside = (flashes.seconds >= seconds_of(START)) & (flashes.seconds < seconds_of(START) + 60.0)
    found = sum(len(seen_flashes(flashes, LAEA, start, 5).flashes.first_s) for start in GRANULES)
    assert found / inside.sum() == pytest.approx(DETECTION_EFFICIENCY, abs=0.04)
    weak = Flashes(flashes.seconds, flashes.x, flashes.y, flashes.extent_m, np.full(1500, 1e-15))
    assert len(seen_flashes(weak, LAEA, START, 5).events.seconds) == 0


@pytest.mark.parametrize("middle", ["+lat_0=46 +lon_0=15", "+lat_0=-10 +lon_0=104"])
def test_what_the_earth_hides_is_not_seen(middle: str) -> None:
    assert len(seen_flashes(true_flashes(), f"+proj=laea {middle} +datum=WGS84 +units=m", START, 5).events.seconds) == 0


def test_flashes_are_like_the_real_ones(minute: list[Seen], samples: Path) -> None:
    def figures(groups: np.ndarray, events: np.ndarray, energy: np.ndarray, area_km2: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Medians of groups a flash, events a flash, an event's energy, a flash's area and length; mean of events a group."""
        return np.array([*(np.median(part) for part in (groups, events, energy, area_km2, seconds)), events.sum() / groups.sum()])

    real = []
    for path in (samples / "goes_glm").glob("OR_GLM-L2-LCFA_G1[689]*.nc"):
        file = read_flashes(path, path.name)
        length = (file["flash_end"].values - file["flash_start"].values) / SECONDS
        owner = file["group_flash"].values
        per_flash = np.bincount(owner), np.bincount(owner[file["event_group"].values])
        real.append(figures(*per_flash, file["event_energy"].values, file["flash_area"].values, length))
    per_flash = (
        np.concatenate([np.bincount(owner) for owner in owners])
        for owners in zip(*((s.groups.flash, s.groups.flash[s.events.group]) for s in minute), strict=True)
    )
    energy = np.concatenate([seen.events.energy_j for seen in minute])
    area_km2 = np.concatenate([seen.flashes.area_m2 for seen in minute]) / 1e6
    length = np.concatenate([seen.flashes.last_s - seen.flashes.first_s for seen in minute])
    ours = figures(*per_flash, energy, area_km2, length)
    assert (ours > 0.8 * np.min(real, axis=0)).all() and (ours < 1.25 * np.max(real, axis=0)).all()


def test_events_lie_in_the_middle_of_pixels_as_large_as_the_reader_takes_them(minute: list[Seen]) -> None:
    sight = Sight(-75.2, lightning_ellipsoid(START))
    x, y = scan_angles(minute[0].events.longitude, minute[0].events.latitude, sight)
    for angle, edges in ((x, EDGES_EAST), (y, EDGES_NORTH)):
        middles = (edges[1:] + edges[:-1]) / 2.0
        assert np.abs(angle[:, None] - middles[None, :]).min(axis=1).max() < 1e-10
    assert (len(EDGES_EAST) - 1, len(EDGES_NORTH) - 1) == (1372, 1300)
    for edges, axis in ((EDGES_EAST, 0), (EDGES_NORTH, 1)):
        inside = np.abs(edges[1:] + edges[:-1]) / 2.0 < 0.129
        middles = ((edges[1:] + edges[:-1]) / 2.0)[inside]
        np.testing.assert_allclose(np.diff(edges)[inside], pixel_size(middles, middles)[axis], rtol=0.1)
        assert np.isclose(np.diff(edges)[inside], pixel_size(middles, middles)[axis], rtol=1e-6).mean() > 0.99


def test_lightning_is_found_where_it_struck(minute: list[Seen], tmp_path: Path) -> None:
    grid = area("demo", LAEA, (384, 384), 1000.0, (0.0, 0.0))
    files = [read(seen, tmp_path) for seen in minute]
    found = extent_density(files, grid, START, START + 60 * SECONDS, parallax=True)
    assert found.attrs["state"] == "ok"
    assert int(found["flashes"]) == sum(len(seen.flashes.first_s) for seen in minute)
    density = found["flash_extent_density"].values
    flashes = true_flashes()
    column, row = np.floor((flashes.x + 192e3) / 1000.0).astype(int), np.floor((192e3 - flashes.y) / 1000.0).astype(int)
    inside = (flashes.seconds >= seconds_of(START)) & (flashes.seconds < seconds_of(START) + 59.0)
    at_flashes = density[row[inside], column[inside]]
    assert (at_flashes > 0.0).mean() > 0.7 and at_flashes.mean() > 2.0 * density.mean()
    longitude, latitude = (np.concatenate([getattr(seen.flashes, name) for seen in minute]) for name in ("longitude", "latitude"))
    x, y = Transformer.from_crs("EPSG:4326", LAEA, always_xy=True).transform(longitude, latitude)
    nearest = np.hypot(x[:, None] - flashes.x[None, :], y[:, None] - flashes.y[None, :]).min(axis=1)
    assert np.median(nearest) < 4000.0
