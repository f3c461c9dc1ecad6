"""Publishing to a folder: one manifest a version, a version a digest, the pointer only forward, the status truthful."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stormcycle.release import Published, find_published, latest_release, open_target, publish
from stormcycle.release.publishing import forward, move_pointer, write_status
from stormcycle.release.targets import DiskTarget

HOUR = np.datetime64("2026-07-01T13:00:00", "s")
FOLDER = "small/2026/07/01T13Z"


@pytest.fixture
def target(tmp_path: Path) -> DiskTarget:
    return DiskTarget(str(tmp_path / "releases"))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    (tmp_path / "staged/release.zarr/radar").mkdir(parents=True)
    (tmp_path / "staged/release.zarr/radar/zarr.json").write_text("{}")
    (tmp_path / "staged/quicklook.png").write_bytes(b"png")
    return tmp_path / "staged"


def manifest(digest: str, hour: np.datetime64 = HOUR, state: str = "complete") -> dict[str, Any]:
    return {"domain": "small", "cycle_time": f"{hour}Z", "digest": digest, "state": state, "products": ["radar"]}


def put_out(target: DiskTarget, staged: Path, digest: str, hour: np.datetime64 = HOUR, check=lambda url, digest: None) -> Published:
    return publish(target, "small", hour, staged, manifest(digest, hour), check)


def files(target: DiskTarget) -> dict[str, bytes]:
    root = Path(target.root)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_release_is_there_whole_with_its_manifest(target, staged):
    first = put_out(target, staged, "aa")
    assert (first.version, first.new, first.path) == (1, True, f"{FOLDER}/v1")
    assert set(files(target)) == {f"{FOLDER}/v1/{name}" for name in ("claim.json", "manifest.json", "quicklook.png", "release.zarr/radar/zarr.json")}
    assert json.loads((Path(target.root) / FOLDER / "v1/manifest.json").read_text()) == {**manifest("aa"), "version": 1, "url": first.url}
    assert Path(first.url).is_dir()
    found = find_published(target, "small", HOUR)
    assert found is not None
    assert (found.version, found.new, found.manifest) == (1, False, first.manifest)


def test_the_same_digest_again_writes_nothing(target, staged):
    put_out(target, staged, "aa")
    before = {path: path.stat().st_mtime_ns for path in Path(target.root).rglob("*")}
    again = put_out(target, staged, "aa")
    assert (again.version, again.new) == (1, False)
    assert {path: path.stat().st_mtime_ns for path in Path(target.root).rglob("*")} == before


def test_another_digest_is_the_next_version_and_leaves_the_first_alone(target, staged):
    put_out(target, staged, "aa")
    before = files(target)
    assert put_out(target, staged, "bb").version == 2
    assert {name: content for name, content in files(target).items() if "/v1/" in name} == before
    newest = find_published(target, "small", HOUR)
    assert newest is not None
    assert newest.version == 2


def test_versions_past_nine_are_numbers(target, staged):
    versions = [put_out(target, staged, f"{number:02d}").version for number in range(11)]
    assert versions == list(range(1, 12))
    newest = find_published(target, "small", HOUR)
    assert newest is not None
    assert newest.version == 11


def fail(url: str, digest: str) -> None:
    raise RuntimeError("the run was killed here")


def test_a_crashed_claim_is_not_a_release_and_is_taken_up_by_the_same_digest(target, staged):
    with pytest.raises(RuntimeError, match="killed"):
        put_out(target, staged, "aa", check=fail)
    assert find_published(target, "small", HOUR) is None
    assert put_out(target, staged, "aa").version == 1


def test_a_crashed_claim_is_skipped_by_another_digest(target, staged):
    with pytest.raises(RuntimeError, match="killed"):
        put_out(target, staged, "aa", check=fail)
    assert put_out(target, staged, "bb").version == 2
    found = find_published(target, "small", HOUR)
    assert found is not None
    assert (found.version, found.manifest["digest"]) == (2, "bb")


def test_the_manifest_comes_last(target, staged):
    seen: list[set[str]] = []

    def check(url: str, digest: str) -> None:
        assert (Path(url) / "radar/zarr.json").is_file()
        assert digest == "aa"
        seen.append(set(files(target)))

    put_out(target, staged, "aa", check=check)
    assert {f"{FOLDER}/v1/quicklook.png", f"{FOLDER}/v1/release.zarr/radar/zarr.json"} <= seen[0]
    assert f"{FOLDER}/v1/manifest.json" not in seen[0]


def test_a_check_that_fails_leaves_no_manifest(target, staged):
    with pytest.raises(RuntimeError):
        put_out(target, staged, "aa", check=fail)
    assert not any(name.endswith("manifest.json") for name in files(target))


def test_of_runs_that_publish_the_same_version_one_writes_the_manifest(target, staged):
    together = threading.Barrier(4)

    def run(_: int) -> Published:
        return put_out(target, staged, "aa", check=lambda url, digest: together.wait() and None)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, range(4)))
    assert [item.new for item in found].count(True) == 1
    assert {(item.version, item.url) for item in found} == {(1, found[0].url)}
    assert sum(name.endswith("manifest.json") for name in files(target)) == 1


def test_racing_runs_with_different_results_get_versions_of_their_own(target, staged):
    together = threading.Barrier(4)

    def run(number: int) -> Published:
        together.wait()
        return put_out(target, staged, f"{number}")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, range(4)))
    assert sorted(item.version for item in found) == [1, 2, 3, 4]
    for item in found:
        assert json.loads((Path(target.root) / item.path / "claim.json").read_text())["digest"] == item.manifest["digest"]


def test_the_pointer_moves_only_forward_and_counts(target, staged):
    noon = HOUR - np.timedelta64(1, "h")
    earlier, first, second = put_out(target, staged, "cc", noon), put_out(target, staged, "aa"), put_out(target, staged, "bb")
    assert latest_release(target, "small") is None
    moves = [move_pointer(target, "small", release) for release in (earlier, first, first, earlier, second, first)]
    assert moves == [True, True, False, False, True, False]
    latest = latest_release(target, "small")
    assert latest is not None
    assert (latest["url"], latest["version"], latest["digest"], latest["sequence"]) == (second.url, 2, "bb", 3)


def test_version_ten_is_newer_than_version_nine(target):
    for version, moved in ((9, True), (10, True), (9, False)):
        release = Published(f"u{version}", "p", version, True, {**manifest("aa"), "version": version})
        assert move_pointer(target, "small", release) is moved


def test_racing_writers_each_count_once(target):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: forward(target, "counter.json", lambda old: {"by": number}), range(20)))
    content = target.read("counter.json")
    assert content is not None
    assert json.loads(content[0])["sequence"] == 20


def test_swap_changes_only_what_the_caller_has_read(target):
    assert target.swap("f", b"one", None)
    assert not target.swap("f", b"two", None)
    _, tag = target.read("f")
    assert target.swap("f", b"two", tag)
    assert not target.swap("f", b"three", tag)
    assert target.read("f")[0] == b"two"


def status(target: DiskTarget, hour: str, present: str, state: str = "complete", minute: int = 8) -> dict[str, Any]:
    release = Published("u", "p", 1, True, {**manifest("aa", np.datetime64(f"2026-07-01T{hour}:00", "s"), state), "version": 1})
    write_status(target, "small", release, np.datetime64(f"2026-07-01T{present}", "s"), minute)
    return json.loads((Path(target.root) / "small/status.json").read_text())


@pytest.mark.parametrize(
    ("present", "state"),
    [
        ("13:09:00", "live"),
        ("14:07:59", "live"),  # 14:00 is due at 14:08
        ("14:08:00", "late"),
        ("15:07:00", "late"),
        ("15:08:00", "stale"),
        ("23:00:00", "stale"),
    ],
)
def test_live_late_and_stale_are_hours_owed(target, present: str, state: str):
    found = status(target, "13:00", present)
    assert (found["state"], found["last_released"], found["next_expected"]) == (state, "2026-07-01T13:00:00Z", "2026-07-01T14:00:00Z")


def test_a_degraded_hour_is_released_and_not_complete(target):
    assert status(target, "12:00", "12:09:00")["last_complete"] == "2026-07-01T12:00:00Z"
    found = status(target, "13:00", "13:09:00", "degraded")
    assert (found["last_complete"], found["last_released"]) == ("2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z")


def test_releasing_an_old_hour_does_not_set_the_status_back(target):
    status(target, "13:00", "13:09:00")
    found = status(target, "10:00", "13:20:00")
    assert (found["last_released"], found["last_complete"], found["state"], found["sequence"]) == ("2026-07-01T13:00:00Z",) * 2 + ("live", 2)


def test_a_domain_whose_first_hour_is_degraded_has_no_complete_one(target):
    assert status(target, "13:00", "13:09:00", "degraded")["last_complete"] is None


class Overtaken(DiskTarget):
    """A folder in which another run writes its status between this run's reading and its writing."""

    other_run = None

    def read(self, path: str) -> tuple[bytes, str] | None:
        content = super().read(path)
        if self.other_run is not None:
            run, self.other_run = self.other_run, None
            run()
        return content


def test_of_two_racing_runs_the_later_hour_stays_in_the_status(target):
    overtaken = Overtaken(target.root)
    overtaken.other_run = lambda: status(target, "14:00", "14:09:00")
    assert status(overtaken, "13:00", "14:09:00")["last_released"] == "2026-07-01T14:00:00Z"


@pytest.mark.parametrize("root", ["gs://bucket/x", "http://server/x"])
def test_other_targets_are_refused_in_a_sentence(root: str):
    from stormcycle.release import TargetError

    with pytest.raises(TargetError, match="to a folder or to s3://"):
        open_target(root)


def test_a_target_that_cannot_be_written_is_an_error_in_a_sentence(tmp_path: Path, staged):
    from stormcycle.release import TargetError

    (tmp_path / "file").write_text("a file, where the folder should be")
    with pytest.raises(TargetError, match=r"cannot be used now: .*The cycle's work is kept"):
        put_out(DiskTarget(str(tmp_path / "file")), staged, "aa")
