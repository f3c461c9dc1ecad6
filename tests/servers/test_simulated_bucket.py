"""The simulator writes into a real S3 bucket what it writes into a folder, faults and all."""

from pathlib import Path

import fsspec
import pytest
from house import SCAN, SMALL

from stormcycle.domain import parse_domain
from stormcycle.simulator import simulate
from stormcycle.times import parse_time

pytestmark = pytest.mark.server
NOON = parse_time("2026-07-01T12:00Z")
FAULTS = ("missing", "truncated", "duplicate", "moved-bucket", "wrong-clock")


def test_a_bucket_in_s3_holds_the_bytes_of_a_folder_and_what_moved_lies_beside(s3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT_URL", s3.endpoint), ("ACCESS_KEY_ID", s3.writer["key"]), ("SECRET_ACCESS_KEY", s3.writer["secret"])):
        monkeypatch.setenv(f"AWS_{name}", value)
    domain, root = parse_domain(SMALL, "small.yaml"), f"releases/simulated/{tmp_path.name}"
    keys = simulate(domain, NOON, 1, 7, tmp_path / "bucket", scan=SCAN, faults=FAULTS)
    assert simulate(domain, NOON, 1, 7, f"s3://{root}", scan=SCAN, faults=FAULTS) == keys
    store = fsspec.filesystem("s3", **s3.writer)
    for folder, place in ((tmp_path / "bucket", root), (tmp_path / "bucket-moved", f"{root}-moved")):
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert files
        assert {path.removeprefix(f"{place}/"): store.cat_file(path) for path in store.find(place)} == files
