"""What the radar makes of the weather beside geometry and noise: wavelength, attenuation, ground, Doppler cuts, blocked sectors."""

from dataclasses import replace

import numpy as np
import pytest
from pyart.correct.attenuation import _param_attphilinear_table

from stormcycle.simulator.instruments.clutter import Ground, ground, ground_in_beam
from stormcycle.simulator.instruments.echoes import SYSTEM_PHASE_DEG, kdp_at, rain_loss, signal
from stormcycle.simulator.instruments.radar import NEXRAD_SCAN, Scan, _gates, observe
from stormcycle.simulator.nature import Moments, columns, moments, seconds_of, world_of
from stormcycle.simulator.nature.profiles import kdp_of_rain, zdr_of_rain

LOW = replace(NEXRAD_SCAN, elevations_deg=NEXRAD_SCAN.elevations_deg[:4], rays=120, gate_m=1000.0, range_m=100e3, duration_s=120)
"""The first four cuts, 30 s each: 0.48 degrees twice, 1.32, 2.42."""
BARE = replace(LOW, cluttered=False, blocked=())
MINUTE = np.timedelta64(1, "m")


def rain(shape: tuple[int, int], dbz: float = 40.0) -> Moments:
    values = np.full(shape, dbz, "float32")
    return Moments(values, zdr_of_rain(values), kdp_of_rain(values, zdr_of_rain(values)), np.full(shape, 0.99, "float32"))


def test_at_twice_the_wavelength_the_phase_turns_half_as_fast():
    np.testing.assert_allclose(kdp_at(np.array([2.0], "float32"), 10.7), [1.0], rtol=1e-6)
    assert kdp_at(np.array([2.0], "float32"), 5.35)[0] == 2.0


@pytest.mark.parametrize(("wavelength_cm", "band"), [(10.7, "S"), (5.35, "C"), (3.2, "X")])
def test_loss_by_phase_is_py_arts(wavelength_cm, band):
    assert rain_loss(np.float64(1.0), wavelength_cm) == _param_attphilinear_table()[band]


@pytest.mark.parametrize("wavelength_cm", [10.7, 5.35])
def test_uniform_rain_takes_more_with_every_gate(wavelength_cm):
    true = rain((2, 100))
    clear, dimmed = (signal(true, None, 500.0, wavelength_cm, attenuated) for attenuated in (False, True))
    kdp = kdp_at(true.kdp, wavelength_cm)[0, 0]
    turned = 2 * kdp * 0.5 * np.arange(1, 101)
    np.testing.assert_allclose(clear.phase[0], SYSTEM_PHASE_DEG + turned, rtol=1e-5)
    loss, zdr_loss = rain_loss(turned, wavelength_cm)
    np.testing.assert_allclose((clear.reflectivity - dimmed.reflectivity)[0], loss, atol=1e-4)
    np.testing.assert_allclose((clear.zdr - dimmed.zdr)[0], zdr_loss, atol=1e-4)
    np.testing.assert_array_equal(clear.phase, dimmed.phase)


def test_c_band_loses_four_times_what_s_band_loses():
    lost = {
        wavelength: (signal(rain((1, 50)), None, 1000.0, wavelength, False).reflectivity - signal(rain((1, 50)), None, 1000.0, wavelength, True).reflectivity)
        for wavelength in (10.7, 5.35)
    }
    np.testing.assert_allclose(lost[5.35], 4 * lost[10.7], rtol=1e-3)  # twice the phase, twice the loss a degree


def test_a_volume_is_dimmed_behind_rain_and_nowhere_brighter(domain, noon):
    clear, dimmed = (observe(domain, "simli", noon, 7, replace(BARE, attenuated=attenuated)).sweeps[0] for attenuated in (False, True))
    both = clear.echo & dimmed.echo
    loss = (clear.moments["DBZH"] - dimmed.moments["DBZH"])[both]
    assert loss.min() > -1e-4 and 0.3 < loss.max() < 20
    turned = np.mod(dimmed.moments["PHIDP"][both] - SYSTEM_PHASE_DEG + 20.0, 360.0) - 20.0
    np.testing.assert_allclose(loss, 0.04 * turned, atol=0.04 * 12)  # noise of the phase
    assert not (dimmed.echo & ~clear.echo).any()


def test_ground_and_rain_of_one_power_are_3_db_more_and_each_moment_the_mean():
    true = rain((1, 3))
    seen = Ground(
        reflectivity=np.array([[-np.inf, 40.0, 80.0]], "float32"),
        zdr=np.full((1, 3), -2.0, "float32"),
        rhohv=np.full((1, 3), 0.5, "float32"),
        phase=np.full((1, 3), 90.0, "float32"),
        edge_deg=np.zeros((1, 3), "float32"),
    )
    alone, both = signal(true, None, 1000.0, 10.7, False), signal(true, seen, 1000.0, 10.7, False)
    np.testing.assert_allclose(both.reflectivity[0], [40.0, 43.01, 80.0], atol=0.01)
    np.testing.assert_allclose(both.ground[0], [0.0, 0.5, 0.9999], atol=1e-4)
    np.testing.assert_allclose(both.zdr[0], [true.zdr[0, 0], (true.zdr[0, 0] - 2.0) / 2, -2.0], atol=1e-3)
    np.testing.assert_allclose(both.rhohv[0], [0.99, 0.745, 0.5], atol=1e-3)
    np.testing.assert_allclose(both.phase[0], [alone.phase[0, 0], (alone.phase[0, 1] + 90.0) / 2, 90.0], atol=0.01)


def test_ground_where_there_is_no_rain_is_an_echo_of_its_own():
    nothing = Moments(np.full((1, 1), np.nan, "float32"), *(np.zeros((1, 1), "float32") for _ in range(3)))
    seen = Ground(*(np.full((1, 1), value, "float32") for value in (30.0, -2.0, 0.5, 90.0, 0.0)))
    both = signal(nothing, seen, 1000.0, 10.7, True)
    assert (both.reflectivity.item(), both.ground.item(), both.phase.item()) == pytest.approx((30.0, 1.0, 90.0), abs=1e-4)


def test_the_beam_leaves_the_ground_behind_as_it_rises():
    whole = ground("SIMA", 90, 60, 1000.0)
    patches = np.isfinite(whole.reflectivity[:, :50]) & (whole.edge_deg[:, :50] == 0)
    full, half, high = (ground_in_beam(whole, 50, elevation, 1.0, np.random.default_rng(1)).reflectivity[patches] for elevation in (0.0, 0.5, 1.3))
    np.testing.assert_allclose(10 ** (0.1 * (half - full)), 0.25, atol=0.001)  # half the power one way at half the width
    np.testing.assert_allclose(full - high, 4 * 1.3**2 * (full - half), rtol=1e-4)


def test_the_ground_stays_and_flickers(domain, noon):
    turns = [observe(domain, "simli", noon + minutes * MINUTE, seed, LOW).sweeps[0] for minutes, seed in ((0, 7), (60, 7), (0, 8))]
    for other in turns[1:]:
        both = turns[0].ground & other.ground
        assert both.sum() > 50 and (other.ground & ~turns[0].echo).sum() < 0.1 * other.ground.sum()  # what is not seen again is hidden by rain
        change = (turns[0].moments["DBZH"] - other.moments["DBZH"])[both]
        assert 1.5 < change.std() < 5
    elsewhere = observe(domain, "simpa", noon, 7, LOW).sweeps[0]
    assert (turns[0].ground & elsewhere.ground).sum() < 0.3 * turns[0].ground.sum()


def test_only_low_cuts_see_the_ground_and_it_looks_like_none_of_the_rain(domain, noon):
    with_ground, without = (observe(domain, "simli", noon + 60 * MINUTE, 7, scan).sweeps for scan in (LOW, BARE))
    counts = [int(sweep.ground.sum()) for sweep in with_ground]
    assert counts[0] > 100 and counts[2] < counts[0] / 2 and counts[3] == 0
    low, doppler = with_ground[:2]
    bare = low.ground & ~(without[0].moments["DBZH"] > low.moments["DBZH"] - 20)  # a hundredth of the power is the rain's at most
    rained_on = low.echo & ~low.ground & doppler.echo
    assert bare.sum() > 50
    assert np.median(low.moments["RHOHV"][bare]) < 0.7 < 0.95 < np.median(low.moments["RHOHV"][rained_on])
    assert np.std(low.moments["ZDR"][bare]) > 2 > np.std(low.moments["ZDR"][rained_on])
    steps = [np.nanmedian(np.abs(np.diff(np.where(kind, low.moments["DBZH"], np.nan), axis=1))) for kind in (bare, rained_on)]
    assert steps[0] > 2 * steps[1]
    standing = bare & doppler.ground
    assert np.abs(doppler.moments["VRADH"][standing]).mean() < 0.6  # its noise is 0.5 m/s
    assert np.median(doppler.moments["WRADH"][standing]) < 1.2 < np.median(doppler.moments["WRADH"][rained_on])


def test_a_doppler_cut_measures_the_flow_along_the_beam(domain, noon):
    world, sweep = world_of(domain, 7), observe(domain, "simli", noon, 7, BARE).sweeps[1]
    assert set(sweep.moments) == {"DBZH", "VRADH", "WRADH"}
    strong = np.argwhere(sweep.moments["DBZH"] > 25)[::40]
    assert len(strong) > 20
    differences = []
    for ray, gate in strong:  # the site of simli is the centre of the domain, to some hundred metres
        azimuth, distance = np.radians((ray + 0.5) * 3.0), (gate + 0.5) * 1000.0
        towards = np.array([np.sin(azimuth), np.cos(azimuth)])
        wind = np.array(world.velocity) + np.array(world.gradient) @ (distance * towards)
        differences.append(sweep.moments["VRADH"][ray, gate] - wind @ towards)
    assert abs(np.mean(differences)) < 0.3 and 0.3 < np.std(differences) < 0.9  # its noise is 0.5 m/s


def test_velocities_fold_at_nyquist_and_end_at_the_reach(domain, noon):
    wide, narrow = (observe(domain, "simli", noon, 7, replace(BARE, doppler_reach_m=reach)).sweeps[1].moments["VRADH"] for reach in (70e3, 400e3))
    nyquist = 2.998e8 * 0.107 / (8 * 400e3)
    assert replace(BARE, doppler_reach_m=400e3).nyquist == pytest.approx(nyquist)
    assert np.nanmax(np.abs(narrow)) <= nyquist < np.nanmax(np.abs(wide))
    assert np.isnan(wide[:, 70:]).all() and np.isfinite(narrow[:, 70:]).any()
    both = np.isfinite(wide) & np.isfinite(narrow)
    turns = (wide - narrow)[both] / (2 * nyquist)
    np.testing.assert_allclose(turns, np.rint(turns), atol=1e-4)
    assert len(np.unique(np.rint(turns))) > 1


def test_both_turns_of_a_split_cut_see_the_weather_of_the_time_between_them(domain, noon):
    first, second, *_ = observe(domain, "simli", noon, 7, replace(BARE, attenuated=False)).sweeps
    assert second.start - noon == np.timedelta64(30, "s")
    both = first.echo & second.echo
    assert 0.8 < np.std((first.moments["DBZH"] - second.moments["DBZH"])[both]) < 1.2  # two noises of 0.7 dB
    world = world_of(domain, 7)
    _, height, x, y = _gates(domain.grid.projection, domain.radar.sites["simli"], BARE, BARE.elevations_deg[0])
    true = moments(columns(world, seconds_of(noon) + 30.0, x, y), height[None, :], world.freezing_level_m)
    mean = (first.moments["DBZH"] + second.moments["DBZH"]) / 2
    assert np.std((mean - true.reflectivity)[both]) < 0.6


def test_a_blocked_sector_is_weaker_in_the_lowest_cuts_alone(domain, noon):
    hidden, free = (observe(domain, "simli", noon, 7, replace(LOW, blocked=blocked, cluttered=False)).sweeps for blocked in (NEXRAD_SCAN.blocked, ()))
    azimuth = (np.arange(120) + 0.5) * 3.0
    inside = (azimuth >= 212) & (azimuth < 226)
    for cut in (0, 1):
        both = hidden[cut].echo & free[cut].echo
        difference = free[cut].moments["DBZH"] - hidden[cut].moments["DBZH"]
        np.testing.assert_allclose(difference[inside][:, 6:][both[inside][:, 6:]], 20.0, atol=1e-3)
        assert not difference[~inside][both[~inside]].any()
    np.testing.assert_array_equal(hidden[2].moments["DBZH"], free[2].moments["DBZH"])


def test_a_plain_scan_has_none_of_it(domain, scan, noon):
    assert (Scan().attenuated, Scan().cluttered, Scan().doppler_cuts, Scan().blocked) == (False, False, (), ())
    assert not any(sweep.ground.any() for sweep in observe(domain, "simli", noon, 7, scan).sweeps)
