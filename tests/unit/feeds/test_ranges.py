"""Parts of large GRIB files by their index: the fields of an analysis and no others, byte by byte what lies in the file."""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import eccodes
import gribs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory import inventory

from stormcycle.background.analysis import analysis_fields
from stormcycle.cycle import Granule
from stormcycle.domain import ModelFeed
from stormcycle.feeds import Wanted, fetch_granule, list_feed
from stormcycle.feeds.fetching import local_path
from stormcycle.feeds.ranges import AND_INDEX, IndexLine, WrongIndex, merged, message_spans, needed_lines, parse_index
from stormcycle.grids import area
from stormcycle.states import GranuleState

KEY = "hrrr.20260701/conus/hrrr.t06z.wrfprsf03.grib2"
LEVELS = (1000, 975, 950, 925, 900, 875, 850, 825, 800, 775, 700)
SECOND = "2 m above ground"


def index_of(*fields: str) -> list[IndexLine]:
    """An index of fields (`TMP:975 mb`), each a message of 100 bytes."""
    text = "".join(f"{number}:{100 * number - 100}:d=2026070106:{field}:3 hour fcst:\n" for number, field in enumerate(fields, start=1))
    return parse_index(text.encode(), 100 * len(fields), "x.idx")


def chosen(*fields: str) -> set[str]:
    return {f"{line.parameter}:{line.level}" for line in needed_lines(index_of(*fields))}


def upper(names: tuple[str, ...], levels: tuple[int, ...]) -> list[str]:
    return [f"{name}:{level} mb" for level in levels for name in names]


SURFACE = [f"TMP:{SECOND}", f"RH:{SECOND}", "PRMSL:mean sea level"]
WHOLE = [
    *upper(("HGT", "TMP", "RH", "DPT", "SPFH", "VVEL", "UGRD", "VGRD", "ABSV"), LEVELS),
    f"DPT:{SECOND}",
    f"POT:{SECOND}",
    "UGRD:10 m above ground",
    *SURFACE,
]


def test_of_a_whole_file_the_nineteen_channels_are_taken():
    assert chosen(*WHOLE) == {*upper(("TMP", "RH", "UGRD", "VGRD"), (975, 925, 850, 800)), *SURFACE}


def test_a_level_that_is_absent_is_taken_from_the_nearest_on_both_sides_for_that_quantity_alone():
    left = [field for field in WHOLE if field not in ("TMP:975 mb", "TMP:800 mb", "TMP:775 mb", "VGRD:925 mb")]
    more = {"TMP:1000 mb", "TMP:950 mb", "TMP:825 mb", "TMP:700 mb", *upper(("UGRD", "VGRD"), (950, 900))}
    assert chosen(*left) == (chosen(*WHOLE) | more) - {"TMP:975 mb", "TMP:800 mb", "UGRD:925 mb", "VGRD:925 mb"}


def test_humidity_is_taken_from_what_there_is():
    dry = [field for field in WHOLE if not field.startswith("RH")]
    assert chosen(*dry) == (chosen(*WHOLE) - {*upper(("RH",), (975, 925, 850, 800)), f"RH:{SECOND}"}) | {
        *upper(("SPFH",), (975, 925, 850, 800)),
        f"DPT:{SECOND}",
    }
    assert {"DPT:850 mb", "TMP:850 mb"} <= chosen(*(field for field in dry if not field.startswith("SPFH")))


@pytest.mark.parametrize(("held", "wanted"), [("PRMSL MSLET MSLMA", "PRMSL"), ("MSLMA MSLET", "MSLET"), ("MSLMA", "MSLMA")])
def test_one_pressure_at_sea_level_is_taken(held: str, wanted: str):
    assert chosen(*(f"{name}:mean sea level" for name in held.split())) == {f"{wanted}:mean sea level"}


def test_means_and_extremes_are_no_fields_of_a_time():
    text = (
        b"1:0:d=2026070106:TMP:2 m above ground:0-3 hour ave fcst:\n"
        b"2:9:d=2026070106:TMP:2 m above ground:anl:\n"
        b"3:20:d=2026070106:PRMSL:mean sea level:3 hour fcst:\n"
    )
    assert [line.offset for line in needed_lines(parse_index(text, 90, "x.idx"))] == [9, 20]


def test_fields_of_one_message_are_fetched_once_and_the_last_message_ends_with_the_file():
    text = (
        b"1:0:d=2026070106:HGT:975 mb:anl:\n"
        b"2.1:50:d=2026070106:UGRD:975 mb:anl:\n"
        b"2.2:50:d=2026070106:VGRD:975 mb:anl:\n"
        b"3:80:d=2026070106:PRMSL:mean sea level:anl:\n"
    )
    lines = parse_index(text, 97, "x.idx")
    assert message_spans(lines, {line.offset for line in needed_lines(lines)}, 97) == [(50, 80), (80, 97)]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_merged_spans_cover_the_same_bytes_and_never_touch(kept: list[bool]):
    spans = [(7 * number, 7 * number + 7) for number, keep in enumerate(kept) if keep]
    found = merged(spans)
    assert {byte for begin, end in found for byte in range(begin, end)} == {byte for begin, end in spans for byte in range(begin, end)}
    assert all(first[1] < second[0] for first, second in pairwise(found))


@pytest.mark.parametrize(
    "text",
    [
        b"<Error><Code>NoSuchKey</Code></Error>",
        b"1:0:d=2026070106:TMP",
        b"1:zero:d=2026070106:TMP:975 mb:anl:",
        b"1:0:TMP:975 mb:anl:",
        b"1:50:d=2026070106:TMP:975 mb:anl:\n2:0:d=2026070106:RH:975 mb:anl:",
        b"1:100:d=2026070106:TMP:975 mb:anl:",
        b"\xff\xfe1\x00",
    ],
    ids=["an error page", "cut", "no number", "no run", "backwards", "beyond the file", "other letters"],
)
def test_what_is_no_index_of_the_file_is_refused_with_its_line(text: bytes):
    with pytest.raises(WrongIndex, match=r"^x\.idx: line [12] "):
        parse_index(text, 100, "x.idx")


def model_file() -> bytes:
    """A file as HRRR's, small: every level with fields that nobody asks for between those that an analysis needs."""
    found = [gribs.message(what, "pressure", level) for level in LEVELS for what in ("gh", "t", "r", "q", "u", "v")]
    return b"".join(
        [*found, gribs.message("rain", "surface", 0), gribs.message("t", "height", 2), gribs.message("r", "height", 2), gribs.message("mslp", "sea", 0)]
    )


class Feed:
    """A feed in a folder with one file of a model, its index beside it, and the granule that was pinned."""

    def __init__(self, folder: Path, content: bytes, key: str = KEY, layout: str = "hrrr") -> None:
        self.path, self.work = folder / "feed" / key, folder / "work"
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(content)
        self.index = self.path.with_name(f"{self.path.name}.idx")
        self.index.write_text(inventory(self.path))
        self.feed = ModelFeed(url=str(folder / "feed"), layout=layout)  # type: ignore[arg-type]
        self.granule = Granule("background", key, layout, len(content), self.digest(), "2026-07-01T06:00:00Z")

    def digest(self) -> str:
        return AND_INDEX.join(hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.path, self.index))

    def fetched(self) -> tuple[str, str]:
        state, note = fetch_granule(self.feed, self.granule, self.work)
        assert (state is GranuleState.OK) == self.brought.is_file()
        assert [path for path in self.work.rglob("*") if path.is_file()] == ([self.brought] if state is GranuleState.OK else [])
        return str(state), note

    @property
    def brought(self) -> Path:
        return local_path(self.work, self.granule)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path, model_file())


def held(path: Path) -> list[tuple[int, ...]]:
    """What ecCodes finds in a file, field by field, in their order."""
    found = []
    eccodes.codes_grib_multi_support_on()
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            keys = ("parameterCategory", "parameterNumber", "typeOfFirstFixedSurface", "scaledValueOfFirstFixedSurface")
            found.append(tuple(eccodes.codes_get(handle, key, int) for key in keys))
            eccodes.codes_release(handle)
        eccodes.codes_grib_multi_support_reset_file(file)
    eccodes.codes_grib_multi_support_off()
    return found


def test_only_the_messages_of_an_analysis_are_fetched_in_the_order_of_the_file(feed: Feed):
    assert feed.fetched() == ("ok", "")
    wanted = [(category, number, 100, 100 * level) for level in (975, 925, 850, 800) for category, number in ((0, 0), (1, 1), (2, 2), (2, 3))]
    assert held(feed.brought) == [*wanted, (0, 0, 103, 2), (1, 1, 103, 2), (3, 1, 101, 0)]
    feed.path.unlink()
    assert fetch_granule(feed.feed, feed.granule, feed.work) == (GranuleState.OK, "")  # a retry reads what it has


def test_the_parts_of_a_real_file_give_the_analysis_that_the_whole_file_gives(samples: Path, tmp_path: Path):
    whole = samples / "nwp/gfs.t12z.pgrbf120.2p5deg.grib2"
    gfs = Feed(tmp_path, whole.read_bytes(), "gfs.20110110/12/atmos/gfs.t12z.pgrb2.0p25.f120", "gfs")
    assert gfs.fetched() == ("ok", "")
    assert len(held(gfs.brought)) == 19
    assert gfs.brought.stat().st_size < 0.1 * whole.stat().st_size
    where = area("plains", "+proj=laea +lat_0=35 +lon_0=-97 +datum=WGS84 +units=m", (20, 20), 22e3, (0.0, 0.0))
    valid = np.datetime64("2011-01-15T12:00:00", "s")
    parts, all_of_it = (analysis_fields([(path, "gfs")], valid, where) for path in (gfs.brought, whole))
    assert (parts.attrs["analysis"], parts.attrs["interpolated_levels"]) == ("yes", [])
    np.testing.assert_array_equal(parts["state"].values, all_of_it["state"].values)


def test_what_stands_in_for_an_absent_level_is_enough_for_the_same_analysis(tmp_path: Path):
    levels = (1000, 950, 925, 900, 850, 700)
    found = [gribs.message(what, "pressure", level) for level in levels for what in ("gh", "t", "q", "u", "v")]
    content = b"".join([*found, *(gribs.message(what, "height", 2) for what in ("t", "td")), gribs.message("mslp", "sea", 0)])
    feed, whole = Feed(tmp_path, content), tmp_path / "whole"
    whole.write_bytes(content)
    assert feed.fetched() == ("ok", "")
    where = area("alps", "+proj=laea +lat_0=46 +lon_0=15.75 +datum=WGS84 +units=m", (9, 9), 20e3, (0.0, 0.0))
    valid = np.datetime64("2026-07-01T09:00:00", "s")
    parts, all_of_it = (analysis_fields([(path, "x")], valid, where) for path in (feed.brought, whole))
    assert (parts.attrs["analysis"], parts.attrs["interpolated_levels"]) == ("yes", [975, 800])
    np.testing.assert_array_equal(parts["state"].values, all_of_it["state"].values)
    assert len(held(feed.brought)) == 6 * 4 + 3 - 4  # of 900 hPa nothing


def without_index(feed: Feed) -> None:
    feed.index.unlink()


def without_file(feed: Feed) -> None:
    feed.path.unlink()


def index_of_another_file(feed: Feed) -> None:
    """A file of the same fields, of which the first is longer by a byte: every later offset is wrong."""
    lines = [line.split(":") for line in feed.index.read_text().splitlines()]
    feed.index.write_text("".join(":".join([line[0], str(int(line[1]) + (place > 0)), *line[2:]]) + "\n" for place, line in enumerate(lines)))


def index_with_a_line_less(feed: Feed) -> None:
    """The message before the absent line seems longer than it is."""
    lines = feed.index.read_text().splitlines(keepends=True)
    feed.index.write_text("".join(line for line in lines if ":SPFH:975 mb:" not in line))


def index_of_other_fields(feed: Feed) -> None:
    feed.index.write_text("1:0:d=2026070106:HGT:1000 mb:3 hour fcst:\n")


def huge_index(feed: Feed) -> None:
    feed.index.write_text(feed.index.read_text() * 400)


@pytest.mark.parametrize(
    ("spoil", "state", "says"),
    [
        (without_index, "missing", f"{KEY} has no index .idx beside it"),
        (without_file, "missing", f"{KEY} has vanished from the feed"),
        (index_of_another_file, "corrupt", "where none is: it is not the index of this file"),
        (index_with_a_line_less, "corrupt", "where none is: it is not the index of this file"),
        (index_of_other_fields, "corrupt", "names no field of an analysis"),
        (huge_index, "corrupt", "has more than 1048576 bytes"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_index_that_is_missing_or_contradicts_its_file_is_told(feed: Feed, spoil: Callable[[Feed], None], state: str, says: str):
    spoil(feed)
    if feed.path.is_file() and feed.index.is_file():
        feed.granule = Granule("background", KEY, "hrrr", feed.granule.size, feed.digest(), None)  # it was so when it was pinned
    found, note = feed.fetched()
    assert (found, says in note) == (state, True), note


@pytest.mark.parametrize("which", ["path", "index"])
def test_a_file_or_index_that_changed_since_the_pin_is_corrupt(feed: Feed, which: str):
    path = getattr(feed, which)
    path.write_bytes(path.read_bytes() + b"\n")
    state, note = feed.fetched()
    assert (state, "has changed since it was pinned" in note) == ("corrupt", True)


def test_a_file_that_changes_while_it_is_read_is_corrupt(feed: Feed, monkeypatch: pytest.MonkeyPatch):
    from stormcycle.feeds import fetching

    def read_and_replaced(*args: object) -> bytes:
        found = analysis_messages(*args)  # type: ignore[arg-type]
        feed.path.write_bytes(model_file()[:-4] + b"7778")
        return found

    analysis_messages = fetching.analysis_messages
    monkeypatch.setattr(fetching, "analysis_messages", read_and_replaced)
    assert feed.fetched()[0] == "corrupt"


def test_the_limit_is_of_what_is_fetched_and_not_of_the_file(feed: Feed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stormcycle.feeds.fetching.MAX_BYTES", 10)
    assert feed.fetched()[0] == "ok"
    feed.brought.unlink()
    monkeypatch.setattr("stormcycle.feeds.ranges.MAX_PART_BYTES", 10_000)
    state, note = feed.fetched()
    assert (state, "more than any model's have (10000)" in note) == ("corrupt", True)


def test_the_index_belongs_to_what_identifies_a_granule(feed: Feed):
    start = np.datetime64("2026-07-01T06:00:00", "s")
    wanted = Wanted("background", "somewhere", feed.feed, ("hrrr",), start, start + np.timedelta64(3 * 3600 + 1, "s"))
    (granule,) = list_feed(wanted).granules
    assert granule.sha256 == feed.digest()
    feed.index.unlink()
    (granule,) = list_feed(wanted).granules
    assert granule.sha256 == f"{hashlib.sha256(feed.path.read_bytes()).hexdigest()}{AND_INDEX}none"
    feed.granule = granule
    assert feed.fetched()[0] == "missing"
