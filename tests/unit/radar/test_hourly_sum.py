"""The hourly sum against closed forms and a plain loop; its three states."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.radar.hourly import hourly_sum
from stormcycle.states import NO_ECHO_DBZ

NAN = float("nan")


def summed(*scans: float) -> float:
    total, _ = hourly_sum(np.array(scans, "float32").reshape(-1, 1, 1))
    return float(total[0, 0])


@pytest.mark.parametrize("scans", [4, 6, 10, 12])
@pytest.mark.parametrize("z", [13.5, 20.0, 47.5])
def test_a_constant_reads_z_plus_ten_log_n(scans: int, z: float):
    assert summed(*[z] * scans) == pytest.approx(z + 10 * math.log10(scans), abs=1e-3)


def test_one_strong_scan_is_its_own_sum():
    assert summed(50.0, *[NO_ECHO_DBZ] * 9) == pytest.approx(50.0, abs=1e-4)


def test_missing_scans_are_scaled_up_and_too_few_are_not_observed():
    assert summed(*[30.0] * 8, NAN, NAN) == pytest.approx(40.0, abs=1e-4)  # 8 of 10: as if ten
    assert math.isnan(summed(*[30.0] * 7, NAN, NAN, NAN))  # 7 of 10 is below 75 %
    assert summed(30.0, 30.0, 30.0, NAN) == pytest.approx(30.0 + 10 * math.log10(4), abs=1e-3)  # 3 of 4 is 75 %


def test_the_three_states_stay_apart():
    assert summed(*[13.4] * 10) == 0.0  # looked, nothing reached the floor
    assert summed(*[NO_ECHO_DBZ] * 10) == 0.0
    assert math.isnan(summed(*[NAN] * 10))


@given(st.lists(st.one_of(st.just(NAN), st.just(NO_ECHO_DBZ), st.floats(0.0, 70.0, width=32)), min_size=4, max_size=12))
def test_the_sum_is_that_of_a_plain_loop(scans: list[float]):
    total, count = hourly_sum(np.array(scans, "float32").reshape(-1, 1, 1))
    seen = [scan for scan in scans if not math.isnan(scan)]
    linear = sum(10 ** (scan / 10) for scan in seen if scan >= 13.5)
    assert int(count[0, 0]) == len(seen)
    if len(seen) < 0.75 * len(scans):
        assert math.isnan(total[0, 0])
    elif linear == 0:
        assert total[0, 0] == 0.0
    else:
        assert total[0, 0] == pytest.approx(10 * math.log10(linear * len(scans) / len(seen)), abs=1e-3)
