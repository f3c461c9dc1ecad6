"""Writing files: one creator among many, whole files only, nothing temporary left."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stormcycle.cycle.files import create_file, json_bytes, replace_file


def test_of_many_creators_one_wins_and_its_content_stays(tmp_path: Path):
    start = threading.Barrier(8)

    def create(number: int) -> bool:
        start.wait()
        return create_file(tmp_path / "deep/file", b"%d" % number * 100_000)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert (tmp_path / "deep/file").read_bytes() == b"%d" % won.index(True) * 100_000
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_an_existing_file_is_not_created_again(tmp_path: Path):
    assert create_file(tmp_path / "f", b"first")
    assert not create_file(tmp_path / "f", b"second")
    assert (tmp_path / "f").read_bytes() == b"first"


def test_replacing_shows_the_old_file_or_the_new_one_whole(tmp_path: Path):
    contents = {bytes([65 + number]) * 50_000 for number in range(4)}
    replace_file(tmp_path / "f", min(contents))
    done, seen = threading.Event(), set()

    def read() -> None:
        while not done.is_set():
            seen.add((tmp_path / "f").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in sorted(contents) * 5:
        replace_file(tmp_path / "f", content)
    done.set()
    reader.join()
    assert seen <= contents


def test_a_failed_replacement_leaves_nothing_temporary_and_the_target_as_it_was(tmp_path: Path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/inside").write_text("kept")
    with pytest.raises(OSError) as refused:  # a folder cannot be replaced by a file
        replace_file(tmp_path / "target", b"content")
    assert refused.value.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (tmp_path / "target/inside").read_text() == "kept"


def test_a_failed_creation_leaves_nothing_temporary(tmp_path: Path):
    with pytest.raises(TypeError):
        create_file(tmp_path / "f", "text is not bytes")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_in_one_way():
    assert json_bytes({"b": 1, "a": [1, 2]}) == json_bytes({"a": [1, 2], "b": 1}) == b'{\n  "a": [\n    1,\n    2\n  ],\n  "b": 1\n}\n'
