"""Kdp from the phase: ramps whose slope is known."""

import numpy as np
import pytest

from stormcycle.radar.polarimetry import kdp_from_phidp
from stormcycle.states import NO_ECHO_DBZ

RAYS, GATES = 12, 240


@pytest.mark.parametrize("slope", [0.0, 0.5, 2.0])  # degree km-1, one way
@pytest.mark.parametrize("gate_km", [0.25, 1.0])
def test_a_ramp_of_known_slope_gives_that_kdp(polar, slope: float, gate_km: float):
    phidp = np.broadcast_to(20.0 + 2 * slope * gate_km * np.arange(80), (1, RAYS, 80))
    volume = polar(np.full((1, RAYS, 80), 35.0), gate_m=1000 * gate_km, phidp=phidp)
    found = kdp_from_phidp(volume, np.zeros((RAYS, 80), bool))
    edge = round(8 / gate_km)
    np.testing.assert_allclose(found[:, edge:-edge], slope, atol=0.1)


def test_rain_between_dry_gates_has_its_kdp_and_dry_and_ignored_gates_none(polar, rng):
    gate = np.arange(GATES)
    wet = (gate >= 60) & (gate < 180)
    phidp = 40.0 + 2 * 1.0 * 0.25 * np.clip(gate - 60, 0, 120) + rng.normal(0, 1.0, (RAYS, GATES))
    values = np.where(wet, 40.0, NO_ECHO_DBZ) * np.ones((RAYS, 1))
    values[:, 200:] = np.nan
    ignored = np.zeros((RAYS, GATES), bool)
    ignored[:, 120] = True
    found = kdp_from_phidp(polar(values[None], gate_m=250.0, phidp=phidp[None]), ignored)
    known = np.broadcast_to(wet, found.shape) & ~ignored
    assert np.array_equal(~np.isnan(found), known)
    assert np.median(found[:, 90:150][known[:, 90:150]]) == pytest.approx(1.0, abs=0.1)


def test_gates_without_a_phase_have_no_kdp(polar):
    phidp = np.full((1, RAYS, GATES), 30.0)
    phidp[0, 3] = np.nan
    found = kdp_from_phidp(polar(np.full((1, RAYS, GATES), 30.0), phidp=phidp), np.zeros((RAYS, GATES), bool))
    assert np.isnan(found[3]).all()
    assert not np.isnan(found[[0, 1, 2, *range(4, RAYS)]]).any()
    np.testing.assert_allclose(found[[0, 1, 2]], 0.0, atol=1e-3)


def test_a_volume_without_echo_has_none_and_one_without_a_phase_is_refused(polar):
    dry = polar(np.full((1, RAYS, GATES), NO_ECHO_DBZ), phidp=np.full((1, RAYS, GATES), 30.0))
    assert np.isnan(kdp_from_phidp(dry, np.zeros((RAYS, GATES), bool))).all()
    with pytest.raises(KeyError, match="phidp"):
        kdp_from_phidp(dry.drop_vars("phidp"), np.zeros((RAYS, GATES), bool))
