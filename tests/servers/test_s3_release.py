"""Releases in a real S3 bucket: the same promises as on a disk."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import xarray as xr
import yaml
from house import FIRST, SMALL, House

from flows.cycle import cycle
from stormcycle.release.publishing import find_published, forward, latest_release, publish
from stormcycle.release.targets import Target, TargetError, open_target
from stormcycle.times import parse_time

pytestmark = pytest.mark.server


@pytest.fixture
def target(s3, tmp_path: Path) -> Target:
    """A place of this test's own in the bucket."""
    return open_target(f"s3://releases/{tmp_path.name}", s3.writer)


@pytest.fixture
def s3_house(house: House, s3, tmp_path: Path) -> House:
    """A house whose domain `small` releases to S3."""
    domain = yaml.safe_load(SMALL) | {"release": {"root": f"s3://releases/{tmp_path.name}", "storage_options": s3.writer}}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    return house


def test_a_cycle_on_s3_is_read_by_anyone_and_has_the_digest_of_a_disk(s3_house: House, s3) -> None:
    on_s3 = cycle.fn("small", FIRST)
    assert on_s3.url.startswith("s3://releases/")
    nowcast = xr.open_zarr(on_s3.url, group="nowcast", consolidated=False, storage_options=s3.reader).load()
    assert nowcast.sizes["lead_time"] == 10
    (s3_house.domains / "small.yaml").write_text(SMALL)
    assert cycle.fn("small", FIRST).digest == on_s3.digest


def test_creating_has_one_winner_of_eight(target: Target) -> None:
    won: list[bool] = []
    threads = [threading.Thread(target=lambda n=n: won.append(target.create("marker", str(n).encode()))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_swapping_needs_the_tag_that_was_read(target: Target) -> None:
    assert target.swap("pointer", b"one", None)
    assert not target.swap("pointer", b"two", None)
    content, tag = target.read("pointer") or (b"", "")
    assert content == b"one"
    assert target.swap("pointer", b"two", tag)
    assert not target.swap("pointer", b"three", tag)
    assert target.read("nowhere") is None


def test_eight_writers_of_a_pointer_leave_the_newest_and_count_every_move(target: Target) -> None:
    threads = [
        threading.Thread(target=forward, args=(target, "latest.json", lambda old, n=n: {"n": n} if old is None or old["n"] < n else None)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pointer = json.loads((target.read("latest.json") or (b"", ""))[0])
    assert pointer["n"] == 7
    assert 1 <= pointer["sequence"] <= 8


def test_two_runs_with_one_digest_publish_one_version(target: Target, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    (staged / "release.zarr").mkdir(parents=True)
    (staged / "release.zarr/zarr.json").write_text("{}")
    time, published = parse_time(FIRST), []

    def run() -> None:
        published.append(publish(target, "small", time, staged, {"digest": "d1"}, lambda url, digest: None))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {item.version for item in published} == {1}
    assert sum(item.new for item in published) == 1
    second = publish(target, "small", time, staged, {"digest": "d2"}, lambda url, digest: None)
    assert (second.version, second.new) == (2, True)
    newest = find_published(target, "small", time)
    assert newest is not None
    assert newest.version == 2


def test_a_target_that_refuses_is_told_in_a_sentence(s3) -> None:
    refused = open_target("s3://releases/x", {**s3.reader, "anon": False, "key": "writer", "secret": "wrong"})
    with pytest.raises(TargetError, match="The cycle's work is kept"):
        refused.create("marker", b"x")


def test_two_processes_racing_for_one_hour_leave_one_release(s3_house: House, target: Target) -> None:
    command = [sys.executable, "-m", "flows.cli", "cycle", "--domain", "small", "--time", FIRST, "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [run.communicate(timeout=240) for run in runs]
    assert all("Traceback" not in said for _, said in answers)
    winners = [json.loads(answer) for (answer, _), run in zip(answers, runs, strict=True) if run.returncode == 0]
    assert {winner["url"] for winner in winners} == {latest_release(target, "small")["url"]}  # type: ignore[index]
    assert all("overtaken" in said for (_, said), run in zip(answers, runs, strict=True) if run.returncode != 0)
    assert [name for name in target.names("small/2026/07/01T13Z") if target.read(f"small/2026/07/01T13Z/{name}/manifest.json")] == ["v1"]
