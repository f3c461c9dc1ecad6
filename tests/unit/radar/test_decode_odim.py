"""ODIM_H5 volumes against their raw codes: undetect and nodata stay apart, values are gain * raw + offset."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from stormcycle.radar.decode import decode_volume
from stormcycle.radar.volume import Unreadable, WrongKind, without_path
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


def test_a_moment_that_the_file_lacks_is_not_in_the_volume(odim):
    assert set(decode_volume(odim(codes(1)), "odim", ("reflectivity", "kdp")).data_vars) == {"reflectivity"}


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


def mark(path: Path, group: str, value: object = np.bytes_(b"True")) -> None:
    """Mark a whole file or a dataset as malfunctioning."""
    with h5py.File(path, "a") as file:
        file.require_group(f"{group}/how").attrs["malfunc"] = value


def test_a_sweep_that_malfunctions_is_left_out_and_told_also_the_tenth(odim):
    raw = codes(sweeps=11, gates=5)
    path = odim(raw)
    mark(path, "dataset10")
    mark(path, "dataset2", "False")
    volume = decode_volume(path, "odim", ("reflectivity",))
    assert volume.attrs["state"] == "partial"
    assert volume.attrs["notes"] == ["The radar reports a malfunction (how/malfunc) in sweep 9, which is left out."]
    elevations = np.unique(volume["elevation"].values)
    np.testing.assert_allclose(elevations, [0.5 * number for number in range(1, 12) if number != 10])
    np.testing.assert_allclose(volume["reflectivity"].values[-1][raw[10, -1] % 255 > 0], 0.5 * raw[10, -1][raw[10, -1] % 255 > 0] - 32.0, atol=1e-5)


@pytest.mark.parametrize("groups", [("",), ("dataset1", "dataset2")])
def test_a_volume_that_malfunctions_as_a_whole_or_in_every_sweep_is_unreadable(odim, groups: tuple[str, ...]):
    path = odim(codes())
    for group in groups:
        mark(path, group)
    with pytest.raises(Unreadable, match=r"malfunction .* in every sweep"):
        decode_volume(path, "odim", ("reflectivity",))


def test_a_root_time_far_from_the_sweeps_gives_way_to_theirs(odim):
    volume = decode_volume(odim(codes(1), time="140000"), "odim", ("reflectivity",))
    assert (volume.attrs["declared_time"], volume.attrs["first_ray_time"]) == ("", "2014-08-12T12:00:02Z")
    (note,) = volume.attrs["notes"]
    assert note.startswith("The root time 2014-08-12T14:00:00Z is far from the sweeps' own, from 2014-08-12T12:00:02Z on")
    assert decode_volume(odim(codes(1), time="121000"), "odim", ("reflectivity",)).attrs["declared_time"] == "2014-08-12T12:10:00Z"


def test_a_sweep_with_fewer_rays_than_it_declares_is_partial(odim):
    path = odim(codes(2, rays=360))
    with h5py.File(path, "a") as file:
        raw = file["dataset2/data1/data"][::2]
        del file["dataset2/data1/data"]
        file["dataset2/data1/data"] = raw
        how = file.create_group("dataset2/how")  # the azimuths of the rays that there are
        how.attrs["startazA"], how.attrs["stopazA"] = np.arange(0.0, 360.0, 2.0), np.arange(1.0, 361.0, 2.0)
        how.attrs["elangles"] = np.full(180, 1.0)
        how.attrs["startazT"] = how.attrs["stopazT"] = np.full(180, 1407844802.0)
    volume = decode_volume(path, "odim", ("reflectivity",))
    assert (volume.attrs["state"], volume.attrs["notes"]) == ("partial", ["Sweep 1 has 180 of 360 rays."])
    assert (volume["sweep"].values == 1).sum() == 180


def test_sweeps_of_357_and_361_rays_are_whole(odim):
    for rays in (357, 361):
        volume = decode_volume(odim(codes(1, rays=rays)), "odim", ("reflectivity",))
        assert (volume.attrs["state"], volume.sizes["ray"]) == ("ok", rays)


@pytest.fixture
def real(samples: Path):
    """Decodes a real file of odim_h5/."""

    def decoded(name: str) -> xr.Dataset:
        path = samples / "radar/odim_h5" / name
        if not path.is_file():
            pytest.skip(f"{name} is not among the samples.")
        return decode_volume(path, "odim", ("reflectivity",))

    return decoded


def test_of_a_real_volume_with_one_malfunctioning_scan_nine_are_left(real):
    volume = real("quality_fault_2017/pvol_selek_20170113T153000Z__one_scan_malfunc.h5")
    assert (volume.attrs["state"], volume.attrs["site"], volume.sizes["sweeps"]) == ("partial", "selek", 9)
    assert 1.0 not in np.unique(volume["elevation"].values.round(2))  # the second scan
    assert any("malfunction (how/malfunc) in sweep 1" in note for note in volume.attrs["notes"])


@pytest.mark.parametrize("name", ["pvol_seovi_20170113T150000Z__volume_malfunc.h5", "pvol_sevil_20170113T140000Z__all_scans_malfunc.h5"])
def test_real_volumes_that_malfunction_are_unreadable(real, name: str):
    with pytest.raises(Unreadable, match="malfunction"):
        real(f"quality_fault_2017/{name}")


@pytest.mark.parametrize(("name", "first_ray"), [("terrey_20.h5", "2018-12-20T07:04:38Z"), ("terrey_21.h5", "2018-12-20T07:10:37Z")])
def test_real_scans_with_a_wrong_root_time_and_one_code_for_two_things_say_both(real, name: str, first_ray: str):
    volume = real(f"vendors/{name}")
    assert (volume.attrs["declared_time"], volume.attrs["first_ray_time"], volume.attrs["state"]) == ("", first_ray, "ok")
    wrong, alike = volume.attrs["notes"]
    assert wrong.startswith("The root time 2018-12-20T08:58:45Z is far")
    assert "cannot be told apart" in alike
    assert not np.isnan(volume["reflectivity"].values).any()


@pytest.mark.parametrize(
    ("name", "site", "sweeps"),
    [
        ("vendors/knmi_polar_volume.h5", "NL51", 14),  # attributes are arrays
        ("vendors/IDR66_20141206_094829.vol.h5", "AU66", 14),  # source separated by semicolons, no Conventions
        ("vendors/rix_volume.h5", "26422", 10),  # 361 rays
        ("vendors/scan_with_arrays.h5", "RU001", 1),
        ("vendors/plrze_pvol_20120205T0430Z.h5", "plrze", 10),
        ("vendors/pvol_seang_20090501T120000Z.h5", "SE50", 10),  # Latin-1
        ("vendors/T_PAGZ35_C_ENMI_20170421090837.hdf", "norst", 6),
    ],
)
def test_real_volumes_of_all_vendors_are_whole_with_their_site(real, name: str, site: str, sweeps: int):
    volume = real(name)
    assert (volume.attrs["state"], volume.attrs["site"], volume.sizes["sweeps"]) == ("ok", site, sweeps)


def test_what_a_reader_says_names_no_path_of_the_machine(tmp_path: Path):
    told = without_path(FileNotFoundError(2, "cannot open", str(tmp_path / "a.h5")), tmp_path / "a.h5")
    assert told == "FileNotFoundError: [Errno 2] cannot open: 'the file'"


def test_a_vertical_scan_is_of_the_wrong_kind(samples: Path):
    path = samples / "radar/odim_h5/vendors/seatv-RHIVol-20251215-085918-2621.h5"
    if not path.is_file():
        pytest.skip("The vertical scan is not among the samples.")
    with pytest.raises(WrongKind, match="vertical scan"):
        decode_volume(path, "odim", ("reflectivity",))
