"""Fetching a pinned granule: its bytes or a state, never half a file, never another file's bytes."""

import hashlib
from pathlib import Path

from stormcycle.cycle import Granule
from stormcycle.domain import RadarFeed
from stormcycle.feeds import fetch_granule
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
