"""Quality control against plain loops over rays and gates."""

import numpy as np

from stormcycle.radar.quality import GateFlag, apply_flags, noise_floor, range_limit
from stormcycle.states import NO_ECHO_DBZ


def some(polar):
    values = np.random.default_rng(1).uniform(-20, 60, (2, 4, 12))
    values[:, :, 3], values[:, :, 7] = NO_ECHO_DBZ, np.nan
    volume = polar(values, elevations=(0.5, 2.0), gate_m=1000.0, first_gate_m=500.0, zdr=np.full((2, 4, 12), 1.5))
    volume["gate_m"][1], volume["first_gate_m"][1] = 250.0, 125.0
    return volume


def test_flags_are_those_of_a_plain_loop(polar):
    volume = some(polar)
    beyond, quiet = range_limit(volume, 2.5), noise_floor(volume, 5.0)
    for ray in range(8):
        spacing, first = (1000.0, 500.0) if ray < 4 else (250.0, 125.0)
        for gate in range(12):
            assert beyond[ray, gate] == (GateFlag.BEYOND_RANGE if first + gate * spacing > 2500.0 else 0)
            value = float(volume["reflectivity"][ray, gate])
            assert quiet[ray, gate] == (GateFlag.BELOW_NOISE if -32.0 < value < 5.0 else 0)


def test_a_gate_at_the_limit_stays(polar):
    volume = polar(np.full((1, 1, 3), 30.0))  # centres at 500, 1500, 2500 m
    assert range_limit(volume, 1.5).tolist() == [[0, 0, GateFlag.BEYOND_RANGE]]


def test_below_noise_is_no_echo_and_beyond_range_is_not_observed(polar):
    volume = some(polar)
    cleaned = apply_flags(volume, range_limit(volume, 2.5) | noise_floor(volume, 5.0))
    for ray in range(8):
        spacing, first = (1000.0, 500.0) if ray < 4 else (250.0, 125.0)
        for gate in range(12):
            given, found = float(volume["reflectivity"][ray, gate]), float(cleaned["reflectivity"][ray, gate])
            if first + gate * spacing > 2500.0 or np.isnan(given):
                assert np.isnan(found)
            elif given < 5.0:
                assert found == NO_ECHO_DBZ
                assert given == NO_ECHO_DBZ or np.isnan(cleaned["zdr"][ray, gate])
            else:
                assert found == given
                assert float(cleaned["zdr"][ray, gate]) == 1.5


def test_the_volume_itself_stays_as_it_was(polar):
    volume = some(polar)
    before = volume.copy(deep=True)
    apply_flags(volume, np.full((8, 12), 3, "uint8"))
    assert volume.identical(before)
