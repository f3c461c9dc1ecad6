"""Unpacking: plain bytes, a bound on what comes out, a sentence where the stream is cut."""

import bz2
import gzip
from pathlib import Path

import pytest

import stormcycle.radar.unpack as unpack
from stormcycle.radar.volume import Unreadable

CONTENT = bytes(range(256)) * 4000


def plain(path: Path) -> bytes:
    with unpack.unpacked(path) as there:
        return there.read_bytes()


def test_a_plain_file_is_itself(tmp_path: Path):
    (tmp_path / "f.gz").write_bytes(CONTENT)  # the name says nothing
    with unpack.unpacked(tmp_path / "f.gz") as there:
        assert there == tmp_path / "f.gz"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_gives_its_bytes_and_leaves_nothing(tmp_path: Path, pack):
    (tmp_path / "f").write_bytes(pack(CONTENT))
    with unpack.unpacked(tmp_path / "f") as there:
        assert there.read_bytes() == CONTENT
    assert not there.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_members_of_a_gzip_are_joined(tmp_path: Path):
    (tmp_path / "f").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert plain(tmp_path / "f") == b"one two"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_bomb_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack):
    monkeypatch.setattr(unpack, "MAX_UNPACKED_BYTES", 2 * unpack.PIECE)
    (tmp_path / "f").write_bytes(pack(bytes(16 * unpack.PIECE)))
    with pytest.raises(Unreadable, match="unpacks to more than 2097152 bytes"):
        plain(tmp_path / "f")
    (tmp_path / "g").write_bytes(pack(bytes(2 * unpack.PIECE)))  # just within
    assert len(plain(tmp_path / "g")) == 2 * unpack.PIECE


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("left", [3, 20, -1])
def test_a_cut_stream_is_unreadable(tmp_path: Path, pack, left: int):
    (tmp_path / "f").write_bytes(pack(CONTENT)[:left])
    with pytest.raises(Unreadable, match="cut or damaged"):
        plain(tmp_path / "f")


def test_a_damaged_gzip_is_unreadable(tmp_path: Path):
    packed = bytearray(gzip.compress(CONTENT))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "f").write_bytes(bytes(packed))
    with pytest.raises(Unreadable, match="cut or damaged"):
        plain(tmp_path / "f")
