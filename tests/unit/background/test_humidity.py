"""Humidity against tables, and against what models give of both."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.background.fields import read_fields, read_values
from stormcycle.background.humidity import EPSILON, clipped, humidity_of_dew_point, humidity_of_specific, saturation_pressure

GOFF_GRATCH_HPA = {-30: 0.5088, -20: 1.2540, -10: 2.8627, 0: 6.1078, 10: 12.272, 20: 23.373, 30: 42.430, 40: 73.777}
"""Over water, Smithsonian Meteorological Tables (1951), table 94."""


@pytest.mark.parametrize(("celsius", "pressure_hpa"), GOFF_GRATCH_HPA.items())
def test_saturation_is_that_of_the_smithsonian_tables(celsius: float, pressure_hpa: float):
    assert saturation_pressure(np.array(celsius + 273.15)) == pytest.approx(100 * pressure_hpa, rel=6e-3)


@given(st.floats(230.0, 310.0), st.floats(0.05, 1.0), st.floats(60000.0, 105000.0))
def test_dew_point_and_specific_humidity_say_the_same(temperature: float, share: float, pressure: float):
    vapour = share * saturation_pressure(np.array(temperature))
    specific = EPSILON * vapour / (pressure - (1.0 - EPSILON) * vapour)
    logarithm = np.log(vapour / 611.2)
    dew_point = 273.15 + 243.12 * logarithm / (17.62 - logarithm)
    assert humidity_of_specific(specific, np.array(temperature), pressure) == pytest.approx(100.0 * share, rel=1e-9)
    assert humidity_of_dew_point(dew_point, np.array(temperature)) == pytest.approx(100.0 * share, rel=1e-9)


def test_humidity_is_cut_at_0_and_100_and_absent_where_it_is_absent():
    np.testing.assert_array_equal(clipped(np.array([-1.0, 50.0, 104.0, np.nan])), [0.0, 50.0, 100.0, np.nan])


def two_metres(path: Path, time: str | None = None) -> dict[str, np.ndarray]:
    contents = read_fields(path, path.name)
    wanted = [field for field in contents.fields if str(field.parameter).endswith((" 2 m", "sp")) and time in (None, str(field.valid_time))]
    return {str(field.parameter): values for field, values in read_values(path, path.name, wanted)}


def test_specific_humidity_gives_gfs_own_humidity_where_no_ice_is_meant(samples: Path):
    found = two_metres(samples / "nwp/gfs.t12z.pgrbf120.2p5deg.grib2")
    made = humidity_of_specific(found["q at 2 m"], found["t at 2 m"], found["sp"])
    off = np.abs(made - found["r at 2 m"])[found["t at 2 m"] > 273.15]
    assert off.size > 5000
    assert np.percentile(off, 99) < 0.5
    assert off.max() < 2.0


def test_the_dew_point_gives_arpeges_own_humidity(samples: Path):
    found = two_metres(samples / "nwp/arpege_2m_SE_20180501000000.grib", "2018-05-01T12:00:00")
    off = np.abs(humidity_of_dew_point(found["td at 2 m"], found["t at 2 m"]) - found["r at 2 m"])
    assert np.percentile(off, 50) < 0.5
    assert off.max() < 3.0
