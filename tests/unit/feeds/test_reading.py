"""Reading in child processes: an exception is a sentence, a crash costs the guilty file alone."""

import os
from pathlib import Path

import pytest

from stormcycle.feeds import ReadFailure, read_each

READERS = '''
"""Readers whose behaviour stands in the file that they read; a module of its own, so that a child can import it."""

import os
import signal

from stormcycle.feeds import FeedError


def read(path, *more):
    text = path.read_text()
    if text == "raise":
        raise KeyError("no\\n  such group")
    if text == "silent":
        raise RuntimeError
    if text == "ours":
        raise FeedError("A sentence of ours.")
    if text == "huge":
        return len(bytearray(16 * 2**30))
    if text == "exit":
        os._exit(3)
    if text == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    return (os.getpid(), text, *more)
'''


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A reader that spawned processes can import."""
    import importlib

    (tmp_path / "readers_of_a_test.py").write_text(READERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module("readers_of_a_test").read


def files(folder: Path, *texts: str) -> list[tuple[Path]]:
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return [(path,) for path in paths]


def test_results_come_in_order_and_from_other_processes(tmp_path: Path, reader):
    found = read_each(reader, [(*items, 1) for items in files(tmp_path, "a", "b", "c")], workers=2)
    assert [item[1:] for item in found] == [("a", 1), ("b", 1), ("c", 1)]
    assert os.getpid() not in {item[0] for item in found}


def test_nothing_to_read_starts_nothing(reader):
    assert read_each(reader, []) == []


def test_an_exception_is_a_sentence(tmp_path: Path, reader):
    found = read_each(reader, files(tmp_path, "raise", "ours", "silent", "good"), workers=1)
    assert found[:3] == [
        ReadFailure("KeyError: 'no\\n such group'", "KeyError"),
        ReadFailure("A sentence of ours.", "FeedError"),
        ReadFailure("RuntimeError: no reason given", "RuntimeError"),
    ]
    assert found[3][1] == "good"


def test_a_child_that_dies_costs_its_file_alone(tmp_path: Path, reader):
    found = read_each(reader, files(tmp_path, "exit", "a", "segfault", "b"), workers=1)
    assert [found[1][1], found[3][1]] == ["a", "b"]
    for failed in (found[0], found[2]):
        assert isinstance(failed, ReadFailure)
        assert "crashed" in failed.reason


def test_a_file_that_makes_its_reader_allocate_without_bound_is_a_failure_and_no_other_is(reader, tmp_path: Path) -> None:
    for name in ("huge", "fine"):
        (tmp_path / name).write_text(name)
    bomb, other = read_each(reader, [(tmp_path / "huge",), (tmp_path / "fine",)], workers=1)
    assert isinstance(bomb, ReadFailure)
    assert bomb.error == "MemoryError"
    assert other[1] == "fine"
