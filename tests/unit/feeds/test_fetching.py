"""Fetching a pinned granule: its bytes or a state, never half a file, never another file's bytes."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from stormcycle.cycle import Granule
from stormcycle.domain import RadarFeed
from stormcycle.feeds import FeedMissing, fetch_granule
from stormcycle.feeds.fetching import MAX_BYTES, local_path
from stormcycle.states import GranuleState


def granule(content: bytes, key: str = "2026/a.h5", **other: object) -> Granule:
    values = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **other}
    return Granule("radar", key, "simli", valid_time=None, **values)  # type: ignore[arg-type]


def feed(tmp_path: Path, content: bytes, key: str = "2026/a.h5") -> RadarFeed:
    (tmp_path / "feed" / key).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "feed" / key).write_bytes(content)
    return RadarFeed(url=str(tmp_path / "feed"), layout="odim")


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_granule_is_fetched_whole(tmp_path: Path):
    wanted = granule(b"volume")
    assert fetch_granule(feed(tmp_path, b"volume"), wanted, tmp_path / "cycle") == (GranuleState.OK, "")
    assert local_path(tmp_path / "cycle", wanted).read_bytes() == b"volume"


def test_a_granule_is_fetched_once(tmp_path: Path):
    wanted, url = granule(b"volume"), feed(tmp_path, b"volume")
    fetch_granule(url, wanted, tmp_path / "cycle")
    (tmp_path / "feed/2026/a.h5").unlink()  # a retry reads what it has, not the feed
    assert fetch_granule(url, wanted, tmp_path / "cycle") == (GranuleState.OK, "")


def test_bytes_that_changed_since_the_pin_are_corrupt_and_not_kept(tmp_path: Path):
    state, note = fetch_granule(feed(tmp_path, b"other!"), granule(b"volume"), tmp_path / "cycle")
    assert state is GranuleState.CORRUPT
    assert "2026/a.h5 has changed since it was pinned" in note
    assert inside(tmp_path / "cycle") == []


def test_a_granule_that_vanished_is_missing(tmp_path: Path):
    url = feed(tmp_path, b"volume")
    state, note = fetch_granule(url, granule(b"volume", "2026/gone.h5"), tmp_path / "cycle")
    assert state is GranuleState.MISSING
    assert "2026/gone.h5 has vanished" in note
    assert inside(tmp_path / "cycle") == []


def test_a_granule_too_large_is_refused_unseen(tmp_path: Path):
    state, note = fetch_granule(feed(tmp_path, b"volume"), granule(b"volume", size=MAX_BYTES + 1), tmp_path / "cycle")
    assert state is GranuleState.CORRUPT
    assert "was not fetched" in note
    assert inside(tmp_path / "cycle") == []


def test_frames_of_one_file_share_its_bytes(tmp_path: Path):
    url = feed(tmp_path, b"sequence", "s.nc")
    first, second = granule(b"sequence", "s.nc#000"), granule(b"sequence", "s.nc#001")
    assert fetch_granule(url, first, tmp_path / "cycle")[0] is GranuleState.OK
    assert local_path(tmp_path, first) == local_path(tmp_path, second)
    assert len(inside(tmp_path / "cycle")) == 1


def test_no_name_from_outside_becomes_a_path(tmp_path: Path):
    for sha256 in ("../../../../escape", "etag:../../x", "/etc/abc"):
        path = local_path(tmp_path, granule(b"", sha256=sha256))
        assert path.parent == tmp_path / "inputs"
        assert set(path.name) <= set("0123456789abcdef")
        assert len(path.name) == 64


def test_granules_of_one_tag_and_other_keys_do_not_share_a_place(tmp_path: Path):
    # nginx makes a tag of time and size: two volumes put in one second can have the same
    places = [local_path(tmp_path, granule(b"", key, sha256=tag)) for key in ("a.h5", "b.h5", "b.h5#001") for tag in ("etag:1", "etag:W/1", "modified:x:1")]
    assert len(set(places)) == 6
    assert places[3:6] == places[6:9]  # frames of one file share it


def test_a_granule_is_fetched_from_where_the_feed_lay_at_its_time(tmp_path: Path):
    key = "2026/07/01/simli/simli_pvol_20260701T{}Z.h5"
    feed(tmp_path / "old", b"old", key.format("115959"))
    feed(tmp_path / "new", b"new", key.format("120000"))
    moved = RadarFeed(url=f"{tmp_path}/new/feed", formerly=[{"url": f"{tmp_path}/old/feed", "until": "2026-07-01T12:00:00Z"}], layout="odim")  # type: ignore[arg-type]
    for content, clock in ((b"old", "115959"), (b"new", "120000")):
        wanted = replace(granule(content, key.format(clock)), valid_time=f"2026-07-01T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z")
        assert fetch_granule(moved, wanted, tmp_path / "cycle") == (GranuleState.OK, "")


def test_a_feed_that_is_gone_as_a_whole_is_an_error_and_takes_no_granule_away(tmp_path: Path):
    wanted, url = granule(b"volume"), feed(tmp_path, b"volume")
    (tmp_path / "feed").rename(tmp_path / "not mounted")
    with pytest.raises(FeedMissing, match="the feed is gone"):
        fetch_granule(url, wanted, tmp_path / "cycle")
    (tmp_path / "not mounted").rename(tmp_path / "feed")
    assert fetch_granule(url, wanted, tmp_path / "cycle") == (GranuleState.OK, "")
