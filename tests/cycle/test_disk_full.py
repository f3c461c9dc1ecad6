"""A release target without space: the work is kept, nothing half is released, a retry releases without computing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_input.spoiling import undisturbed
from house import FIRST, SECOND, SMALL, House

from flows.cycle import cycle
from stormcycle.release.targets import TargetError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 20 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("This user may not mount a small file system here, so no disk can be filled.")
    yield disk
    subprocess.run(["umount", disk], check=True)


def resized(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def stages(house: House) -> dict[Path, int]:
    """When each finished output of the work store was written."""
    return {path: path.stat().st_mtime_ns for path in (house.home / "work").rglob("*.json") if "tokens" not in path.parts}


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_full_disk_is_told_and_a_retry_releases_without_computing(house: House, small_disk: Path, simulated_bucket: Path) -> None:
    (house.domains / "small.yaml").write_text(SMALL + f'release: {{root: "{small_disk}"}}\n')
    with pytest.raises(TargetError, match=r"no space left.*free some space and run the cycle again"):
        cycle.fn("small", FIRST)
    assert not [name for name in files(small_disk) if name.endswith(("manifest.json", "latest.json", "status.json", ".part"))]
    before = stages(house)
    assert {path.parent.name for path in before} >= {"decode", "quality", "grid", "mosaic", "nowcast", "probability"}
    resized(small_disk, "64m")
    made = cycle.fn("small", FIRST)
    assert stages(house) == before
    assert (made.state, made.version, made.digest) == ("complete", 1, undisturbed(simulated_bucket).digest)
    assert made.url == str(small_disk / "small/2026/07/01T13Z/v1/release.zarr")
    said = {name: (small_disk / "small" / name).read_bytes() for name in ("latest.json", "status.json")}

    use = os.statvfs(small_disk)
    resized(small_disk, str((use.f_blocks - use.f_bfree) * use.f_frsize + 16384))
    with pytest.raises(TargetError, match="no space left"):
        cycle.fn("small", SECOND)
    assert {name: (small_disk / "small" / name).read_bytes() for name in said} == said
    assert cycle.fn("small", FIRST).url == made.url


def test_a_run_that_died_between_the_release_and_the_pointer_is_made_good_by_the_next(house: House, simulated_bucket: Path) -> None:
    releases = house.home / "releases/small"
    shutil.copytree(Path(undisturbed(simulated_bucket).url).parents[4], releases)
    for name in ("latest.json", "status.json"):
        (releases / name).unlink()
    found = cycle.fn("small", FIRST)
    assert (found.url, found.new) == (str(releases / "2026/07/01T13Z/v1/release.zarr"), False)
    assert FIRST in (releases / "latest.json").read_text()
    assert FIRST in (releases / "status.json").read_text()
