from dataclasses import replace

import numpy as np
import pytest
from pyorbital.orbital import get_observer_look
from pyproj import Geod, Transformer
from satpy.modifiers.parallax import get_parallax_corrected_lonlats

from stormcycle.simulator.instruments import imager
from stormcycle.simulator.instruments.geostationary import Window, places, scan_angles, view, window_around
from stormcycle.simulator.instruments.imager import GOOD, NO_VALUE, SPACE, abi_scene, seen_images, seviri_scene
from stormcycle.simulator.instruments.imager_channels import ABI, ABI_GRID, AIR, PLANCK_C1, PLANCK_C2, SEVIRI, SEVIRI_GRID
from stormcycle.simulator.instruments.radiation import planck_radiance, planck_temperature, vapour_radiance, window_radiance
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.nature.clouds import Clouds

PLAINS = "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"
EAST = -75.0


@pytest.fixture(scope="module")
def world(domain):
    return world_of(domain, 7)


@pytest.fixture(scope="module")
def scene():
    """A mesoscale scene, but of 90 x 80 pixels."""
    return replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=window_around(ABI_GRID, EAST, -97.5, 35.3, 90, 80))


def _clear(shape, ground=300.0, humidity=30.0):
    full = np.ones(shape, "float32")
    return Clouds(0 * full, ground * full, 0 * full, ground * full, humidity * full)


def _cloudy(shape, top_temperature, top_m, emissivity=1.0):
    full = np.ones(shape, "float32")
    return replace(_clear(shape), top_m=top_m * full, top_temperature=top_temperature * full, emissivity=emissivity * full)


def _seen_temperature(channel, image):
    return planck_temperature(channel.planck, image.radiance)


# where pixels look


@pytest.mark.parametrize(("grid", "longitude"), [(ABI_GRID, EAST), (ABI_GRID, -137.0), (SEVIRI_GRID, 9.5)])
def test_pixels_look_where_pyproj_says(grid, longitude):
    window = Window(0, 0, grid.size, grid.size)
    x, y = (angles[7::160] for angles in scan_angles(grid, window))
    coarse = replace(grid, step_rad=grid.step_rad * 160, size=len(x), middle=(grid.middle - 7) / 160)
    seen = view(coarse, Window(0, 0, len(y), len(x)), longitude)
    projection = f"+proj=geos +h={grid.height_m} +a={grid.equatorial_m} +b={grid.polar_m} +lon_0={longitude} +sweep={grid.sweep}"
    theirs = Transformer.from_crs(projection, f"+proj=longlat +a={grid.equatorial_m} +b={grid.polar_m}", always_xy=True).transform(
        *np.meshgrid(x * grid.height_m, y * grid.height_m)
    )
    earth = np.isfinite(theirs[0])
    assert 0.6 < earth.mean() < 0.9
    np.testing.assert_array_equal(np.isfinite(seen.longitude), earth)
    np.testing.assert_allclose(seen.longitude[earth], theirs[0][earth], atol=1e-9)
    np.testing.assert_allclose(seen.latitude[earth], theirs[1][earth], atol=1e-9)


def test_the_satellite_stands_as_high_as_pyorbital_says(scene):
    seen = view(scene.grid, scene.window, EAST)
    _, elevation = get_observer_look(np.full(seen.longitude.shape, EAST), 0.0, 35786.0, np.datetime64("2026-07-01T12:00"), seen.longitude, seen.latitude, 0.0)
    np.testing.assert_allclose(np.degrees(np.arcsin(seen.cosine)), elevation, atol=0.05)


@pytest.mark.parametrize("height", [3000.0, 12000.0])
def test_height_moves_the_line_of_sight_as_satpys_parallax_does(scene, height):
    seen = view(scene.grid, scene.window, EAST)
    own_rows, own_columns = np.mgrid[: scene.window.rows, : scene.window.columns]
    longitude, latitude = get_parallax_corrected_lonlats(EAST, 0.0, 35786023.0, seen.longitude, seen.latitude, height)
    inner = (slice(20, -20), slice(20, -20))
    at = np.rint(own_rows + height * seen.row_drift)[inner].astype(int), np.rint(own_columns + height * seen.column_drift)[inner].astype(int)
    distance = Geod(ellps="GRS80").inv(seen.longitude[at], seen.latitude[at], longitude[inner], latitude[inner])[2]
    moved = Geod(ellps="GRS80").inv(seen.longitude[inner], seen.latitude[inner], longitude[inner], latitude[inner])[2]
    assert 0.9 < moved.mean() / height < 1.6
    assert distance.max() < 2400  # rounding to pixels of 2 x 3 km


def test_a_place_beyond_the_disk_is_refused():
    with pytest.raises(ValueError, match="does not see"):
        abi_scene("M1", "G19", EAST, 15.3, 46.0)
    with pytest.raises(KeyError):
        abi_scene("M3", "G19", EAST)


def test_scenes_lie_around_their_place():
    for scene, place in ((abi_scene("M1", "G19", EAST, -97.5, 35.3), (-97.5, 35.3)), (seviri_scene("MSG4", 0.0, 15.29, 46.07), (15.29, 46.07))):
        seen = view(scene.grid, scene.window, scene.satellite_longitude)
        middle = scene.window.rows // 2, scene.window.columns // 2
        assert Geod(ellps="GRS80").inv(seen.longitude[middle], seen.latitude[middle], *place)[2] < 5000


# what they measure


@pytest.mark.parametrize("channel", [*ABI.values(), *SEVIRI.values()], ids=lambda channel: channel.name)
def test_coefficients_are_plancks_law_at_the_channels_wavelength(channel):
    wavenumber = channel.planck.fk2 / PLANCK_C2
    assert 1e4 / wavenumber == pytest.approx(channel.wavelength_um, rel=0.015)
    assert channel.planck.fk1 == pytest.approx(PLANCK_C1 * wavenumber**3, rel=2e-4)
    temperature = np.array([190.0, 250.0, 310.0])
    np.testing.assert_allclose(planck_temperature(channel.planck, planck_radiance(channel.planck, temperature)), temperature, rtol=1e-6)
    assert np.isnan(planck_temperature(channel.planck, np.array([-0.1, 0.0]))).all()


@pytest.mark.parametrize("channel", [ABI[7], ABI[13], ABI[15]], ids=lambda channel: channel.name)
def test_a_thick_cloud_without_air_above_is_a_black_body_at_night(channel):
    seen = _cloudy((1,), 205.0, 40000.0)
    dark = window_radiance(channel.planck, channel.air, seen, np.array([0.7]), np.array([-0.5]))
    reflected = channel.air.reflectance[2]
    np.testing.assert_allclose(dark, (1 - reflected) * planck_radiance(channel.planck, 205.0), rtol=1e-3)


def test_half_a_cloud_is_half_the_radiance_and_thicker_when_seen_aslant():
    channel = ABI[13]
    whole, none, half = (
        window_radiance(channel.planck, channel.air, _cloudy((1,), 220.0, 11000.0, emissivity), np.array([1.0]), np.array([0.0]))
        for emissivity in (1.0, 0.0, 0.5)
    )
    np.testing.assert_allclose(half, (whole + none) / 2, rtol=1e-6)
    airless = replace(channel.air, depth=0.0)
    aslant = window_radiance(channel.planck, airless, _cloudy((2,), 220.0, 11000.0, 0.5), np.array([1.0, 0.5]), np.zeros(2))
    warm, cold = planck_radiance(channel.planck, 300.0), planck_radiance(channel.planck, 220.0)
    np.testing.assert_allclose(aslant, [0.5 * warm + 0.5 * cold, 0.25 * warm + 0.75 * cold], rtol=1e-5)


def test_clear_air_looks_colder_toward_the_limb_and_the_more_so_the_more_it_absorbs():
    cosine, dark = np.array([1.0, 0.7, 0.4, 0.2]), np.full(4, -0.5)
    loss = {
        number: 300.0 - planck_temperature(ABI[number].planck, window_radiance(ABI[number].planck, ABI[number].air, _clear((4,)), cosine, dark))
        for number in (13, 14, 15)
    }
    for kelvin in loss.values():
        assert np.all(np.diff(kelvin) > 0) and 0 < kelvin[0] < 6 and kelvin[-1] < 14
    assert np.all(loss[13] < loss[14]) and np.all(loss[14] < loss[15])


def test_vapour_channels_follow_soden_and_bretherton_and_show_high_clouds_only():
    channel, cosine = ABI[9], np.array([1.0])
    plain = replace(channel.air, warmer_k=0.0)

    def temperature(seen):
        return planck_temperature(channel.planck, vapour_radiance(channel.planck, plain, seen, cosine))[0]

    assert temperature(_clear((1,), humidity=30.0)) == pytest.approx((31.5 - np.log(30.0)) / 0.115, abs=1e-3)
    assert temperature(_clear((1,), humidity=70.0)) < temperature(_clear((1,), humidity=20.0)) - 9
    clear = temperature(_clear((1,)))
    assert temperature(_cloudy((1,), 285.0, 2000.0)) == pytest.approx(clear, abs=0.1)
    assert temperature(_cloudy((1,), 205.0, 14000.0)) == pytest.approx(205.0, abs=2.5)
    assert clear > temperature(_cloudy((1,), 225.0, 11000.0)) > 222.0
    higher = {number: AIR[kind].warmer_k for number, kind in ((8, 6.2), (9, 6.9), (10, 7.3))}
    assert higher[8] < higher[9] < higher[10]


def test_the_sun_warms_the_short_channel_only_and_most_over_cold_clouds():
    seen = _cloudy((2,), 215.0, 12000.0)
    cosine, sun = np.array([0.6, 0.6]), np.array([-0.2, 0.8])
    night, day = planck_temperature(ABI[7].planck, window_radiance(ABI[7].planck, ABI[7].air, seen, cosine, sun))
    assert night == pytest.approx(215.0, abs=2.0) and 235 < day < 275
    ground_night, ground_day = planck_temperature(ABI[7].planck, window_radiance(ABI[7].planck, ABI[7].air, _clear((2,)), cosine, sun))
    assert 3 < ground_day - ground_night < 15
    long = window_radiance(ABI[13].planck, ABI[13].air, seen, cosine, sun)
    assert long[0] == long[1]


# images


def test_same_world_same_image_and_another_seed_another(domain, world, scene, noon):
    first = seen_images(PLAINS, world, noon, scene, [ABI[7], ABI[9], ABI[13]])
    assert sorted(first) == [7, 9, 13]
    alone = seen_images(PLAINS, world, noon, scene, [ABI[9]])[9]
    np.testing.assert_array_equal(first[9].radiance, alone.radiance)
    assert not np.array_equal(alone.radiance, seen_images(PLAINS, world_of(domain, 8), noon, scene, [ABI[9]])[9].radiance)
    later = seen_images(PLAINS, world, noon + np.timedelta64(5, "m"), scene, [ABI[9]])[9]
    assert not np.array_equal(alone.radiance, later.radiance)


def test_images_say_when_they_were_scanned(world, scene, noon):
    images = seen_images(PLAINS, world, noon, scene, [ABI[7], ABI[8], ABI[9]])
    assert all(image.time == noon and image.start == noon + np.timedelta64(20800, "ms") for image in images.values())
    assert [float((images[number].end - images[number].start) / np.timedelta64(1, "ms")) for number in (8, 9, 7)] == [5800, 6400, 7000]


def test_a_tall_cloud_stands_away_from_the_satellite_in_the_picture(monkeypatch, world, scene, noon):
    """A cloud of 14 km over the domain's centre: the picture shows it where Satpy's parallax correction leads back to the centre."""
    height, radius = 14000.0, 12e3

    def one_cloud(world, seconds, x, y):
        inside = np.hypot(x, y) < radius
        clear = _clear(x.shape)
        return replace(clear, top_m=np.where(inside, np.float32(height), 0), top_temperature=np.where(inside, np.float32(210), 300), emissivity=1.0 * inside)

    monkeypatch.setattr(imager, "clouds", one_cloud)
    image = seen_images(PLAINS, world, noon, scene, [ABI[13]])[13]
    cold = _seen_temperature(ABI[13], image) < 235
    x, y = places(scene.grid, scene.window, EAST, PLAINS)
    seen = view(scene.grid, scene.window, EAST)
    assert x[cold].mean() < -3000 and y[cold].mean() > 8000
    longitude, latitude = get_parallax_corrected_lonlats(EAST, 0.0, 35786023.0, seen.longitude[cold], seen.latitude[cold], height)
    back = Transformer.from_crs("EPSG:4326", PLAINS, always_xy=True).transform(longitude, latitude)
    assert np.hypot(back[0].mean(), back[1].mean()) < 2500  # its side shows too: the layer is not flat
    assert cold.sum() >= (np.hypot(x, y) < radius).sum()


def test_one_sees_under_a_cloud_that_does_not_reach_the_ground(monkeypatch, world, scene, noon):
    def sheet(world, seconds, x, y):
        inside = y < 0
        clear = _clear(x.shape)
        return replace(clear, top_m=np.where(inside, np.float32(12000), 0), top_temperature=np.where(inside, np.float32(215), 300), emissivity=1.0 * inside)

    monkeypatch.setattr(imager, "clouds", sheet)
    image = seen_images(PLAINS, world, noon, scene, [ABI[13]])[13]
    seen = view(scene.grid, scene.window, EAST)
    column = scene.window.columns // 2
    edge = np.flatnonzero(_seen_temperature(ABI[13], image)[:, column] < 230)[0]
    _, y = places(scene.grid, scene.window, EAST, PLAINS)
    tangent = np.sqrt(1 - seen.cosine[edge, column] ** 2) / seen.cosine[edge, column]
    assert 6000 < y[edge, column] < 12000 * tangent  # displaced to the north, by less than along its own azimuth
    assert _seen_temperature(ABI[13], image)[-1, column] < 230


def test_noise_is_as_large_as_the_channel_says(monkeypatch, world, scene, noon):
    monkeypatch.setattr(imager, "clouds", lambda world, seconds, x, y: _clear(x.shape))
    narrow = replace(scene, window=window_around(ABI_GRID, EAST, -97.5, 35.3, 40, 200))
    for channel in (ABI[7], ABI[13], ABI[16]):
        radiance = seen_images(PLAINS, world, noon, narrow, [channel])[channel.number].radiance
        a_kelvin = planck_radiance(channel.planck, 300.5) - planck_radiance(channel.planck, 299.5)
        assert np.nanstd(np.diff(radiance, axis=1)) / np.sqrt(2) == pytest.approx(channel.noise_k * a_kelvin, rel=0.05)


def test_space_and_dead_pixels_have_no_value(monkeypatch, world, noon):
    monkeypatch.setattr(imager, "clouds", lambda world, seconds, x, y: _clear(x.shape))
    monkeypatch.setattr(imager, "DEAD_SHARE", 0.01)
    edge = replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=Window(230, 1500, 100, 120))
    image = seen_images(PLAINS, world, noon, edge, [ABI[13]])[13]
    space = np.isnan(view(edge.grid, edge.window, EAST).longitude)
    assert 0.02 < space.mean() < 0.98
    np.testing.assert_array_equal(image.quality == SPACE, space)
    assert 0.005 < (image.quality[~space] == NO_VALUE).mean() < 0.015
    np.testing.assert_array_equal(np.isfinite(image.radiance), image.quality == GOOD)


def test_clear_land_is_warm_in_the_afternoon_and_cold_before_sunrise(monkeypatch, world, scene):
    monkeypatch.setattr(imager, "clouds", lambda world, seconds, x, y: _clear(x.shape))
    temperature = {
        hour: np.nanmedian(_seen_temperature(ABI[13], seen_images(PLAINS, world, np.datetime64(f"2026-07-01T{hour:02}:00"), scene, [ABI[13]])[13]))
        for hour in (10, 14, 18, 20)
    }
    assert temperature[10] < temperature[14] < temperature[18]  # local noon is 18:30 UTC
    assert 10 < temperature[20] - temperature[10] < 18
    assert temperature[20] > temperature[14]


def test_the_vapour_image_follows_the_humidity_of_each_place(monkeypatch, world, scene, noon):
    def moist_west(world, seconds, x, y):
        return replace(_clear(x.shape), upper_humidity=np.where(x < 0, 70.0, 20.0).astype("float32"))

    monkeypatch.setattr(imager, "clouds", moist_west)
    seen, (x, _) = view(scene.grid, scene.window, EAST), places(scene.grid, scene.window, EAST, PLAINS)
    expected = (31.5 - np.log(np.where(x < 0, 70.0, 20.0) / seen.cosine)) / 0.115 + ABI[9].air.warmer_k
    temperature = _seen_temperature(ABI[9], seen_images(PLAINS, world, noon, scene, [ABI[9]])[9])
    np.testing.assert_allclose(temperature[np.isfinite(temperature)], expected[np.isfinite(temperature)], atol=1.0)


def test_the_earths_edge_is_no_colder_when_few_pixels_look(monkeypatch, world, noon):
    monkeypatch.setattr(imager, "clouds", lambda world, seconds, x, y: _clear(x.shape))
    edge = replace(abi_scene("M1", "G19", EAST, -97.5, 35.3), window=Window(230, 1500, 100, 120))
    fine, coarse = (seen_images(PLAINS, world, noon, replace(edge, every=every), [ABI[13]])[13].radiance for every in (1, 12))
    np.testing.assert_array_equal(fine, coarse)


def test_looking_at_every_second_pixel_changes_little(world, scene, noon):
    fine = seen_images(PLAINS, world, noon, scene, [ABI[13]])[13].radiance
    coarse = seen_images(PLAINS, world, noon, replace(scene, every=2), [ABI[13]])[13].radiance
    assert np.corrcoef(fine[np.isfinite(fine)], coarse[np.isfinite(fine)])[0, 1] > 0.8


def test_anvils_are_cold_and_wider_than_the_rain(domain, noon):
    """Over some hours: nearly all heavy rain lies under cold cloud tops, and these cover much more than the rain."""
    from stormcycle.grids import pixel_centres
    from stormcycle.simulator.nature import columns, seconds_of

    world = world_of(domain, 7)
    around = seviri_scene("MSG4", 0.0, 15.29, 46.07, 60, 90)
    x, y = places(around.grid, around.window, 0.0, domain.grid.projection)
    inside = np.hypot(x, y) < 90e3
    cold = rain = 0.0
    for hours in range(4):
        time = noon + np.timedelta64(hours, "h")
        image = seen_images(domain.grid.projection, world, time, around, [SEVIRI[9]])[9]
        cold += (_seen_temperature(SEVIRI[9], image)[inside] < 245).mean()
        grid_x, grid_y = np.meshgrid(*pixel_centres(domain.area))
        rain += (columns(world, seconds_of(time) + 680, grid_x, grid_y).convective[np.hypot(grid_x, grid_y) < 90e3] > 35).mean()
    assert cold > 1.3 * rain > 0
