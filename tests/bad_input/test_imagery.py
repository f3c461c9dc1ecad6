"""Scans that are cut, empty, of something else than their names say, or of another place."""

import bz2
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from bad_input.spoiling import truncate
from imagery import OKLAHOMA, WEST_AFRICA, Files, abi, hrit, place_in, renamed, spoiled, square, unpacked

from stormcycle.feeds import ReadFailure, read_each
from stormcycle.satellite import OutsideDisk, Unreadable, WrongKind, read_image
from stormcycle.satellite import files as scan_files

AREA, DISK = square(OKLAHOMA, 32, 4000.0), square(WEST_AFRICA, 48, 20000.0)
HRIT = "seviri_l1b_hrit"


def only(files: Files, *words: str) -> Files:
    return tuple((path, name) for path, name in files if any(word in name for word in words))


def test_in_a_child_process_each_bad_file_is_a_sentence_and_the_good_one_is_read(samples: Path, tmp_path: Path) -> None:
    good = abi(samples, "C10")
    cut = ((Path(shutil.copyfile(good[0][0], tmp_path / "cut")), good[0][1]),)
    truncate(cut[0][0])
    wrong = ((good[0][0], renamed(good[0][1], "C10", "C13")),)
    arguments = [(files, "abi_l1b", channel, AREA, tmp_path / "kept") for files, channel in ((cut, "C10"), (wrong, "C13"), (good, "C10"))]
    one, two, three = read_each(read_image, arguments, workers=1)
    assert isinstance(one, ReadFailure)
    assert isinstance(two, ReadFailure)
    assert not isinstance(three, ReadFailure)
    assert (one.error, two.error) == ("Unreadable", "WrongKind")
    assert one.reason.startswith(f"{good[0][1]} is cut or damaged; HDF5 cannot open it: ")
    assert two.reason == f"{wrong[0][1]} is by its content of the channel C10, not C13 as its name says."
    for reason in (one.reason, two.reason):
        assert str(tmp_path) not in reason
    assert three.attrs["state"] == "ok"


@pytest.mark.parametrize("content", [b"", b"We are down for maintenance.\n", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_what_is_no_netcdf_at_all_cannot_be_read(samples: Path, tmp_path: Path, content: bytes) -> None:
    path, name = tmp_path / "file", abi(samples, "C10")[0][1]
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="is cut or damaged") as error:
        read_image(((path, name),), "abi_l1b", "C10", AREA, tmp_path)
    assert str(tmp_path) not in str(error.value)


def test_damaged_pixels_inside_a_file_that_opens_are_a_sentence(samples: Path, tmp_path: Path) -> None:
    files = spoiled(abi(samples, "C10"), tmp_path, lambda _: None)
    with h5py.File(files[0][0]) as file:
        chunks = [file["Rad"].id.get_chunk_info(number) for number in range(file["Rad"].id.get_num_chunks())]
    with files[0][0].open("r+b") as file:
        for chunk in chunks:
            file.seek(chunk.byte_offset)
            file.write(bytes(64))
    with pytest.raises(Unreadable, match="cannot be read by abi_l1b: ") as error:
        read_image(files, "abi_l1b", "C10", AREA, tmp_path)
    assert "/tmp" not in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "text", "sentence"),
    [
        ("C10", "C13", "of the channel C10, not C13"),
        ("_G16_", "_G18_", "of the satellite G16, not G18"),
        ("RadC", "RadF", "of the scene C, not F"),
        ("RadC", "RadM1", "of the scene C, not M1"),
        ("M6", "M3", "of the mode 6, not 3"),
        ("s2022275110117", "s2022275110617", "of the start 2022-10-02T11:01:17Z, not 2022-10-02T11:06:17Z"),
        ("L1b-RadC", "L2-CMIPC", "of the product L1b-Rad, not L2-CMIP"),
        ("M6", "M5", "is no name of an ABI"),
    ],
)
def test_a_scan_of_something_else_under_a_right_name_is_of_the_wrong_kind(samples: Path, tmp_path: Path, pattern: str, text: str, sentence: str) -> None:
    ((path, name),) = abi(samples, "C10")
    false = renamed(name, pattern, text)
    with pytest.raises(WrongKind, match=sentence):
        read_image(((path, false),), "abi_l1b", false[false.index("C1") :][:3], AREA, tmp_path)


def test_the_other_mesoscale_sector_and_another_channel_than_is_wanted_are_of_the_wrong_kind(samples: Path, tmp_path: Path) -> None:
    ((path, name),) = abi(samples, "L1b-RadM1-M3C01")
    with pytest.raises(WrongKind, match="of the scene M1, not M2"):
        read_image(((path, name.replace("RadM1", "RadM2")),), "abi_l1b", "C01", AREA, tmp_path)
    with pytest.raises(WrongKind, match="of the channel C01, where C02 is wanted"):
        read_image(((path, name),), "abi_l1b", "C02", AREA, tmp_path)


def test_a_scan_of_nothing_but_fill_is_a_sentence(samples: Path, tmp_path: Path) -> None:
    def spoil(file: h5py.File) -> None:
        file["Rad"][...], file["DQF"][...] = 4095, -1

    with pytest.raises(Unreadable, match="has no value on any of the 1024 pixels that it covers"):
        read_image(spoiled(abi(samples, "C10"), tmp_path, spoil), "abi_l1b", "C10", AREA, tmp_path)


def test_a_scan_that_lost_a_part_is_partial_and_says_how_much(samples: Path, tmp_path: Path) -> None:
    def spoil(file: h5py.File) -> None:
        column = round(place_in(file, *OKLAHOMA)[1])
        file["Rad"][:, :column], file["DQF"][:, :column] = 4095, 3

    area = square(OKLAHOMA, 64, 10000.0)
    found = read_image(spoiled(abi(samples, "C10"), tmp_path, spoil), "abi_l1b", "C10", area, tmp_path)
    missing = int(np.isnan(found["brightness_temperature"].values).sum())
    assert 0 < missing < 64 * 64
    assert found.attrs["state"] == "partial"
    assert found.attrs["notes"] == [f"{missing} of 4096 pixels have no value."]
    assert found.attrs["inside_share"] == 1.0
    assert found.attrs["valid_share"] == pytest.approx(1.0 - missing / 4096, abs=1e-6)


@pytest.mark.parametrize(
    ("place", "error", "sentence"),
    [((10.0, 50.0), OutsideDisk, "sees nothing of square"), ((-60.0, -30.0), WrongKind, "sector lies elsewhere")],
)
def test_an_area_that_is_not_seen_is_told_from_one_that_was_not_scanned(
    samples: Path, tmp_path: Path, place: tuple[float, float], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        read_image(abi(samples, "C10"), "abi_l1b", "C10", square(place, 16, 2000.0), tmp_path)


def test_a_cut_segment_is_a_gap_and_cut_alone_it_is_a_sentence(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_files, "MAX_UNPACKED_BYTES", 4 * 2**20)
    files = unpacked(hrit(samples, "IR_108", "202009060000"), tmp_path)
    assert read_image(files, HRIT, "IR_108", DISK, tmp_path / "kept").attrs["state"] == "ok"
    ((path, name),) = only(files, "000006")
    whole = path.read_bytes()
    for spoilt, packed, reason in (
        (whole[:1_000_000], "", "it has 1000000 of 2159158 bytes"),
        (b"404 not found", "", "it has 13 bytes"),
        (b"404 not found", ".bz2", "its compressed stream is cut or damaged"),
        (bz2.compress(whole[:100_000], 1)[:20_000], ".bz2", "its compressed stream is cut or damaged"),
        (bz2.compress(bytes(5 * 2**20), 1), ".bz2", "it unpacks to more than"),
    ):
        path.write_bytes(spoilt)
        found = read_image((*only(files, "000005", "PRO", "EPI"), (path, name + packed)), HRIT, "IR_108", DISK, tmp_path / "kept")
        assert found.attrs["state"] == "partial"
        assert found.attrs["notes"][0] == "Segment 6 of IR_108 is missing: that part of the area has no value."
        assert found.attrs["notes"][1].startswith(f"{name} is left out: {reason}"), found.attrs["notes"]
        assert 0.1 < found.attrs["valid_share"] < 0.9
    with pytest.raises(Unreadable, match="No segment of IR_108 is there"):
        read_image(only(files, "PRO", "EPI"), HRIT, "IR_108", DISK, tmp_path / "kept")


def test_without_prologue_or_epilogue_nothing_can_be_calibrated(samples: Path, tmp_path: Path) -> None:
    files = unpacked(hrit(samples, "WV_062", "202009060015"), tmp_path)
    for part, title in (("PRO", "prologue"), ("EPI", "epilogue")):
        with pytest.raises(Unreadable, match=f"The {title} of the scan is missing"):
            read_image(tuple(file for file in files if part not in file[1]), HRIT, "WV_062", DISK, tmp_path)
    ((prologue, _),) = only(files, "PRO")
    truncate(prologue)
    with pytest.raises(Unreadable, match="The prologue of the scan is missing or damaged"):
        read_image(files, HRIT, "WV_062", DISK, tmp_path)


def test_segments_of_something_else_are_of_the_wrong_kind(samples: Path, tmp_path: Path) -> None:
    night = unpacked(hrit(samples, "IR_108", "202009060000"), tmp_path)
    ((path, name),) = only(night, "000005")
    with pytest.raises(WrongKind, match="The files are of 2 scans"):
        read_image((*night, (path, name.replace("202009060000", "202009060015"))), HRIT, "IR_108", DISK, tmp_path)
    with pytest.raises(WrongKind, match="The files hold IR_108, where WV_062 is wanted"):
        read_image(night, HRIT, "WV_062", DISK, tmp_path)
    with pytest.raises(WrongKind, match="is by its content H-000-MSG4__-MSG4________-IR_108___-000005"):
        read_image(((path, name.replace("000005", "000004")), *only(night, "PRO", "EPI")), HRIT, "IR_108", DISK, tmp_path)
    with pytest.raises(WrongKind, match="is no name of an HRIT file"):
        read_image(((path, "IR_108.hrit"), *only(night, "PRO", "EPI")), HRIT, "IR_108", DISK, tmp_path)


def test_a_name_that_is_a_path_is_refused(samples: Path, tmp_path: Path) -> None:
    ((path, name),) = abi(samples, "C10")
    with pytest.raises(Unreadable, match="is no file name"):
        read_image(((path, f"../{name}"),), "abi_l1b", "C10", AREA, tmp_path)
