"""Lightning files that are cut, of another satellite or product, or that contradict themselves: a sentence each, never a wrong number."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from netCDF4 import Dataset

from stormcycle.feeds import ReadFailure, read_each
from stormcycle.satellite.errors import Unreadable, WrongKind
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.simulator.instruments.lightning import Seen, seen_flashes
from stormcycle.simulator.nature.lightning import Flashes
from stormcycle.simulator.nature.world import seconds_of
from stormcycle.simulator.writers.glm import lcfa_bytes, lcfa_name

START = np.datetime64("2026-07-01T12:00:00", "s")
NAME = "OR_GLM-L2-LCFA_G19_s20261821200000_e20261821200200_c20261821200220.nc"


@pytest.fixture(scope="module")
def granule() -> Seen:
    """What a simulated GLM saw of thirty flashes."""
    random = np.random.default_rng(8)
    x, y = random.uniform(-100e3, 100e3, (2, 30))
    flashes = Flashes(seconds_of(START) + np.linspace(0.5, 16.0, 30), x, y, np.full(30, 12e3), np.full(30, 3e-13))
    return seen_flashes(flashes, "+proj=laea +lat_0=35.3 +lon_0=-97.5", START, 5)


@pytest.fixture
def lcfa(granule: Seen, tmp_path: Path) -> Path:
    """Its file, under a name that says nothing, as fetched files lie."""
    assert lcfa_name(granule) == NAME
    path = tmp_path / "0f3a"
    path.write_bytes(lcfa_bytes(granule))
    return path


def spoiled(path: Path, change: Callable[[Dataset], object]) -> Path:
    with Dataset(path, "r+") as file:
        file.set_auto_maskandscale(False)
        change(file)
    return path


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_cut_file_is_unreadable(lcfa: Path, share: float) -> None:
    content = lcfa.read_bytes()
    lcfa.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(Unreadable, match="cannot be read as netCDF, it is cut or spoiled") as failure:
        read_flashes(lcfa, NAME)
    assert str(lcfa.parent) not in str(failure.value)


def test_a_text_is_unreadable_and_its_sentence_comes_out_of_the_child_process(lcfa: Path) -> None:
    whole = lcfa.with_name("whole")
    whole.write_bytes(lcfa.read_bytes())
    lcfa.write_text("The bucket has moved.\n" * 50)
    found, failure, moved = read_each(read_flashes, [(whole, NAME), (lcfa, NAME), (whole, NAME.replace("G19", "G18"))], workers=1)
    assert not isinstance(found, ReadFailure) and found.sizes["flash"] > 20
    assert isinstance(failure, ReadFailure) and failure.error == "Unreadable" and failure.reason.startswith(NAME)
    assert isinstance(moved, ReadFailure)
    assert moved == ReadFailure(f"{NAME.replace('G19', 'G18')} holds lightning seen by G19, not by G18.", "WrongKind")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (NAME.replace("s20261821200000", "s20261821159400"), "the name 2026-07-01T11:59:40Z to 2026-07-01T12:00:20Z"),
        (NAME.replace("e20261821200200", "e20261821201200"), "the name 2026-07-01T12:00:00Z to 2026-07-01T12:01:20Z"),
        (NAME.replace("20261821", "20261831"), "the name 2026-07-02T12:00:00Z"),
    ],
)
def test_a_file_whose_coverage_contradicts_its_name_is_unreadable(lcfa: Path, name: str, says: str) -> None:
    with pytest.raises(Unreadable, match=f"contradicts its name: .* says 2026-07-01T12:00:00Z to 2026-07-01T12:00:20Z, {says}"):
        read_flashes(lcfa, name)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.setncattr("time_coverage_start", "2026-07-01T11:00:00.0Z"),
        lambda file: file["product_time_bounds"].__setitem__(slice(None), file["product_time_bounds"][:] + 3600.0),
        lambda file: file["event_time_offset"].setncattr("units", "seconds since 2026-07-01 11:00:00.000"),
        lambda file: file["flash_time_offset_of_last_event"].setncattr("units", "seconds since 2026-07-02 12:00:00.000"),
    ],
)
def test_a_file_that_contradicts_itself_is_unreadable(lcfa: Path, change: Callable[[Dataset], object]) -> None:
    with pytest.raises(Unreadable, match="contradicts its name"):
        read_flashes(spoiled(lcfa, change), NAME)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.delncattr("time_coverage_end"),
        lambda file: file.setncattr("time_coverage_end", "soon"),
        lambda file: file["event_time_offset"].setncattr("units", "seconds"),
    ],
)
def test_a_file_that_does_not_say_its_times_is_unreadable(lcfa: Path, change: Callable[[Dataset], object]) -> None:
    with pytest.raises(Unreadable, match="does not say in full when it was seen"):
        read_flashes(spoiled(lcfa, change), NAME)


def test_a_name_with_impossible_times_is_unreadable(lcfa: Path) -> None:
    with pytest.raises(Unreadable, match="names a time that is none"):
        read_flashes(lcfa, NAME.replace("s20261821200000", "s20263991200000"))
    with pytest.raises(Unreadable, match="ends before it starts"):
        read_flashes(lcfa, NAME.replace("e20261821200200", "e20261821159000"))


def test_another_unit_is_refused(lcfa: Path) -> None:
    with pytest.raises(Unreadable, match="flash_area in acres, which is neither km2 nor m2"):
        read_flashes(spoiled(lcfa, lambda file: file["flash_area"].setncattr("units", "acres")), NAME)


def test_another_product_under_a_lightning_name_is_of_the_wrong_kind(lcfa: Path) -> None:
    other = lcfa.with_name("other")
    with Dataset(other, "w") as file:
        file.title = "ABI L1b Radiances"
        file.platform_ID = "G19"
    with pytest.raises(WrongKind, match="holds 'ABI L1b Radiances' without event_lon; it is no GLM LCFA file"):
        read_flashes(other, NAME)
    with pytest.raises(WrongKind, match="is no name of a GLM LCFA file"):
        read_flashes(lcfa, "OR_ABI-L1b-RadC-M6C13_G19_s20261821200000_e20261821200200_c20261821200220.nc")


def test_the_real_gridded_product_under_a_lightning_name_is_of_the_wrong_kind(samples: Path) -> None:
    (path,) = (samples / "goes_glm").glob("OR_GLM-L2-GLMM1-*.nc")
    with pytest.raises(WrongKind, match="holds 'GLM L2 Lightning Detection Gridded Product'"):
        read_flashes(path, NAME)


def test_events_without_their_group_are_left_out_and_counted(lcfa: Path) -> None:
    whole = read_flashes(lcfa, NAME)

    def orphaned(file: Dataset) -> None:
        file["group_parent_flash_id"][:3] = file["group_parent_flash_id"][:3] + 1000
        file["event_parent_group_id"][-2:] = 7

    found = read_flashes(spoiled(lcfa, orphaned), NAME)
    lost = int((whole["event_group"].values < 3).sum()) + 2
    assert found.attrs["state"] == "partial"
    assert (found.sizes["group"], found.sizes["event"]) == (whole.sizes["group"] - 3, whole.sizes["event"] - lost)
    assert found.attrs["notes"] == [
        "3 groups belong to nothing that is in the file and were left out.",
        f"{lost} events belong to nothing that is in the file and were left out.",
    ]
    assert np.array_equal(found["event_longitude"], whole["event_longitude"][lost - 2 : -2])
    assert np.array_equal(found["group_flash"].values[found["event_group"].values], whole["group_flash"].values[whole["event_group"].values[lost - 2 : -2]])


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda file: file["event_count"].assignValue(99999), "of 99999 events are there."),
        (lambda file: file["percent_uncorrectable_L0_errors"].assignValue(0.25), "25.0 % of the instrument's data were lost."),
        (lambda file: file["percent_navigated_L1b_events"].assignValue(0.9), "10.0 % of the events could not be located."),
    ],
)
def test_lost_data_make_a_file_partial(lcfa: Path, change: Callable[[Dataset], object], note: str) -> None:
    found = read_flashes(spoiled(lcfa, change), NAME)
    assert found.attrs["state"] == "partial"
    assert len(found.attrs["notes"]) == 1 and found.attrs["notes"][0].endswith(note)


@pytest.mark.parametrize(("scale", "first"), [(0.01, -5.0), (0.0003814756, -60.0)])
def test_events_at_impossible_times_make_a_file_partial(lcfa: Path, scale: float, first: float) -> None:
    def moved(file: Dataset) -> None:
        for offset in ("event_time_offset", "group_time_offset", "flash_time_offset_of_first_event", "flash_time_offset_of_last_event"):
            file[offset].setncatts({"scale_factor": np.float32(scale), "add_offset": np.float32(first)})

    found = read_flashes(spoiled(lcfa, moved), NAME)
    assert found.attrs["state"] == "partial"
    assert "lie at times that the file does not cover; their times are worth nothing." in found.attrs["notes"][0]


@pytest.mark.parametrize("sign", ["absent", "false"])
def test_offsets_that_are_marked_as_signed_are_read_all_the_same(lcfa: Path, sign: str) -> None:
    whole = read_flashes(lcfa, NAME)

    def signed(file: Dataset) -> None:
        for offset in ("event_time_offset", "flash_time_offset_of_first_event"):
            file[offset].delncattr("_Unsigned") if sign == "absent" else file[offset].setncattr("_Unsigned", sign)

    found = read_flashes(spoiled(lcfa, signed), NAME)
    assert found.attrs["state"] == "ok"
    assert found.attrs["notes"] == ["The file marks its packed time offsets wrongly as signed or unsigned; they were read as their packing says."]
    assert np.array_equal(found["event_time"], whole["event_time"]) and np.array_equal(found["flash_start"], whole["flash_start"])
