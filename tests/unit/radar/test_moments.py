"""Volumes that come as one file a moment: cut from simulated and real volumes, which are what the joined ones must be."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from house import SMALL
from moment_files import cut

from stormcycle.domain import parse_domain
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.moments import decode_moments
from stormcycle.simulator import Scan, observe
from stormcycle.simulator.writers.odim import volume_bytes
from stormcycle.times import parse_time

WANTED = ("reflectivity", "zdr", "kdp", "rhohv", "phidp")
QUANTITIES = {"z": "DBZH", "zdr": "ZDR", "rhohv": "RHOHV", "phidp": "PHIDP"}
SCAN = Scan(elevations_deg=(0.5, 1.5, 4.0), rays=90, gate_m=2000.0, range_m=100e3, duration_s=240)
Files = dict[str, Path]


def volume_at(folder: Path, clock: str, site: str = "simli") -> Path:
    path = folder / f"{site}{clock}.h5"
    path.write_bytes(volume_bytes(observe(parse_domain(SMALL, "small.yaml"), site, parse_time(f"2026-07-01T{clock[:2]}:{clock[2:]}Z"), 7, SCAN)))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("moments")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    return volume_at(folder, "1200")


@pytest.fixture(scope="module")
def files(folder: Path, whole: Path) -> Files:
    """The files of the moments of one volume, by CHMI's names for them."""
    return {name: cut(whole, folder, quantity) for name, quantity in QUANTITIES.items()}


def given(files: Files, *names: str) -> tuple[tuple[Path, str], ...]:
    return tuple((files[name], f"vol_{name}") for name in names or files)


def spoiled(path: Path) -> bytes:
    """The bytes of a file of which the packed values of one sweep are turned over."""
    with h5py.File(path, "r") as file:
        chunk = file["dataset2/data1/data"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 10 : chunk.byte_offset + chunk.size] = bytes(
        255 - byte for byte in content[chunk.byte_offset + 10 : chunk.byte_offset + chunk.size]
    )
    return bytes(content)


def assert_same_fields(found: xr.Dataset | None, expected: xr.Dataset, names: Sequence[str]) -> None:
    assert found is not None
    assert set(found.data_vars) == set(names)
    xr.testing.assert_equal(found, expected.drop_vars(set(expected.data_vars) - set(names)))


def test_the_moments_of_a_volume_make_the_volume_that_they_were_cut_from(files: Files, whole: Path):
    expected = decode_volume(whole, "odim", ("reflectivity", "zdr", "rhohv", "phidp"))
    for order in (("z", "zdr", "rhohv", "phidp"), ("phidp", "rhohv", "zdr", "z")):
        joined = decode_moments(given(files, *order), WANTED)
        assert (joined.carrier, joined.troubles) == ("vol_z", {})
        assert_same_fields(joined.volume, expected, ("reflectivity", "zdr", "rhohv", "phidp"))
        assert joined.volume is not None
        assert joined.volume.attrs == expected.attrs


def test_a_real_scan_cut_by_moment_is_put_together_again(samples: Path, tmp_path: Path):
    whole = samples / "radar/odim_h5/vendors/terrey_20.h5"
    if not whole.is_file():
        pytest.skip("The Australian scan is not among the samples.")
    names = ("reflectivity", "zdr", "rhohv", "phidp")
    parts = tuple((cut(whole, tmp_path, quantity), quantity) for quantity in ("PHIDP", "TH", "ZDR", "DBZH", "RHOHV"))
    joined = decode_moments(parts, names)
    assert (joined.carrier, joined.troubles) == ("DBZH", {})
    assert_same_fields(joined.volume, decode_volume(whole, "odim", names), names)


def test_reflectivity_that_was_not_filtered_stands_in_where_there_is_no_other(samples: Path, tmp_path: Path):
    whole = samples / "radar/odim_h5/vendors/terrey_20.h5"
    if not whole.is_file():
        pytest.skip("The Australian scan is not among the samples.")
    parts = tuple((cut(whole, tmp_path, quantity), quantity) for quantity in ("TH", "ZDR"))
    joined = decode_moments(parts, ("reflectivity", "zdr"))
    with h5py.File(parts[0][0]) as file:
        raw = file["dataset1/data1/data"][()]
    assert joined.carrier == "TH" and joined.volume is not None
    reflectivity = joined.volume["reflectivity"].values
    np.testing.assert_allclose(reflectivity[raw > 0], 0.5 * raw[raw > 0] - 32.0, atol=1e-5)


@pytest.mark.parametrize(("absent", "says"), [("zdr", "zdr"), ("rhohv", "rhohv"), ("phidp", "kdp|phidp")])
def test_a_moment_that_is_missing_leaves_a_partial_volume_without_it(files: Files, whole: Path, absent: str, says: str):
    joined = decode_moments(given(files, *(name for name in files if name != absent)), WANTED)
    left = [name for name in ("reflectivity", "zdr", "rhohv", "phidp") if name != absent]
    assert_same_fields(joined.volume, decode_volume(whole, "odim", WANTED), left)
    assert joined.volume is not None
    assert joined.volume.attrs["state"] == "partial"
    assert joined.volume.attrs["notes"] == [f"No file of the volume holds {name}." for name in says.split("|")]


def test_without_reflectivity_there_is_no_volume(files: Files, folder: Path):
    assert decode_moments(given(files, "zdr", "rhohv", "phidp"), WANTED) == decode_moments((), WANTED)
    cut_off = folder / "cut"
    cut_off.write_bytes(files["z"].read_bytes()[:3000])
    joined = decode_moments(((cut_off, "vol_z"), *given(files, "zdr")), WANTED)
    assert joined.volume is None
    assert {name: (str(state), says.split(":")[0]) for name, (state, says) in joined.troubles.items()} == {"vol_z": ("corrupt", "vol_z")}


def test_a_damaged_moment_costs_itself_alone(files: Files, whole: Path, folder: Path):
    expected = decode_volume(whole, "odim", ("reflectivity", "rhohv"))
    bad = {
        "cut": files["zdr"].read_bytes()[:4000],
        "empty": b"",
        "no HDF5": b"Not Found",
        "a packed chunk": spoiled(files["zdr"]),
    }
    for what, content in bad.items():
        path = folder / "bad"
        path.write_bytes(content)
        joined = decode_moments(((path, "vol_zdr"), *given(files, "z", "rhohv")), ("reflectivity", "zdr", "rhohv"))
        assert_same_fields(joined.volume, expected, ("reflectivity", "rhohv"))
        assert joined.volume is not None
        assert (joined.volume.attrs["state"], list(joined.troubles)) == ("partial", ["vol_zdr"]), what
        assert (str(joined.troubles["vol_zdr"][0]), joined.troubles["vol_zdr"][1].startswith("vol_zdr")) == ("corrupt", True), what


def test_a_moment_of_another_time_or_radar_or_given_twice_is_misplaced(files: Files, whole: Path, folder: Path):
    later = cut(volume_at(folder, "1205"), folder, "ZDR")
    elsewhere = cut(volume_at(folder, "1200", "simpa"), folder, "ZDR")
    twice = cut(whole, folder, "RHOHV")
    for path, says in ((later, "no sweep of the volume"), (elsewhere, "stands elsewhere"), (twice, "nothing new")):
        joined = decode_moments((*given(files, "z", "rhohv"), (path, "vol_zdr")), ("reflectivity", "zdr", "rhohv"))
        state, sentence = joined.troubles["vol_zdr"]
        assert (str(state), says in sentence) == ("misplaced", True)
        assert joined.volume is not None and "zdr" not in joined.volume


def test_a_vertical_scan_is_no_moment_of_a_volume(files: Files, samples: Path):
    path = next((samples / "radar/odim_h5/vendors").glob("seatv-RHIVol*"), None)
    if path is None:
        pytest.skip("The vertical scan is not among the samples.")
    joined = decode_moments((*given(files, "z"), (path, "vol_zdr")), ("reflectivity", "zdr"))
    assert str(joined.troubles["vol_zdr"][0]) == "misplaced" and "vertical scan" in joined.troubles["vol_zdr"][1]


def test_a_moment_without_one_of_the_sweeps_is_not_observed_there(files: Files, whole: Path, folder: Path):
    less = folder / "less"
    less.write_bytes(files["zdr"].read_bytes())
    with h5py.File(less, "r+") as file:
        del file["dataset2"]
    joined = decode_moments((*given(files, "z"), (less, "vol_zdr")), ("reflectivity", "zdr"))
    assert joined.volume is not None
    assert (joined.volume.attrs["state"], joined.volume.attrs["notes"]) == ("partial", ["vol_zdr holds 2 of the 3 sweeps of the volume."])
    expected = decode_volume(whole, "odim", ("reflectivity", "zdr"))["zdr"].values.copy()
    expected[joined.volume["sweep"].values == 1] = np.nan
    np.testing.assert_array_equal(joined.volume["zdr"].values, expected)
    assert np.isfinite(expected).any()
