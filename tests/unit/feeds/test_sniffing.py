"""What a file is, by its content; the name speaks only when the content says nothing."""

import bz2
import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest

from stormcycle.feeds import Sniffed, sniff

NEXRAD_NAME, ODIM_NAME = "KHTX20080411_181144.gz", "simli_pvol_20260701T125400Z.h5"


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def hdf5(path: Path, kind: object = None, dbz: tuple[int, ...] | None = None) -> Path:
    with h5py.File(path, "w") as file:
        if kind is not None:
            file.create_group("what").attrs["object"] = kind
        if dbz is not None:
            file["dbz"] = np.zeros(dbz, "float32")
            file["y"], file["x"] = np.arange(4), np.arange(4)
    return path


def what(path: Path) -> tuple[str, bool]:
    found = sniff(path)
    assert found.opens == (found.reason == "") or found.kind == "unknown"
    return found.kind, found.opens


@pytest.mark.parametrize("head", [b"AR2V0006.001", b"AR2V0003.500", b"ARCHIVE2.157"])
def test_level_2_volumes_are_known_by_their_magic_packed_or_not(tmp_path: Path, head: bytes):
    assert what(put(tmp_path, "readme.txt", head + bytes(100))) == ("nexrad", True)
    assert what(put(tmp_path, "photo.jpg", gzip.compress(head + bytes(100)))) == ("nexrad", True)


@pytest.mark.parametrize("kind", ["PVOL", "SCAN", np.bytes_(b"PVOL"), np.array([b"PVOL"]), np.bytes_(b"SCAN\0")])
def test_odim_volumes_and_scans_are_known_however_their_vendor_writes_text(tmp_path: Path, kind: object):
    assert what(hdf5(tmp_path / "anything.bin", kind)) == ("odim", True)


@pytest.mark.parametrize(("kind", "says"), [("ELEV", "RHI"), ("COMP", "composite"), ("IMAGE", "image"), ("XSEC", "another kind")])
def test_other_odim_objects_are_no_granules_of_ours(tmp_path: Path, kind: str, says: str):
    found = sniff(hdf5(tmp_path / ODIM_NAME, kind))
    assert (found.kind, found.opens) == ("unknown", True)
    assert says in found.reason


def test_a_packed_sequence_is_known_by_its_variable(tmp_path: Path):
    assert what(hdf5(tmp_path / "a", dbz=(2, 4, 4))) == ("sequence", True)
    assert what(hdf5(tmp_path / "b", dbz=(4, 4))) == ("unknown", True)
    assert what(hdf5(tmp_path / "c")) == ("unknown", True)


def test_an_empty_file_is_what_its_name_says_and_does_not_open(tmp_path: Path):
    assert what(put(tmp_path, NEXRAD_NAME, b"")) == ("nexrad", False)
    assert what(put(tmp_path, ODIM_NAME, b"")) == ("odim", False)
    assert sniff(put(tmp_path, "empty.txt", b"")) == Sniffed("unknown", "The file is empty.", recognised=False)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_text_is_unknown_unless_it_is_named_like_a_volume(tmp_path: Path, pack):
    text = pack(b"Not Found: the requested key does not exist.")
    assert what(put(tmp_path, "notes.txt", text)) == ("unknown", True)
    assert what(put(tmp_path, NEXRAD_NAME, text)) == ("nexrad", False)


@pytest.mark.parametrize("length", [2, 3, 10, 12])
def test_a_gzip_cut_in_its_head_does_not_open(tmp_path: Path, length: int):
    cut = gzip.compress(b"AR2V0006.001" + bytes(100))[:length]
    assert what(put(tmp_path, NEXRAD_NAME, cut)) == ("nexrad", False)
    assert what(put(tmp_path, "x.gz", cut)) == ("unknown", True)


def test_a_damaged_gzip_does_not_open(tmp_path: Path):
    content = bytearray(gzip.compress(bytes(range(256)) * 8))
    content[10:30] = b"\xff" * 20
    assert what(put(tmp_path, NEXRAD_NAME, bytes(content))) == ("nexrad", False)


def test_hdf5_that_is_cut_is_a_broken_odim_volume(tmp_path: Path):
    whole = hdf5(tmp_path / "whole.h5", "PVOL").read_bytes()
    assert what(put(tmp_path, "cut.h5", whole[: len(whole) // 2])) == ("odim", False)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        sniff(tmp_path / "none")


def test_real_files_are_what_they_are(samples: Path):
    radar = samples / "radar"
    expected = {
        "odim_h5/vendors/seatv-RHIVol-20251215-085918-2621.h5": ("unknown", True),
        "odim_h5/vendors/knmi_polar_volume.h5": ("odim", True),
        "odim_h5/vendors/scan_with_arrays.h5": ("odim", True),
        "odim_h5/france_scans_20230420/T_PAZA63_C_LFPW_20230420065041.h5": ("odim", True),
        "nexrad_l2/KHTX20080411_181144.gz": ("nexrad", True),
        "nexrad_l2/KDMX20260101_154351_V06": ("nexrad", True),
        "nju_cpol/nju_cpol_004_3.0km.nc": ("sequence", True),
        "dwd_radolan/RQ2210180700_000.gz": ("unknown", True),
        "MANIFEST.md": ("unknown", True),
    }
    for name, kind in expected.items():
        if (radar / name).is_file():
            assert what(radar / name) == kind, name


def test_other_compressions_are_no_feeds_of_ours(tmp_path: Path):
    assert what(put(tmp_path, "x.bz2", bz2.compress(b"text"))) == ("unknown", True)
