"""`inspect`: what a file is, by its content, and how good it is."""

import bz2
import gzip
from pathlib import Path

import pytest
from bad_input.spoiling import gzip_bomb, truncate
from cycle.command_line import stormcycle
from house import House

from stormcycle.inspection import EXIT_CODES, Inspection, inspect_file


def inspected(path: Path) -> tuple[int, Inspection]:
    found = inspect_file(path)
    assert found.notes or found.state in ("ok", "partial")
    return EXIT_CODES[found.state], found


@pytest.fixture
def volume(house: House) -> Path:
    """A good simulated volume."""
    return house.granule("simli", "123000")


@pytest.fixture(scope="session")
def nexrad() -> bytes:
    """The small real NEXRAD volume that Py-ART ships."""
    import pyart.testing

    return Path(pyart.testing.NEXRAD_ARCHIVE_MSG31_COMPRESSED_FILE).read_bytes()


def test_a_good_volume_is_told_with_its_figures_as_one_document(volume: Path) -> None:
    said = stormcycle("inspect", str(volume), "--json")
    assert said.code == 0
    found = said.document
    assert (found["kind"], found["state"], found["time"]) == ("odim", "ok", "2026-07-01T12:30:00Z")
    assert (found["figures"]["site"], found["figures"]["sweeps"], found["figures"]["rays"]) == ("simli", 2, 720)
    assert {"reflectivity", "zdr"} <= set(found["figures"]["moments"])
    plain = stormcycle("inspect", str(volume))
    assert plain.code == 0
    assert "ok" in plain.out


def test_content_decides_and_the_name_only_where_there_is_no_content(volume: Path, tmp_path: Path) -> None:
    truncate(volume)
    assert inspected(volume)[0] == 3
    files = {
        "simli_pvol_20260701T123600Z.h5": (b"", 3),
        "KHTX20080411_181144.gz": (b"Not a radar volume at all.\n", 3),
        "KHTX20080411_181143_V06": (b"", 3),
        "nothing.dat": (b"", 5),
        "letter.txt": (b"Dear radar, where have you been?\n", 5),
        "letter.h5": (b"Dear radar, where have you been?\n", 3),
        "letter.gz": (gzip.compress(b"Dear radar, where have you been?\n"), 5),
        "noise.bin": (bytes(range(256)) * 64, 5),
    }
    found = {}
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
        found[name] = inspected(tmp_path / name)[0]
    assert found == {name: code for name, (_, code) in files.items()}


def test_a_good_file_under_a_wrong_extension_is_good(volume: Path, nexrad: bytes, tmp_path: Path) -> None:
    for name, content, kind in [
        ("holiday.jpg", volume.read_bytes(), "odim"),
        ("notes.txt", nexrad, "nexrad"),
        ("KHTX20080411_181144.h5", gzip.compress(nexrad), "nexrad"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        code, found = inspected(path)
        assert (code, found.kind) == (0, kind), name


def test_a_volume_packed_by_bzip2_is_looked_into_as_one_packed_by_gzip(nexrad: bytes, tmp_path: Path) -> None:
    path = tmp_path / "KATX20130717_195021.bz2"
    path.write_bytes(bz2.compress(nexrad))
    code, found = inspected(path)
    assert (code, found.kind) == (0, "nexrad")


def test_hdf5_of_another_kind_is_not_a_granule(volume: Path, tmp_path: Path) -> None:
    import h5py
    import numpy as np

    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["numbers"] = np.arange(10)
    with h5py.File(volume, "r+") as file:
        file["what"].attrs.modify("object", np.bytes_("ELEV"))
    for path in (tmp_path / "table.h5", volume):
        assert inspected(path)[0] == 5
    said = stormcycle("inspect", str(volume))
    assert said.code == 5
    assert "vertical scan" in said.out


def test_a_volume_without_its_data_is_corrupt_and_never_a_crash(volume: Path) -> None:
    import h5py

    with h5py.File(volume, "r+") as file:
        for name in [name for name in file if name.startswith("dataset")]:
            del file[name]
    assert inspected(volume)[0] == 3


def test_a_compressed_file_that_unpacks_without_end_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "KHTX20080411_181144.gz"
    gzip_bomb(path, 300 * 2**20)
    code, found = inspected(path)
    assert code == 3
    assert "unpacks to more than" in found.notes[0]


@pytest.mark.parametrize("name", ["nowhere.h5", "now[/here].h5", "."])
def test_a_file_that_does_not_exist_is_answered_in_a_sentence(house: House, name: str) -> None:
    said = stormcycle("inspect", name, "--json")
    assert (said.code, said.out) == (1, "")
    assert f"There is no file {name}." in said.err
