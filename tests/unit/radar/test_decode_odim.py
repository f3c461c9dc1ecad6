"""ODIM_H5 volumes against their raw codes: undetect and nodata stay apart, values are gain * raw + offset."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from stormcycle.radar.decode import decode_volume
from stormcycle.radar.volume import Unreadable, without_path
from stormcycle.states import NO_ECHO_DBZ


def codes(sweeps: int = 2, rays: int = 360, gates: int = 20) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (sweeps, rays, gates))


def test_every_code_becomes_what_the_format_says(odim):
    raw = codes()
    raw[0, 0, :4] = (0, 255, 1, 254)
    volume = decode_volume(odim(raw), "odim", ("reflectivity",))
    found, raw = volume["reflectivity"].values, raw.reshape(-1, raw.shape[-1])
    assert np.array_equal(np.isnan(found), raw == 255)
    assert (found[raw == 0] == NO_ECHO_DBZ).all()
    echo = (raw > 0) & (raw < 255)
    np.testing.assert_allclose(found[echo], 0.5 * raw[echo] - 32.0, atol=1e-5)


def test_geometry_site_and_times_are_the_files(odim):
    volume = decode_volume(odim(codes()), "odim", ("reflectivity",))
    assert (volume.attrs["site"], volume.attrs["state"], volume.attrs["notes"]) == ("selul", "ok", [])
    assert (volume.attrs["latitude"], volume.attrs["longitude"], volume.attrs["altitude_m"]) == (65.431, 21.865, 68.0)
    assert volume.attrs["declared_time"] == "2014-08-12T12:00:00Z"
    assert volume.attrs["first_ray_time"] == "2014-08-12T12:00:02Z"
    assert volume["first_gate_m"].values.tolist() == [1000.0, 1000.0]  # gates of 2 km: the first centre at 1 km
    assert volume["gate_m"].values.tolist() == [2000.0, 2000.0]
    np.testing.assert_allclose(np.sort(volume["azimuth"].values[:360]), np.arange(360) + 0.5, atol=1e-3)
    np.testing.assert_allclose(np.unique(volume["elevation"]), [0.5, 1.0])


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("WMO:02092,NOD:selul", "selul"),
        ("WMO:02092,RAD:SE41", "SE41"),
        ("WMO:02092", "02092"),
        ("NOD: ,PLC:Lulea", "Lulea"),
        ("RAD:66;PLC:Mt", "66"),
        ("nothing", "nothing"),
    ],
)
def test_the_site_is_the_best_identifier_of_the_source(odim, source: str, site: str):
    assert decode_volume(odim(codes(1), source=source), "odim", ("reflectivity",)).attrs["site"] == site


def test_a_time_that_is_none_leaves_the_sweeps_times(odim):
    volume = decode_volume(odim(codes(1), time="996099"), "odim", ("reflectivity",))
    assert (volume.attrs["declared_time"], volume.attrs["first_ray_time"]) == ("", "2014-08-12T12:00:02Z")


def test_where_nodata_and_undetect_are_one_code_the_volume_says_so(odim):
    volume = decode_volume(odim(codes(1) % 255, nodata=0), "odim", ("reflectivity",))
    assert any("cannot be told apart" in note for note in volume.attrs["notes"])
    assert not np.isnan(volume["reflectivity"].values).any()


def test_a_sweep_without_any_value_makes_the_volume_partial(odim):
    raw = codes()
    raw[1] = 255
    volume = decode_volume(odim(raw), "odim", ("reflectivity",))
    assert (volume.attrs["state"], volume.attrs["notes"]) == ("partial", ["Sweep 1 holds no value at all."])


def test_a_dry_sweep_is_whole(odim):
    volume = decode_volume(odim(np.zeros((1, 360, 20))), "odim", ("reflectivity",))
    assert volume.attrs["state"] == "ok"
    assert (volume["reflectivity"].values == NO_ECHO_DBZ).all()


def test_another_moment_is_unknown_where_there_is_no_echo(odim):
    raw, zdr = codes(1), np.full((1, 360, 20), 70)
    volume = decode_volume(odim(raw, ZDR=zdr), "odim", ("reflectivity", "zdr"))
    found, raw = volume["zdr"].values, raw[0]
    assert np.isnan(found[raw == 0]).all()
    np.testing.assert_allclose(found[(raw > 0) & (raw < 255)], 0.5 * 70 - 32.0, atol=1e-5)


def test_a_moment_that_the_file_lacks_is_not_observed(odim):
    assert np.isnan(decode_volume(odim(codes(1)), "odim", ("reflectivity", "kdp"))["kdp"].values).all()


def test_another_moments_own_undetect_is_unknown(odim):
    raw, zdr = np.full((1, 360, 20), 100), np.full((1, 360, 20), 70)
    zdr[0, :, :5] = 0
    volume = decode_volume(odim(raw, ZDR=zdr), "odim", ("reflectivity", "zdr"))
    assert np.isnan(volume["zdr"].values[:, :5]).all()


def test_a_volume_without_reflectivity_is_unreadable(odim):
    path = odim(codes(1))
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["quantity"] = np.bytes_(b"VRADH")
    with pytest.raises(Unreadable, match="no sweep with reflectivity"):
        decode_volume(path, "odim", ("reflectivity",))


def test_a_cut_volume_is_unreadable_for_both_reasons(odim):
    path = odim(codes())
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(Unreadable, match=r"xradar: .*; Py-ART: "):
        decode_volume(path, "odim", ("reflectivity",))


def test_a_real_volume_equals_its_raw_codes(samples: Path):
    path = samples / "radar/odim_h5/sweden_20140812T1200/seosu.h5"
    if not path.is_file():
        pytest.skip("The Swedish volumes are not among the samples.")
    volume = decode_volume(path, "odim", ("reflectivity",))
    assert (volume.attrs["site"], volume.attrs["declared_time"]) == ("seosu", "2014-08-12T12:00:00Z")
    with h5py.File(path) as file:
        for number in range(volume.sizes["sweeps"]):
            data = file[f"dataset{number + 1}/data1"]
            raw, what = data["data"][:], data["what"].attrs
            mine = np.flatnonzero(volume["sweep"].values == number)
            found = volume["reflectivity"].values[mine][:, : raw.shape[1]]
            order = np.argsort(volume["azimuth"].values[mine])
            undetect, nodata = raw == what["undetect"], raw == what["nodata"]
            assert np.array_equal(np.isnan(found[order]), nodata)
            assert np.array_equal(found[order] == NO_ECHO_DBZ, undetect)
            echo = ~undetect & ~nodata
            np.testing.assert_allclose(found[order][echo], what["gain"] * raw[echo] + what["offset"], atol=1e-4)


def test_what_a_reader_says_names_no_path_of_the_machine(tmp_path: Path):
    told = without_path(FileNotFoundError(2, "cannot open", str(tmp_path / "a.h5")), tmp_path / "a.h5")
    assert told == "FileNotFoundError: [Errno 2] cannot open: 'the file'"
