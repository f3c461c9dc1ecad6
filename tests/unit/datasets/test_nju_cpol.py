"""The paper's layout: a real packed sequence written in it comes back as it was; what is not in the layout is an error in a sentence."""

import io
import pickle
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.datasets import read_sequence
from stormcycle.datasets.nju_cpol import nju_cpol_sequences, read_nju_cpol
from stormcycle.datasets.runs import unbroken_runs

FOLDERS = {"reflectivity": "dBZ", "zdr": "ZDR", "kdp": "KDP"}


def write(folder: Path, fields: dict[str, np.ndarray], numbers: list[int] | None = None, sequence: int = 1, height: str = "3.0km") -> Path:
    for variable, values in fields.items():
        place = folder / FOLDERS[variable] / height / f"data_dir_{sequence:03d}"
        place.mkdir(parents=True)
        for number, frame in zip(numbers or range(len(values)), values, strict=True):
            np.save(place / f"frame_{number:03d}.npy", frame.astype("float32"))
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Twenty frames of which each says its own number, so that order shows."""
    levels = np.ones((20, 256, 256)) * np.arange(20.0)[:, None, None]
    return write(tmp_path, {"reflectivity": levels, "zdr": levels / 10, "kdp": levels / 100})


def frame(folder: Path, number: int = 4, variable: str = "ZDR") -> Path:
    return folder / variable / "3.0km/data_dir_001" / f"frame_{number:03d}.npy"


def test_a_real_sequence_in_the_papers_layout_is_the_packed_one(samples: Path, tmp_path: Path):
    packed = read_sequence(samples / "radar/nju_cpol/nju_cpol_001_3.0km.nc")
    folder = write(tmp_path, {name: packed[name].values for name in FOLDERS})
    found = read_nju_cpol(folder, 1, 3.0)
    assert set(found.data_vars) == set(FOLDERS)
    for name in FOLDERS:
        np.testing.assert_array_equal(found[name].values, packed[name].values.astype("float32"))
        assert (found[name].dims, found[name].dtype, found[name].attrs["units"]) == (packed[name].dims, "float64", packed[name].attrs["units"])
    assert set(found.attrs) == set(packed.attrs)
    for key in ("step_minutes", "conversion", "selection"):
        assert found.attrs[key] == packed.attrs[key]


def test_frames_come_in_the_order_of_their_numbers_each_variable_in_its_units(made: Path):
    found = read_nju_cpol(made, 1, 3.0)
    assert found["reflectivity"][:, 7, 9].values.tolist() == list(range(20))
    np.testing.assert_allclose(found["kdp"][:, 7, 9].values * 100, np.arange(20), rtol=1e-6)
    assert found["reflectivity"].dtype == "float64"


def test_what_is_there_is_listed(made: Path):
    write(made, {"reflectivity": np.zeros((1, 4, 4))}, sequence=12, height="1.0km")
    (made / "dBZ/3.0km/notes").mkdir()
    (made / "dBZ/raw/data_dir_004").mkdir(parents=True)
    assert nju_cpol_sequences(made) == [(1, 3.0), (12, 1.0)]


def test_a_folder_of_something_else_is_said_to_be_so(tmp_path: Path):
    with pytest.raises(ValueError, match="not in the layout of NJU-CPOL"):
        nju_cpol_sequences(tmp_path)


def test_numbers_with_gaps_are_cut_to_their_longest_unbroken_run(tmp_path: Path):
    numbers = [0, 1, 2, *range(5, 27), *range(40, 50)]
    values = np.ones((35, 256, 256)) * np.array(numbers, float)[:, None, None]
    found = read_nju_cpol(write(tmp_path, dict.fromkeys(FOLDERS, values), numbers), 1, 3.0)
    assert found["zdr"][:, 0, 0].values.tolist() == list(range(5, 27))
    assert found.attrs["selection"] == "frames 5 to 26 of 35"


def test_runs_hold_every_place_once_and_never_reach_over_a_gap(rng: np.random.Generator):
    for _ in range(50):
        places = np.cumsum(rng.choice([3, 3, 3, 6, 9], rng.integers(1, 30)))
        runs = unbroken_runs(places, 3)
        assert [index for run in runs for index in range(run.start, run.stop)] == list(range(len(places)))
        assert all((np.diff(places[run]) == 3).all() for run in runs)
        assert all(places[after.start] - places[before.stop - 1] != 3 for before, after in pairwise(runs))
    assert unbroken_runs(np.array([], int), 3) == []


def test_fewer_frames_than_a_window_are_refused(tmp_path: Path):
    write(tmp_path, dict.fromkeys(FOLDERS, np.zeros((25, 256, 256))), [*range(12), *range(20, 33)])
    with pytest.raises(ValueError, match=r"001 at 3.0 km has 13 frames in its longest run without a gap \(25 in all\)"):
        read_nju_cpol(tmp_path, 1, 3.0)


@pytest.mark.parametrize(("sequence", "height"), [(2, 3.0), (1, 7.0)])
def test_a_sequence_or_a_height_that_is_not_there_is_named(made: Path, sequence, height):
    with pytest.raises(ValueError, match=f"no folder .*dBZ/{height:.1f}km/data_dir_00{sequence}"):
        read_nju_cpol(made, sequence, height)


def test_a_missing_variable_is_named(made: Path):
    (made / "KDP").rename(made / "other")
    with pytest.raises(ValueError, match=r"no folder .*KDP/3.0km/data_dir_001"):
        read_nju_cpol(made, 1, 3.0)


def test_frames_that_one_variable_lacks_are_named(made: Path):
    for number in (4, 19):
        frame(made, number).unlink()
    with pytest.raises(ValueError, match="lacks ZDR of the frames 004, 019, which other variables have"):
        read_nju_cpol(made, 1, 3.0)


class Trap:
    """What a pickle would do when it is read."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def object_array() -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Trap()], dtype=object), allow_pickle=True)
    return content.getvalue()


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as members:
        members.writestr("arr_0.npy", b"")
    return content.getvalue()


def claiming(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(400)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUM",
        b"no array at all",
        pickle.dumps(Trap()),
        object_array(),
        archive(),
        claiming("(256, 256)"),
        claiming("(99999999999, 99999999999)"),
        claiming(f"({2**62}, 4)"),
        claiming("(-256, -256)"),
        claiming("open('x')"),
    ],
    ids=["empty", "cut magic", "text", "pickle", "object array", "npz", "cut", "huge", "more than 64 bits", "negative", "code"],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_file_that_is_no_array_of_numbers_is_refused_and_nothing_in_it_runs(made: Path, content, monkeypatch):
    monkeypatch.chdir(made)
    frame(made).write_bytes(content)
    with pytest.raises(ValueError, match=r"^ZDR/3.0km/data_dir_001/frame_004.npy (is no whole \.npy file of numbers|holds float32 of shape)"):
        read_nju_cpol(made, 1, 3.0)
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros((256, 255), "float32"), r"holds float32 of shape \(256, 255\)"),
        (np.zeros((1, 256, 256), "float32"), r"holds float32 of shape \(1, 256, 256\)"),
        (np.zeros((256, 256), "uint8"), "holds uint8 of shape"),
        (np.full((256, 256), np.inf, "float32"), "holds infinite values"),
    ],
)
def test_a_frame_of_another_shape_or_type_or_without_bounds_is_refused(made: Path, values, sentence):
    np.save(frame(made), values)
    with pytest.raises(ValueError, match=f"^ZDR/3.0km/data_dir_001/frame_004.npy {sentence}"):
        read_nju_cpol(made, 1, 3.0)


def test_not_a_number_is_not_observed_and_far_below_any_echo_is_no_echo(made: Path):
    values = np.zeros((256, 256), "float32")
    values[0, 0], values[0, 1] = np.nan, -99.0
    np.save(frame(made, variable="dBZ"), values)
    found = read_nju_cpol(made, 1, 3.0)["reflectivity"][4].values
    assert np.isnan(found[0, 0])
    assert found[0, 1:3].tolist() == [-32.0, 0.0]


def test_it_has_the_form_that_training_reads(made: Path):
    found = read_nju_cpol(made, 1, 3.0)
    assert isinstance(found, xr.Dataset)
    assert dict(found.sizes) == {"time": 20, "y": 256, "x": 256}
    assert found.attrs["step_minutes"] == 6.0
