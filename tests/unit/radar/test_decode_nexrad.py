"""Level II volumes against Py-ART's own reading of them, gate by gate."""

import bz2
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyart
import pytest
import xarray as xr
from pyart.io.nexrad_level2 import NEXRADLevel2File
from pyart.testing import NEXRAD_ARCHIVE_MSG1_FILE, NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE, NEXRAD_ARCHIVE_MSG31_FILE

from stormcycle.radar.decode import decode_volume
from stormcycle.radar.volume import Unreadable
from stormcycle.states import NO_ECHO_DBZ


@cache
def pair(path: str) -> tuple[xr.Dataset, pyart.core.Radar]:
    """Our volume and Py-ART's; message 1 cuts of 1 km gates repeated, not interpolated, on its 250 m gates."""
    return decode_volume(Path(path), "nexrad", ("reflectivity", "zdr")), pyart.io.read_nexrad_archive(path, linear_interp=False)


@pytest.fixture(params=[NEXRAD_ARCHIVE_MSG1_FILE, NEXRAD_ARCHIVE_MSG31_FILE], ids=["message 1", "message 31"])
def both(request: pytest.FixtureRequest) -> tuple[xr.Dataset, pyart.core.Radar]:
    return pair(request.param)


def sweeps_of(radar: pyart.core.Radar) -> list[slice]:
    """Py-ART's sweeps that hold reflectivity, and polarisation where the other half of a split cut holds it: not the Doppler halves."""
    slices = [radar.get_slice(number) for number in range(radar.nsweeps)]
    polar = radar.fields["cross_correlation_ratio"]["data"] if "cross_correlation_ratio" in radar.fields else None
    judged = [radar.fixed_angle["data"][number] for number, rays in enumerate(slices) if polar is not None and polar[rays].count()]

    def wanted(number: int, rays: slice) -> bool:
        repeated = any(abs(radar.fixed_angle["data"][number] - angle) < 0.2 for angle in judged)
        return radar.fields["reflectivity"]["data"][rays].count() > 0 and (not repeated or polar[rays].count() > 0)

    return [rays for number, rays in enumerate(slices) if wanted(number, rays)]


def compared(both: tuple[xr.Dataset, pyart.core.Radar], ours: str, theirs: str):
    """Pairs (our values, their masked values) of a field, sweep by sweep, ray by azimuth, our gates in their finer ones."""
    volume, radar = both
    for number, rays in enumerate(sweeps_of(radar)):
        mine = np.flatnonzero(volume["sweep"].values == number)
        mine = mine[np.argsort(volume["azimuth"].values[mine])]
        order = np.argsort(radar.azimuth["data"][rays])
        centres = float(volume["first_gate_m"][number]) + float(volume["gate_m"][number]) * np.arange(int(volume["gates"][number]))
        gates = np.floor((centres - radar.range["data"][0]) / np.diff(radar.range["data"][:2])[0] + 0.5).astype(int)
        inside = gates < radar.ngates
        yield volume[ours].values[mine][:, : len(centres)][:, inside], radar.fields[theirs]["data"][rays][order][:, gates[inside]]


def test_every_echo_of_py_art_has_our_value_and_everything_else_is_no_echo(both):
    echoes = 0
    for ours, theirs in compared(both, "reflectivity", "reflectivity"):
        masked = np.ma.getmaskarray(theirs)
        np.testing.assert_allclose(ours[~masked], theirs.compressed(), atol=1e-4)
        assert set(np.unique(ours[masked & ~np.isnan(ours)])) <= {NO_ECHO_DBZ}
        echoes += int((~masked).sum())
    assert echoes > 1000


def raw_codes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (our reflectivity, raw codes by Py-ART's decoder) of the message 1 volume, sweep by sweep, as far as its gates reach."""
    volume, _ = pair(NEXRAD_ARCHIVE_MSG1_FILE)
    with bz2.open(NEXRAD_ARCHIVE_MSG1_FILE) as packed:
        file = NEXRADLevel2File(packed)
    scans = [(number, info["ngates"][info["moments"].index("REF")]) for number, info in enumerate(file.scan_info()) if "REF" in info["moments"]]
    for number, (scan, gates) in enumerate(scans):
        mine = np.flatnonzero(volume["sweep"].values == number)
        mine = mine[np.argsort(volume["azimuth"].values[mine])]
        raw = np.asarray(file.get_data("REF", gates, [scan], raw_data=True))[np.argsort(file.get_azimuth_angles([scan]))]
        yield volume["reflectivity"].values[mine], raw


def test_below_threshold_is_no_echo_and_range_folded_is_not_observed():
    for ours, raw in raw_codes():  # ICD 2620010: code 0 is below threshold, 1 range folded
        found = ours[:, : raw.shape[1]]
        assert (found[raw == 0] == NO_ECHO_DBZ).all()
        assert np.isnan(found[raw == 1]).all()
        assert not np.isnan(found[raw > 1]).any()


def test_beyond_the_last_gate_of_reflectivity_nothing_was_observed():
    for ours, raw in raw_codes():
        assert np.isnan(ours[:, raw.shape[1] :]).all()


def test_azimuths_elevations_and_sweeps_are_py_arts(both):
    volume, radar = both
    sweeps = sweeps_of(radar)
    assert volume.sizes["sweeps"] == len(sweeps)
    for number, rays in enumerate(sweeps):
        mine = volume["sweep"].values == number
        np.testing.assert_allclose(np.sort(volume["azimuth"].values[mine]), np.sort(radar.azimuth["data"][rays]), atol=1e-3)
        np.testing.assert_allclose(np.median(volume["elevation"].values[mine]), np.median(radar.elevation["data"][rays]), atol=0.05)


def test_the_volumes_time_is_py_arts(both):
    volume, radar = both
    assert volume.attrs["declared_time"] == radar.time["units"].removeprefix("seconds since ")
    last = np.datetime64(volume.attrs["declared_time"].removesuffix("Z")) + np.timedelta64(int(1000 * radar.time["data"][-1]), "ms")
    assert abs(volume["time"].values.max() - last) < np.timedelta64(1, "s")


def test_a_message_31_volume_tells_its_site_and_a_message_1_volume_none():
    volume, _ = pair(NEXRAD_ARCHIVE_MSG31_FILE)
    assert volume.attrs["site"] == "KATX"
    assert (volume.attrs["latitude"], volume.attrs["longitude"]) == pytest.approx((48.1947, -122.4957), abs=1e-3)
    old, _ = pair(NEXRAD_ARCHIVE_MSG1_FILE)
    assert np.isnan([old.attrs["latitude"], old.attrs["longitude"], old.attrs["altitude_m"]]).all()


def test_a_sector_of_a_volume_is_partial():
    volume = decode_volume(Path(NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE), "nexrad", ("reflectivity",))
    theirs = pyart.io.read_nexrad_archive(NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE).fields["reflectivity"]["data"]
    echo = volume["reflectivity"].values > NO_ECHO_DBZ
    assert (~np.ma.getmaskarray(theirs)).any(axis=1).sum() == echo.any(axis=1).sum()
    assert volume.attrs["state"] == "partial"
    assert any("120 of 7" in note for note in volume.attrs["notes"])  # a sector of 60 degrees


def test_where_xradar_cannot_read_py_art_does_and_the_volume_says_so(monkeypatch: pytest.MonkeyPatch):
    def refuses(path: Path, moments: object) -> None:
        raise KeyError("a message that xradar does not know")

    monkeypatch.setattr("stormcycle.radar.decode.read_nexrad", refuses)
    volume = decode_volume(Path(NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE), "nexrad", ("reflectivity",))
    theirs = pyart.io.read_nexrad_archive(NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE).fields["reflectivity"]["data"]
    assert volume.attrs["reader"] == "Py-ART"
    assert any("Py-ART" in note for note in volume.attrs["notes"])
    np.testing.assert_allclose(volume["reflectivity"].values, theirs.filled(NO_ECHO_DBZ), atol=1e-4)


def test_differential_reflectivity_has_values_only_where_py_art_has_them():
    for ours, theirs in compared(pair(NEXRAD_ARCHIVE_MSG31_FILE), "zdr", "differential_reflectivity"):
        assert np.isnan(ours[np.ma.getmaskarray(theirs)]).all()


@pytest.mark.parametrize(("ours", "theirs"), [("zdr", "differential_reflectivity"), ("rhohv", "cross_correlation_ratio"), ("phidp", "differential_phase")])
def test_each_dual_polarisation_moment_of_a_real_volume_is_py_arts(samples: Path, ours: str, theirs: str):
    path = samples / "radar/nexrad_l2/KDMX20220305_232324_trimmed3sweeps.bin"
    if not path.is_file():
        pytest.skip("The dual-polarisation volume is not among the samples.")
    volume, radar = decode_volume(path, "nexrad", ("reflectivity", ours)), pyart.io.read_nexrad_archive(str(path))
    values = 0
    for mine, field in compared((volume, radar), ours, theirs):
        echo = ~np.isnan(mine)
        assert not np.ma.getmaskarray(field)[echo].any()
        np.testing.assert_allclose(mine[echo], field.data[echo], atol=1e-4)
        values += int(echo.sum())
    found, reflectivity = volume[ours].values, volume["reflectivity"].values
    assert np.isnan(found[reflectivity == NO_ECHO_DBZ]).all()
    assert values > 100_000


@pytest.mark.parametrize("content", [b"", b"AR2V0006.001", b"AR2V0006.001" + bytes(3000), b"nonsense" * 100])
def test_what_neither_reader_can_read_is_unreadable_for_both_reasons(tmp_path: Path, content: bytes):
    (tmp_path / "KTLX20140101_000624_V06").write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        decode_volume(tmp_path / "KTLX20140101_000624_V06", "nexrad", ("reflectivity",))
    assert {"xradar", "Py-ART"} <= set(str(refused.value).replace(":", " ").split()) or "no sweep" in str(refused.value)


def test_a_real_volume_that_is_cut_is_partial_and_says_what_is_there(samples: Path):
    path = samples / "radar/nexrad_l2/KDMX20260101_154351_V06.truncated"
    if not path.is_file():
        pytest.skip("The truncated volume is not among the samples.")
    volume = decode_volume(path, "nexrad", ("reflectivity",))
    assert volume.attrs["state"] == "partial"
    assert any("of 12 elevation cuts" in note for note in volume.attrs["notes"])
    assert volume.sizes["ray"] > 0


def test_a_real_gzip_that_is_cut_is_unreadable(samples: Path):
    path = samples / "radar/nexrad_l2/KHTX20080411_181144.truncated.gz"
    if not path.is_file():
        pytest.skip("The truncated gzip is not among the samples.")
    with pytest.raises(Unreadable, match="cut or damaged"):
        decode_volume(path, "nexrad", ("reflectivity",))
