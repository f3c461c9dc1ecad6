"""Echo of no weather: RhoHV and texture by a plain loop, Gabella's filter as wradlib has it, speckle by a flood fill."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from wradlib.classify import filter_gabella

from stormcycle.domain import NonMeteorological, Speckle, StaticClutter
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.quality import GateFlag, non_meteorological, speckle, static_clutter
from stormcycle.states import NO_ECHO_DBZ

RAYS, GATES = 36, 24


def texture(field: np.ndarray, ray: int, gate: int) -> float:
    """Root mean square difference of a gate from those of its eight neighbours that hold echo, across north; 0 without any."""
    here, apart = field[ray, gate], []
    for turn, out in ((turn, out) for turn in (-1, 0, 1) for out in (-1, 0, 1) if (turn, out) != (0, 0)):
        if 0 <= gate + out < field.shape[1]:
            other = field[(ray + turn) % len(field), gate + out]
            if other > NO_ECHO_DBZ:
                apart.append((other - here) ** 2)
    return math.sqrt(sum(apart) / len(apart)) if apart else 0.0


def test_gates_of_no_weather_are_those_of_a_plain_loop(polar, rng):
    smooth = 25.0 + 8.0 * np.sin(np.arange(GATES) / 5.0) + rng.uniform(-2, 2, (RAYS, GATES))
    values = np.where(rng.random((RAYS, GATES)) < 0.3, rng.uniform(5, 60, (RAYS, GATES)), smooth)
    values[rng.random(values.shape) < 0.2], values[rng.random(values.shape) < 0.1] = NO_ECHO_DBZ, np.nan
    rhohv = rng.choice([0.5, 0.79, 0.81, 0.9, 0.94, 0.96, 0.99, np.nan], values.shape)
    settings = NonMeteorological()
    volume = polar(values[None], rhohv=rhohv[None])
    found, field = non_meteorological(volume, settings), volume["reflectivity"].values
    told = {"low": 0, "rough": 0, "smooth": 0}
    for ray, gate in np.ndindex(RAYS, GATES):
        rho, wanted = rhohv[ray, gate], False
        if field[ray, gate] > NO_ECHO_DBZ and rho < 0.8:
            wanted = True
            told["low"] += 1
        elif field[ray, gate] > NO_ECHO_DBZ and rho < 0.95:
            roughness = texture(field.astype("float64"), ray, gate)
            assert abs(roughness - 6.0) > 1e-4
            wanted = roughness > 6.0
            told["rough" if wanted else "smooth"] += 1
        assert found[ray, gate] == (GateFlag.NOT_WEATHER if wanted else 0)
    assert min(told.values()) > 10


def test_without_a_correlation_nothing_is_judged(polar):
    volume = polar(np.full((1, RAYS, GATES), 30.0))
    assert not non_meteorological(volume, NonMeteorological()).any()
    assert not non_meteorological(polar(np.full((1, RAYS, GATES), 30.0), rhohv=np.full((1, RAYS, GATES), np.nan)), NonMeteorological()).any()


def storm(centre_ray: int = 18) -> np.ndarray:
    """A smooth big storm of up to 50 dBZ around a ray, no echo elsewhere (72 rays, 40 gates)."""
    ray, gate = np.mgrid[:72, :40]
    away = np.hypot((ray - centre_ray + 36) % 72 - 36, gate - 20)
    return np.where(away < 12, 50.0 - away**2 / 4, NO_ECHO_DBZ)


def clutter(polar, field: np.ndarray, floor_dbz: float = 5.0) -> np.ndarray:
    """Where the step with its default settings sees clutter in one sweep."""
    return static_clutter(polar(field[None]), StaticClutter(), floor_dbz) == GateFlag.STATIC_CLUTTER


def test_a_smooth_big_storm_is_kept(polar):
    field = storm()
    found = clutter(polar, field)
    assert not found[field >= 20.0].any()
    assert found.sum() < 0.05 * (field > NO_ECHO_DBZ).sum()


def test_a_lone_spike_in_drizzle_and_a_thin_line_are_clutter_and_the_drizzle_is_not(polar):
    field = np.full((72, 40), 10.0)
    field[30, 20] = 55.0
    assert np.argwhere(clutter(polar, field)).tolist() == [[30, 20]]
    line = np.full((72, 40), NO_ECHO_DBZ)
    line[10, 5:35] = 20.0
    assert np.array_equal(clutter(polar, line), line == 20.0)


def test_where_nothing_was_observed_or_below_the_floor_nothing_is_clutter(polar):
    field = np.full((72, 40), np.nan)
    field[10, 10], field[20, 20] = 4.9, NO_ECHO_DBZ
    assert not clutter(polar, field).any()


def test_on_a_real_sweep_the_clutter_is_that_of_wradlibs_filter(samples):
    path = samples / "radar/dwd_radolan/dwd_dx_fbg_20080602.nc"
    if not path.is_file():
        pytest.skip("The DX sweeps are not among the samples.")
    with xr.open_dataset(path, engine="h5netcdf") as file:
        field = file["dbz"].isel(time=0).values.astype("float32")  # by whole degrees of azimuth
    volume = xr.Dataset(
        {"reflectivity": (("ray", "gate"), field)},
        coords={
            "azimuth": ("ray", np.arange(360.0)),
            "sweep": ("ray", np.zeros(360, int)),
            "first_gate_m": ("sweeps", [500.0]),
            "gate_m": ("sweeps", [1000.0]),
            "gates": ("sweeps", [128]),
        },
    )
    with np.errstate(divide="ignore"):
        theirs = filter_gabella(np.where(np.isnan(field), NO_ECHO_DBZ, field), wsize=5, thrsnorain=6.75, tr1=6.0, n_p=6, tr2=1.3)
    found = static_clutter(volume, StaticClutter(), 7.0) > 0
    assert found.sum() > 100
    wet = field >= 7.0  # in steps of half a dB: above 6.75 is at least 7.0
    labels, _ = ndimage.label(wet, np.ones((3, 3)))
    across = np.isin(labels, [*labels[0], *labels[-1]])
    elsewhere = wet & ~across  # theirs does not join what lies on both sides of north
    assert elsewhere.sum() > 2000
    assert np.array_equal(found[elsewhere], theirs[elsewhere])


def test_a_storm_across_north_is_judged_as_one_elsewhere(polar):
    whole = clutter(polar, storm(18))
    turned = {centre: np.roll(clutter(polar, storm(centre)), 18 - centre, axis=0) for centre in (0, 61, 66, 71)}
    assert {centre: int((found != whole).sum()) for centre, found in turned.items()} == dict.fromkeys(turned, 0)


def test_rain_of_exactly_the_floor_within_rain_is_no_clutter(polar):
    field = np.full((72, 40), 6.0)
    field[30:34, 18:22] = 5.0  # the floor, a step below its surroundings
    assert not clutter(polar, field)[30:34, 18:22].any()


def echoes_by_flood_fill(echo: np.ndarray) -> np.ndarray:
    """The number of gates of the echo that each gate belongs to; gates touch at sides and corners, rays across north."""
    rays, gates = echo.shape
    size = np.zeros(echo.shape, int)
    for start in map(tuple, np.argwhere(echo)):
        if size[start]:
            continue
        found, waiting = {start}, [start]
        while waiting:
            ray, gate = waiting.pop()
            for near in (((ray + turn) % rays, gate + out) for turn in (-1, 0, 1) for out in (-1, 0, 1)):
                if 0 <= near[1] < gates and echo[near] and near not in found:
                    found.add(near)
                    waiting.append(near)
        for place in found:
            size[place] = len(found)
    return size


def sweep_of(echo: np.ndarray) -> xr.Dataset:
    rays, gates = echo.shape
    return xr.Dataset(
        {"reflectivity": (("ray", "gate"), np.where(echo, 20.0, NO_ECHO_DBZ))},
        coords={"azimuth": ("ray", np.arange(rays) * 360.0 / rays), "sweep": ("ray", np.zeros(rays, int)), "gates": ("sweeps", [gates])},
    )


def across_north() -> np.ndarray:
    echo = np.zeros((12, 8), bool)
    echo[[11, 11, 0, 0], [3, 4, 3, 4]] = True
    return echo


MASKS = hnp.arrays(bool, (12, 8), elements=st.integers(0, 3).map(lambda drawn: drawn == 0))


@given(MASKS, MASKS, st.integers(2, 9))
@example(across_north(), np.zeros((12, 8), bool), 4)
@example(across_north(), np.zeros((12, 8), bool), 5)
def test_speckle_is_every_echo_that_a_flood_fill_finds_too_small(echo: np.ndarray, ignored: np.ndarray, least: int):
    found = speckle(sweep_of(echo), Speckle(least_gates=least), ignored)
    size = echoes_by_flood_fill(echo & ~ignored)
    assert np.array_equal(found, np.where((size > 0) & (size < least), GateFlag.SPECKLE, 0))


def test_speckle_is_the_same_in_whatever_order_the_rays_come(polar, rng):
    echo = rng.random((RAYS, GATES)) < 0.2
    values, order = np.where(echo, 20.0, NO_ECHO_DBZ), rng.permutation(RAYS)
    azimuth = (np.arange(RAYS) + 0.5) * 10.0
    nothing = np.zeros(echo.shape, bool)
    straight = speckle(polar(values[None], azimuth=azimuth), Speckle(least_gates=4), nothing)
    shuffled = speckle(polar(values[order][None], azimuth=azimuth[order]), Speckle(least_gates=4), nothing)
    assert straight.any()
    assert np.array_equal(shuffled, straight[order])


def test_speckles_of_two_sweeps_do_not_touch(polar):
    values = np.full((2, RAYS, GATES), NO_ECHO_DBZ)
    values[0, -1, 5], values[1, 0, 5] = 20.0, 20.0
    found = speckle(polar(values, elevations=(0.5, 2.0)), Speckle(least_gates=2), np.zeros((2 * RAYS, GATES), bool))
    assert np.argwhere(found).tolist() == [[RAYS - 1, 5], [RAYS, 5]]


def test_on_a_real_dual_polarisation_volume_nothing_is_rejected_that_is_surely_rain(samples):
    path = samples / "radar/nexrad_l2/KDMX20220305_232324_trimmed3sweeps.bin"
    if not path.is_file():
        pytest.skip("The dual-polarisation volume is not among the samples.")
    volume = decode_volume(path, "nexrad", ("reflectivity", "rhohv"))
    found, rhohv = non_meteorological(volume, NonMeteorological()) > 0, volume["rhohv"].values
    echo = volume["reflectivity"].values > NO_ECHO_DBZ
    assert not found[rhohv >= 0.95].any()
    assert found[echo & (rhohv < 0.8)].all()
    assert not found[~echo].any()
    assert found.any()
