"""GRIB that is cut, empty, of another unit, grid, run or place: each told in a sentence, none taken for data."""

import bz2
import tempfile
from collections.abc import Mapping
from pathlib import Path

import eccodes
import gribs
import numpy as np
import pytest
import xarray as xr

from stormcycle.background import fields as reading
from stormcycle.background.analysis import analysis_fields
from stormcycle.background.describe import described
from stormcycle.background.errors import Unreadable, WrongKind
from stormcycle.background.fields import read_fields, read_values
from stormcycle.background.reading import read_analysis
from stormcycle.background.unpacking import unpacked
from stormcycle.grids import area, longitudes_latitudes
from stormcycle.times import Time, parse_time

LISCA = area("lisca", "+proj=laea +lat_0=46.07 +lon_0=15.29 +ellps=WGS84", (7, 9), 4400.0, (0.0, 0.0))
T = parse_time("2026-07-01T09:00Z")
ONE = gribs.message("t", "pressure", 850)


@pytest.fixture(scope="module")
def parts() -> dict[str, bytes]:
    """The messages of a whole analysis, by channel."""
    return gribs.parts()


def analysed(folder: Path, files: Mapping[str, bytes], time: Time = T, base_time: Time | None = None) -> xr.Dataset:
    paths = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        paths.append((folder / name, name))
    return analysis_fields(paths, time, LISCA, base_time)


def expected(what: str, level: float) -> np.ndarray:
    return gribs.state(what, level)(*longitudes_latitudes(LISCA))


def half(values: np.ndarray) -> np.ndarray:
    """The field as a writer leaves it that dies half way: no values after its middle."""
    return np.where(np.arange(values.size) < values.size // 2, values.ravel(), np.nan)


WHOLE = gribs.state("t", 850)(*np.meshgrid(np.linspace(12.0, 19.5, 31), np.linspace(48.5, 43.5, 21)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "bad holds no GRIB message."),
        (b"<html>Not Found</html>" * 99, "bad holds no GRIB message."),
        (ONE[: len(ONE) // 2], "bad ends within its first GRIB message."),
        (ONE[:-4] + b"6666", "bad ends within its first GRIB message."),
        (bz2.compress(ONE)[:-40], "bad: the bzip2 stream is cut or damaged"),
        (bz2.compress(b"a text of no model " * 99), "bad holds no GRIB message."),
        (b"BZh9" + bytes(999), "bad: the bzip2 stream is cut or damaged"),
    ],
    ids=["empty", "a page", "cut", "no end", "cut bzip2", "bzip2 of a text", "no bzip2"],
)
def test_what_holds_no_whole_message_is_unreadable(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(content)
    for read in (read_fields, described):
        with pytest.raises(Unreadable, match=f"^{sentence}"):
            read(tmp_path / "bad", "bad")
    with pytest.raises(Unreadable, match=sentence):
        analysis_fields([(tmp_path / "bad", "bad")], T, LISCA)


def test_a_file_that_is_cut_between_its_ends_is_partial_with_what_is_whole(parts: dict[str, bytes], tmp_path: Path) -> None:
    content = b"".join(parts.values())
    (tmp_path / "cut").write_bytes(content[: -len(parts["mslp"]) // 2])
    told = described(tmp_path / "cut", "cut")
    assert (told["state"], told["notes"][-1]) == ("partial", "cut ends within a message; 18 fields before it are whole.")
    assert "mslp is absent" in told["figures"]["analysis"]
    found = analysed(tmp_path, {"cut": content[: -len(parts["mslp"]) // 2]})
    assert (found.attrs["analysis"], found.attrs["state"]) == ("no: mslp is absent", "partial")
    assert found.attrs["granules"] == {"cut": {"state": "partial", "notes": ["cut ends within a message; 18 fields before it are whole."]}}


def test_a_bzip2_bomb_is_not_unpacked_further_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gribs.written(tmp_path / "bomb", bz2.compress(ONE + bytes(64 * 2**20)))
    assert bomb.stat().st_size < 20000
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with pytest.raises(Unreadable, match="bomb unpacks to more than 4194304 bytes, which no model field does"), unpacked(bomb, "bomb", 4 * 2**20):
        pass
    monkeypatch.setattr(reading, "unpacked", lambda path, name: unpacked(path, name, 8 * 2**20))
    with pytest.raises(Unreadable, match="8388608"):
        read_fields(bomb, "bomb")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full(651, np.nan), "no value or 0 at 100% of its points"),
        (np.zeros(651), "no value or 0 at 100% of its points"),
        (half(WHOLE), "no value or 0 at 50% of its points"),
        (np.where(np.arange(651) < 325, WHOLE.ravel(), 0.0), "no value or 0 at 50% of its points"),
        (WHOLE - 273.15, "is no t in K: it is damaged or in another unit"),
        (np.where(np.arange(651) == 77, 9999.0, WHOLE.ravel()), "is no t in K"),
    ],
    ids=["all null", "all zero", "half null", "half zero", "degrees Celsius", "a missing value that is told as a value"],
)
def test_a_field_that_is_none_is_corrupt_and_another_level_stands_in(values: np.ndarray, sentence: str, parts: dict[str, bytes], tmp_path: Path) -> None:
    bad = gribs.message("t", "pressure", 850, values=values)
    told = described(gribs.written(tmp_path / "alone", bad), "alone")
    assert told["state"] == "corrupt"
    assert sentence in told["notes"][-1]
    with pytest.raises(Unreadable, match=sentence):
        analysed(tmp_path, {"alone": bad})
    files = {f"{channel}.grib": part for channel, part in parts.items()} | {"t850.grib": bad}
    found = analysed(tmp_path, files)
    assert (found.attrs["analysis"], found.attrs["interpolated_levels"], found.attrs["state"]) == ("yes", [850], "partial")
    assert found.attrs["granules"]["t850.grib"]["state"] == "corrupt"
    assert sentence in found.attrs["granules"]["t850.grib"]["notes"][0]
    np.testing.assert_allclose(found["state"].sel(channel="t850"), expected("t", 850), rtol=1e-5)


@pytest.mark.parametrize(
    ("what", "kind", "level", "factor"),
    [("mslp", "sea", 0, 0.01), ("r", "height", 2, 0.01), ("q", "pressure", 850, 1000.0), ("u", "pressure", 850, 100.0)],
    ids=["hPa", "a fraction of 1", "g kg-1", "cm s-1"],
)
def test_another_unit_is_told_by_its_range(what: str, kind: str, level: float, factor: float, tmp_path: Path) -> None:
    scaled = gribs.message(what, kind, level, values=lambda x, y: factor * gribs.state(what, level)(x, y))
    path = gribs.written(tmp_path / "unit", scaled)
    ((_, found),) = read_values(path, "unit", read_fields(path, "unit").fields)
    assert isinstance(found, Unreadable)
    assert f"which is no {what} in" in str(found)


def test_a_spoiled_surface_field_leaves_no_analysis(parts: dict[str, bytes], tmp_path: Path) -> None:
    found = analysed(tmp_path, {"all": b"".join((parts | {"mslp": gribs.message("mslp", "sea", 0, values=np.full(651, np.nan))}).values())})
    assert found.attrs["analysis"] == "no: mslp is absent"
    assert not found["present"].sel(channel="mslp")
    assert np.isnan(found["state"].sel(channel="mslp")).all()
    assert found.attrs["granules"]["all"]["state"] == "partial"


@pytest.mark.parametrize("level", gribs.LEVELS)
def test_a_missing_level_is_interpolated_only_between_others(level: int, parts: dict[str, bytes], tmp_path: Path) -> None:
    found = analysed(tmp_path, {"all": b"".join(part for channel, part in parts.items() if not channel.endswith(str(level)))})
    within = level in (925, 850)
    assert found.attrs["analysis"] == ("yes" if within else f"no: {level} hPa is absent")
    assert bool(found["interpolated"].sel(channel=f"r{level}")) == bool(found["present"].sel(channel=f"r{level}")) == within
    assert bool(np.isnan(found["state"].sel(channel=f"r{level}")).all()) == (not within)


def test_two_runs_in_one_set_are_told_apart(parts: dict[str, bytes], tmp_path: Path) -> None:
    older = gribs.message("v", "pressure", 925, dataTime=0, lead=9)
    files = {"new": b"".join(part for channel, part in parts.items() if channel != "v925"), "old": older}
    with pytest.raises(Unreadable, match=r"are of 2 runs: 2026-07-01T00:00:00Z \(old\), 2026-07-01T06:00:00Z \(new\); one analysis is made of one run"):
        analysed(tmp_path, files)
    found = analysed(tmp_path, files, base_time=parse_time("2026-07-01T06:00Z"))
    assert found.attrs["granules"]["old"]["state"] == "misplaced"
    assert "nothing valid at 2026-07-01T09:00:00Z of the run of 2026-07-01T06:00:00Z" in found.attrs["granules"]["old"]["notes"][0]
    assert found.attrs["interpolated_levels"] == [925]


def test_a_file_of_another_time_or_run_is_misplaced(parts: dict[str, bytes], tmp_path: Path) -> None:
    content = {"all": b"".join(parts.values())}
    with pytest.raises(WrongKind, match="all holds fields of 2026-07-01T06:00:00Z valid at 2026-07-01T09:00:00Z, nothing valid at 2026-07-01T10:00:00Z"):
        analysed(tmp_path, content, parse_time("2026-07-01T10:00Z"))
    with pytest.raises(WrongKind, match="of the run of 2026-07-01T00:00:00Z"):
        analysed(tmp_path, content, base_time=parse_time("2026-07-01T00:00Z"))
    with pytest.raises(WrongKind, match="hold nothing that an analysis is made from"):
        analysed(tmp_path, {"rain": gribs.message("rain", "surface", 0)})


def test_a_grid_of_another_place_is_misplaced(parts: dict[str, bytes], tmp_path: Path) -> None:
    elsewhere = gribs.EUROPE | {"longitudeOfFirstGridPointInDegrees": 30.0, "longitudeOfLastGridPointInDegrees": 37.5}
    with pytest.raises(WrongKind, match="all holds nothing of the area lisca"):
        analysed(tmp_path, {"all": b"".join(gribs.parts(grid=elsewhere).values())})
    mixed = {"most": b"".join(part for channel, part in parts.items() if channel != "t925"), "t925": gribs.message("t", "pressure", 925, grid=elsewhere)}
    found = analysed(tmp_path, mixed)
    assert (found.attrs["analysis"], found.attrs["interpolated_levels"]) == ("yes", [925])
    assert found.attrs["granules"] == {"t925": {"state": "misplaced", "notes": ["t925 holds nothing of the area lisca."]}}


def test_a_grid_of_a_kind_that_is_not_sampled_is_misplaced_and_named(parts: dict[str, bytes], tmp_path: Path) -> None:
    handle = eccodes.codes_grib_new_from_samples("reduced_gg_pl_32_grib2")
    gaussian = bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    with pytest.raises(WrongKind, match="gaussian holds fields on a grid reduced_gg, which is not sampled; take the model's product on a regular grid"):
        analysed(tmp_path, {"gaussian": gaussian})
    assert analysed(tmp_path, {"all": b"".join(parts.values()), "gaussian": gaussian}).attrs["granules"]["gaussian"]["state"] == "misplaced"


def test_a_grid_that_contradicts_its_values_or_itself_is_corrupt(parts: dict[str, bytes], tmp_path: Path) -> None:
    sizes = (31).to_bytes(4, "big") + (21).to_bytes(4, "big")
    fewer = ONE.replace(sizes, (31).to_bytes(4, "big") + (20).to_bytes(4, "big"))
    with pytest.raises(Unreadable, match="declares 31 x 20 points and holds 651: the grid is wrong"):
        read_fields(gribs.written(tmp_path / "fewer", fewer), "fewer")
    giant = ONE.replace(sizes, (60000).to_bytes(4, "big") * 2).replace((651).to_bytes(4, "big"), (3_600_000_000).to_bytes(4, "big"))
    with pytest.raises(Unreadable, match="declares a grid of 60000 x 60000 points, which no model has"):
        read_fields(gribs.written(tmp_path / "giant", giant), "giant")
    found = analysed(tmp_path, {"most": b"".join(part for channel, part in parts.items() if channel != "t850"), "t850": fewer})
    assert found.attrs["granules"]["t850"]["state"] == "corrupt"
    assert found.attrs["interpolated_levels"] == [850]


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("rows", [35, 37])
def test_a_header_of_more_or_fewer_rows_than_there_are_values_is_corrupt(edition: int, rows: int, tmp_path: Path) -> None:
    octets = 2 * edition
    columns = (40).to_bytes(octets, "big")
    whole = gribs.message("t", "pressure", 850, grid=gribs.LAMBERT, edition=edition)
    wrong = whole.replace(columns + (36).to_bytes(octets, "big"), columns + rows.to_bytes(octets, "big"))
    wrong = wrong.replace((40 * 36).to_bytes(4, "big"), (40 * rows).to_bytes(4, "big"), 1) if edition == 2 else wrong
    path = gribs.written(tmp_path / "rows", wrong)
    ((_, found),) = read_values(path, "rows", read_fields(path, "rows").fields)
    assert str(found) == f"rows: t at 850 hPa declares 40 x {rows} points and holds 1440 values: the grid is wrong."
    assert described(path, "rows")["state"] == "corrupt"


def test_members_of_an_ensemble_are_not_mixed(parts: dict[str, bytes], tmp_path: Path) -> None:
    member = gribs.message("t", "pressure", 850, values=lambda x, y: 1.0 + gribs.state("t", 850)(x, y), productDefinitionTemplateNumber=1, perturbationNumber=2)
    with pytest.raises(Unreadable, match="t at 850 hPa is given twice with different values, as by members of an ensemble; take one member"):
        analysed(tmp_path, {"all": b"".join(parts.values()), "member": member})


def test_a_file_that_kills_its_reader_costs_itself_alone(parts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a section that says it is longer than it is ecCodes 2.50 dies."""
    deadly = parts["t925"][:16] + b"\1" + parts["t925"][17:]
    files = {"deadly": deadly, "most": b"".join(part for channel, part in parts.items() if channel != "t925")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = read_analysis([(tmp_path / name, name) for name in files], T, LISCA)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert isinstance(found, xr.Dataset), found
    assert (found.attrs["analysis"], found.attrs["state"], found.attrs["interpolated_levels"]) == ("yes", "partial", [925])
    assert {name: granule["state"] for name, granule in found.attrs["granules"].items()} == {"deadly": "corrupt"}
    assert any(note.startswith("deadly: ") for note in found.attrs["notes"])
