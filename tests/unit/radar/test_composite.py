"""RADOLAN composites against their raw bytes, as the format's description has them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.feeds.sniffing import sniff
from stormcycle.radar.composite import read_radolan
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.volume import Unreadable, WrongKind
from stormcycle.states import NO_ECHO_DBZ

ROWS, COLUMNS = 900, 900


@pytest.fixture
def composite(samples: Path) -> Callable[[str], Path]:
    """The real composite of a product."""

    def found(product: str) -> Path:
        path = samples / f"radar/dwd_radolan/raa01-{product.lower()}_10000-1408102050-dwd---bin.gz"
        if not path.is_file():
            pytest.skip("The RADOLAN composites are not among the samples.")
        return path

    return found


def values_after_head(path: Path, dtype: str) -> np.ndarray:
    """The raw values (y, x) after the head, which ends with ETX; the first row lies in the south."""
    content = gzip.decompress(path.read_bytes())
    return np.frombuffer(content[content.index(b"\x03") + 1 :], dtype).reshape(ROWS, COLUMNS)


def test_reflectivity_is_half_the_byte_less_32_5(composite):
    raw, found = values_after_head(composite("RX"), "u1"), read_radolan(composite("RX"))
    values = found["reflectivity"].values
    assert np.array_equal(np.isnan(values), raw == 250)
    assert (values[raw == 0] == NO_ECHO_DBZ).all()
    echo = (raw > 0) & (raw < 249)
    np.testing.assert_allclose(values[echo], raw[echo] / 2.0 - 32.5, atol=1e-5)
    assert echo.sum() > 10000
    assert (found["reflectivity"].attrs["units"], found.attrs["time"], found.attrs["minutes"]) == ("dBZ", "2014-08-10T20:50:00Z", 5)


@pytest.mark.parametrize(("product", "factor", "minutes"), [("RY", 0.01, 5), ("RW", 0.1, 60)])
def test_amounts_are_the_twelve_low_bits_times_the_precision(composite, product: str, factor: float, minutes: int):
    raw, found = values_after_head(composite(product), "<u2"), read_radolan(composite(product))
    values, missing = found["rain_amount"].values, (raw & 0x2000) > 0
    assert np.array_equal(np.isnan(values), missing)
    np.testing.assert_allclose(values[~missing], (raw[~missing] & 0xFFF) * factor, atol=1e-5)
    assert (found["rain_amount"].attrs["units"], found.attrs["minutes"], found.attrs["product"]) == ("mm", minutes, product)


def test_pixels_are_a_kilometre_apart_and_rows_run_north(composite):
    found = read_radolan(composite("RX"))
    assert found["reflectivity"].dims == ("y", "x")
    np.testing.assert_allclose(np.diff(found["x"]), 1000.0, atol=1e-6)
    np.testing.assert_allclose(np.diff(found["y"]), 1000.0, atol=1e-6)


def test_clutter_is_no_echo_of_92_dbz(composite, tmp_path: Path):
    content = bytearray(gzip.decompress(composite("RX").read_bytes()))
    content[content.index(b"\x03") + 1 + 450 * COLUMNS + 450] = 249
    (tmp_path / "raa01-rx_10000-1408102050-dwd---bin").write_bytes(content)
    assert not read_radolan(tmp_path / "raa01-rx_10000-1408102050-dwd---bin")["reflectivity"].values[450, 450] > NO_ECHO_DBZ


def test_a_cut_composite_is_unreadable(composite, tmp_path: Path):
    content = gzip.decompress(composite("RW").read_bytes())
    (tmp_path / "cut.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(Unreadable, match="wradlib: "):
        read_radolan(tmp_path / "cut.bin")
    (tmp_path / "cut.gz").write_bytes(composite("RW").read_bytes()[:5000])
    with pytest.raises(Unreadable, match="cut or damaged"):
        read_radolan(tmp_path / "cut.gz")


@pytest.mark.parametrize("lead", [0, 60, 120])
def test_a_forecast_is_told_with_its_lead_and_refused_as_observation_of_any_kind(samples: Path, lead: int):
    path = samples / f"radar/dwd_radolan/RQ2210180700_{lead:03d}.gz"
    if not path.is_file():
        pytest.skip("The RADVOR forecasts are not among the samples.")
    sniffed = sniff(path)
    assert (sniffed.kind, sniffed.opens) == ("unknown", True)
    assert f"RQ composite, of a forecast (lead {lead} minutes)" in sniffed.reason
    with pytest.raises(WrongKind, match="RQ"):
        read_radolan(path)
    with pytest.raises(WrongKind, match=f"lead {lead} minutes"):
        decode_volume(path, "odim", ("reflectivity",))


def test_the_sweeps_of_the_hourly_archive_are_not_taken_for_composites(samples: Path):
    path = samples / "radar/dwd_radolan/dwd_rw_20221018.nc"
    if not path.is_file():
        pytest.skip("The hourly amounts are not among the samples.")
    with xr.open_dataset(path, engine="h5netcdf") as file:
        assert "time" in file.dims
    assert sniff(path).kind == "sequence"
    with pytest.raises(Unreadable):
        read_radolan(path)
