"""The limits of range and noise against plain loops over rays and gates."""

import numpy as np

from stormcycle.radar.quality import GateFlag, noise_floor, range_limit
from stormcycle.states import NO_ECHO_DBZ


def test_flags_are_those_of_a_plain_loop(polar, rng):
    values = rng.uniform(-20, 60, (2, 4, 12))
    values[:, :, 3], values[:, :, 7] = NO_ECHO_DBZ, float("nan")
    volume = polar(values, elevations=(0.5, 2.0))
    volume["gate_m"][1], volume["first_gate_m"][1] = 250.0, 125.0
    beyond, quiet = range_limit(volume, 2.5), noise_floor(volume, 5.0)
    for ray in range(8):
        spacing, first = (1000.0, 500.0) if ray < 4 else (250.0, 125.0)
        for gate in range(12):
            assert beyond[ray, gate] == (GateFlag.BEYOND_RANGE if first + gate * spacing > 2500.0 else 0)
            value = float(volume["reflectivity"][ray, gate])
            assert quiet[ray, gate] == (GateFlag.BELOW_NOISE if -32.0 < value < 5.0 else 0)


def test_a_gate_at_a_limit_stays(polar):
    volume = polar(np.array([[[4.5, 5.0, 30.0]]]))  # centres at 500, 1500, 2500 m
    assert range_limit(volume, 1.5).tolist() == [[0, 0, GateFlag.BEYOND_RANGE]]
    assert noise_floor(volume, 5.0).tolist() == [[GateFlag.BELOW_NOISE, 0, 0]]
