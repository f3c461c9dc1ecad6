import numpy as np
import pyart
import pytest

from stormcycle.simulator.instruments import observe
from stormcycle.simulator.instruments.beam import beam_height_and_distance, gate_places


@pytest.mark.parametrize("elevation", [0.5, 4.0, 9.0, 30.0])
def test_beam_agrees_with_pyart(elevation):
    ranges = np.array([500.0, 50e3, 150e3])
    height, distance = beam_height_and_distance(ranges, elevation, 100.0)
    x, y, z = pyart.core.antenna_to_cartesian(ranges / 1000.0, np.full(3, 90.0), np.full(3, elevation))
    np.testing.assert_allclose(height, z + 100.0, rtol=1e-6)
    np.testing.assert_allclose(distance, np.hypot(x, y), rtol=1e-6)


def test_gates_lie_around_their_site(domain):
    site = domain.radar.sites["simli"]
    x, y = gate_places(domain.grid.projection, site, np.array([0.0, 90.0, 180.0, 270.0]), np.array([10.0, 50e3]))
    np.testing.assert_allclose(x[:, 1], [0, 50e3, 0, -50e3], atol=200)
    np.testing.assert_allclose(y[:, 1], [50e3, 0, -50e3, 0], atol=200)
    assert np.abs([x[:, 0], y[:, 0]]).max() < 20


def test_not_measured_and_no_echo_differ(domain, scan, noon):
    for sweep in observe(domain, "simli", noon, 7, scan).sweeps:
        assert not sweep.measured[:, 0].any() and sweep.measured[:, 1:].all()
        assert not (sweep.echo & ~sweep.measured).any()
        assert (sweep.measured & ~sweep.echo).any() and sweep.echo.any()
        for values in sweep.moments.values():
            np.testing.assert_array_equal(np.isfinite(values), sweep.echo)


def test_sensitivity_falls_with_range(domain, scan, noon):
    sweep = observe(domain, "simli", noon, 7, scan).sweeps[0]
    ranges_km = (np.arange(sweep.echo.shape[1]) + 0.5) * scan.gate_m / 1000
    faintest = scan.faintest_dbz_at_1km + 20 * np.log10(ranges_km)
    assert np.nanmin(sweep.moments["DBZH"] - faintest, initial=99) >= 0


def test_sweeps_follow_each_other_and_end_at_the_ceiling(domain, scan, noon):
    volume = observe(domain, "simli", noon, 7, scan)
    assert [str(s.start - noon) for s in volume.sweeps] == ["0 seconds", "60 seconds"]
    assert volume.sweeps[-1].end == noon + np.timedelta64(120, "s")
    steep = observe(domain, "simli", noon, 7, type(scan)(elevations_deg=(20.0,), rays=8, gate_m=1000.0, range_m=100e3)).sweeps[0]
    assert 30 < steep.echo.shape[1] < 45


def test_moments_are_plausible_and_consistent(domain, scan, noon):
    moments = observe(domain, "simli", noon, 7, scan).sweeps[0].moments
    strong = moments["DBZH"] > 40
    assert strong.any()
    assert np.nanmean(moments["ZDR"][strong]) > np.nanmean(moments["ZDR"][moments["DBZH"] < 25]) + 0.5
    assert np.nanmean(moments["KDP"][strong]) > 0.3 > np.nanmean(moments["KDP"][moments["DBZH"] < 25])
    assert np.nanmedian(moments["RHOHV"]) > 0.97 and np.nanmax(moments["RHOHV"]) <= 1


def test_phase_is_twice_the_sum_of_kdp(domain, scan, noon):
    quiet = observe(domain, "simli", noon, 7, scan).sweeps[0].moments
    ray = np.nanargmax(np.nanmax(quiet["KDP"], axis=1))
    measured = np.flatnonzero(np.isfinite(quiet["PHIDP"][ray]))
    first, last = measured[0], measured[-1]
    rise = quiet["PHIDP"][ray, last] - quiet["PHIDP"][ray, first]
    expected = 2 * np.nansum(quiet["KDP"][ray, first + 1 : last + 1]) * scan.gate_m / 1000
    assert rise == pytest.approx(expected, abs=12)


def test_an_unknown_site_is_an_error(domain, scan, noon):
    with pytest.raises(KeyError):
        observe(domain, "nowhere", noon, 7, scan)
