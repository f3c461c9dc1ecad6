import os
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from netCDF4 import Dataset
from satpy import Scene

from stormcycle.feeds.layouts import LAYOUTS
from stormcycle.simulator.instruments import imager
from stormcycle.simulator.instruments.geostationary import Window, scan_angles, view, window_around
from stormcycle.simulator.instruments.imager import CONUS, NO_VALUE, OUT_OF_RANGE, SPACE, abi_scene, seen_images
from stormcycle.simulator.instruments.imager_channels import ABI, ABI_GRID
from stormcycle.simulator.instruments.radiation import planck_radiance, planck_temperature
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.writers.abi import counts, image_bytes, image_name

PLAINS = "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"
EAST = -75.0
REAL = Path(os.environ.get("STORMCYCLE_DATA", "nowhere")) / "goes_abi"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="STORMCYCLE_DATA is not set: no real ABI files")


@pytest.fixture(scope="module")
def images(domain, noon):
    """All thermal channels of a mesoscale scene of 60 x 50 pixels, with a few dead pixels and one that is too bright."""
    scene = replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=window_around(ABI_GRID, EAST, -97.5, 35.3, 60, 50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imager, "DEAD_SHARE", 0.002)
        return seen_images(PLAINS, world_of(domain, 7), noon, scene, ABI.values())


@pytest.fixture(scope="module")
def files(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("abi")
    paths = {}
    for number, image in images.items():
        paths[number] = folder / image_name(image)
        paths[number].write_bytes(image_bytes(image))
    return paths


def _loaded(path, name, calibration="brightness_temperature"):
    scene = Scene([str(path)], reader="abi_l1b")
    scene.load([name], calibration=calibration)
    return scene[name]


@pytest.mark.parametrize("number", ABI)
def test_satpy_reads_what_was_written(images, files, number):
    image, channel = images[number], ABI[number]
    read = _loaded(files[number], channel.name)
    radiance = _loaded(files[number], channel.name, "radiance").values
    np.testing.assert_array_equal(np.isnan(radiance), image.quality == NO_VALUE)
    np.testing.assert_allclose(radiance, image.radiance, atol=channel.scale * 0.501, equal_nan=True)
    warm = image.radiance > 20 * channel.scale
    slope = planck_temperature(channel.planck, image.radiance + channel.scale / 2) - planck_temperature(channel.planck, image.radiance)
    difference = np.abs(read.values - planck_temperature(channel.planck, image.radiance))
    assert warm.any() and np.all(difference[warm] <= 1.05 * slope[warm] + 2e-3)
    assert read.attrs["platform_name"] == "GOES-19" and read.attrs["scene_abbr"] == "M1" and read.attrs["scan_mode"] == "M6"
    assert read.attrs["orbital_parameters"]["projection_longitude"] == EAST
    assert np.datetime64(read.attrs["start_time"], "ms") == image.start and np.datetime64(read.attrs["end_time"], "ms") == image.end


def test_satpy_places_pixels_as_the_fixed_grid_does(images, files):
    scene = images[13].scene
    area = _loaded(files[13], "C13").attrs["area"]
    x, y = scan_angles(scene.grid, scene.window)
    half, height = scene.grid.step_rad / 2, scene.grid.height_m
    np.testing.assert_allclose(area.area_extent, np.array([x[0] - half, y[-1] - half, x[-1] + half, y[0] + half]) * height, atol=0.01)
    longitude, latitude = area.get_lonlats()
    seen = view(scene.grid, scene.window, EAST)
    np.testing.assert_allclose(longitude, seen.longitude, atol=1e-6)
    np.testing.assert_allclose(latitude, seen.latitude, atol=1e-6)


def test_xarray_decodes_times_angles_and_radiances(images, files):
    image = images[9]
    with xr.open_dataset(files[9], engine="netcdf4") as read:
        np.testing.assert_allclose(read["Rad"], image.radiance, atol=ABI[9].scale * 0.501, equal_nan=True)
        assert np.abs(read["t"].values - image.start - (image.end - image.start) / 2) < np.timedelta64(2, "ms")
        x, y = scan_angles(image.scene.grid, image.scene.window)
        np.testing.assert_allclose(read["x"], x, atol=2e-8)
        np.testing.assert_allclose(read["y"], y, atol=2e-8)
        assert read["band_id"].item() == 9 and int(read["missing_pixel_count"]) == (image.quality == NO_VALUE).sum()
        assert read["Rad"].encoding["_FillValue"] == 2047
        assert read.attrs["dataset_name"] == files[9].name and "not an observation" in read.attrs["institution"]


def test_names_and_keys_are_those_of_the_public_bucket(images):
    assert image_name(images[13]) == "OR_ABI-L1b-RadM1-M6C13_G19_s20261821200208_e20261821200278_c20261821200317.nc"
    layout = LAYOUTS["abi-l1b-m1"]
    match = layout.name.fullmatch(image_name(images[7]))
    assert match is not None and match["time"] == "2026182120020"
    assert layout.prefix.format(time=images[7].start.astype(datetime)) == "ABI-L1b-RadM/2026/182/12"


def test_same_image_same_bytes_and_another_image_others(images, files):
    time.sleep(1.1)  # a clock in the file would show
    assert image_bytes(images[7]) == files[7].read_bytes()
    assert image_bytes(replace(images[7], radiance=images[7].radiance * 0.9)) != files[7].read_bytes()


def test_what_the_counts_cannot_hold_is_marked(domain, noon, monkeypatch):
    scene = replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=Window(800, 1700, 20, 20))
    bright = float(planck_radiance(ABI[13].planck, 400.0))
    monkeypatch.setattr(imager, "window_radiance", lambda planck, air, seen, cosine, sun: np.where(np.arange(cosine.size) == 5, bright, 90.0))
    image = seen_images(PLAINS, world_of(domain, 7), noon, scene, [ABI[13]])[13]
    assert image.quality[0, 5] == OUT_OF_RANGE and (image.quality == OUT_OF_RANGE).sum() == 1
    assert counts(image)[0, 5] == 4094
    assert counts(replace(image, radiance=np.full((20, 20), -50.0, "float32"))).max() == 0


def test_space_is_the_fill_value_and_quality_255(domain, noon, tmp_path):
    scene = replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=Window(250, 1500, 40, 120), every=6)
    image = seen_images(PLAINS, world_of(domain, 7), noon, scene, [ABI[7]])[7]
    path = tmp_path / image_name(image)
    path.write_bytes(image_bytes(image))
    space = image.quality == SPACE
    assert 0 < space.mean() < 1
    with Dataset(path) as file:
        file.set_auto_mask(False)
        file.set_auto_scale(False)
        np.testing.assert_array_equal(file["Rad"][:] == 16383, space | (image.quality == NO_VALUE))
        np.testing.assert_array_equal(file["DQF"][:].view("uint8"), image.quality)
    assert np.isnan(_loaded(path, "C07").values[space]).all()
    empty = replace(image, radiance=np.full_like(image.radiance, np.nan), quality=np.full_like(image.quality, SPACE))
    path.write_bytes(image_bytes(empty))
    assert np.isnan(_loaded(path, "C07").values).all()


# beside the real files


@needs_data
def test_the_file_is_built_as_the_real_one(files):
    (real_path,) = REAL.glob("*RadC-M6C10_G16_s20222751101170*")
    with Dataset(real_path) as real, Dataset(files[10]) as ours:
        assert ours.ncattrs() == real.ncattrs() and ours.data_model == real.data_model
        assert list(ours.dimensions) == list(real.dimensions)
        assert list(ours.variables) == list(real.variables)
        for name, theirs in real.variables.items():
            own = ours[name]
            assert (own.dtype, own.dimensions, own.endian()) == (theirs.dtype, theirs.dimensions, theirs.endian()), name
            assert own.filters() == theirs.filters(), name
            assert sorted(own.ncattrs()) == sorted(theirs.ncattrs()), name
            for key in theirs.ncattrs():
                mine, yours = own.getncattr(key), theirs.getncattr(key)
                assert type(mine) is type(yours) and getattr(mine, "dtype", None) == getattr(yours, "dtype", None), f"{name} {key}"


@needs_data
def test_the_bands_coefficients_and_packing_are_the_real_ones(files):
    (real_path,) = REAL.glob("*RadC-M6C10_G16_s20222751101170*")
    with Dataset(real_path) as real, Dataset(files[10]) as ours:
        for name in ("planck_fk1", "planck_fk2", "planck_bc1", "planck_bc2", "band_id", "band_wavelength", "goes_imager_projection"):
            np.testing.assert_array_equal(ours[name][...], real[name][...], name)
        for key in ("_FillValue", "valid_range", "scale_factor", "add_offset", "sensor_band_bit_depth", "units", "resolution"):
            np.testing.assert_array_equal(ours["Rad"].getncattr(key), real["Rad"].getncattr(key), key)
        for key in real["goes_imager_projection"].ncattrs():
            assert ours["goes_imager_projection"].getncattr(key) == real["goes_imager_projection"].getncattr(key), key
        np.testing.assert_array_equal(ours["max_radiance_value_of_valid_pixels"].valid_range, real["max_radiance_value_of_valid_pixels"].valid_range)


@needs_data
def test_conus_lies_where_the_real_one_does():
    (path,) = REAL.glob("*RadC-M6C10_G16_s20222751101170*")
    with xr.open_dataset(path, engine="netcdf4") as real:
        x, y = scan_angles(ABI_GRID, CONUS)
        np.testing.assert_allclose(real["x"], x, atol=1e-7)
        np.testing.assert_allclose(real["y"], y, atol=1e-7)
        space = np.isnan(view(ABI_GRID, Window(CONUS.row, CONUS.column, 300, 300), EAST).longitude)
        assert np.mean((real["DQF"].isnull().values)[:300, :300] == space) > 0.99


@needs_data
def test_conus_takes_as_long_as_the_real_one():
    (path,) = REAL.glob("*RadC-M6C10_G16_s20222751101170*")
    scene = abi_scene("C", "G16", EAST)
    with xr.open_dataset(path, engine="netcdf4") as real:
        start, end = np.datetime64(real.attrs["time_coverage_start"][:-1]), np.datetime64(real.attrs["time_coverage_end"][:-1])
    assert start == np.datetime64("2022-10-02T11:00") + np.timedelta64(round(scene.start_s * 1000), "ms")
    assert float((end - start) / np.timedelta64(1, "ms")) == pytest.approx(1000 * (scene.duration_s + ABI[10].later_s))
