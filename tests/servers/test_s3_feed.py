"""Granules in a real S3 bucket: the same cycle as from a folder."""

from pathlib import Path

import fsspec
import pytest
import yaml
from house import FIRST, SMALL, House

from flows.cycle import cycle
from stormcycle.domain import load_domain
from stormcycle.feeds import fetch_granule, list_radar_feed
from stormcycle.states import GranuleState
from stormcycle.times import parse_time

pytestmark = pytest.mark.server


@pytest.fixture
def s3_bucket(house: House, s3, tmp_path: Path) -> str:
    """A copy of the bucket in S3; the domain `small` reads from it, without credentials."""
    root = f"releases/feeds/{tmp_path.name}"
    fsspec.filesystem("s3", **s3.writer).put(str(house.bucket), root, recursive=True)
    domain = yaml.safe_load(SMALL)
    domain["radar"]["feed"] |= {"url": f"s3://{root}", "storage_options": s3.reader}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    return root


def test_a_cycle_from_s3_has_the_digest_of_one_from_a_folder(house: House, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_s3 = cycle.fn("small", FIRST)
    assert (from_s3.state, from_s3.degraded) == ("complete", ())
    (house.domains / "small.yaml").write_text(SMALL)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/buckets").symlink_to(house.home / "buckets")
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "other"))
    assert cycle.fn("small", FIRST).digest == from_s3.digest


def test_an_object_that_changed_since_the_pin_is_corrupt_and_one_that_went_is_missing(house: House, s3_bucket: str, s3, tmp_path: Path) -> None:
    domain = load_domain("small")
    pinned = {granule.key: granule for granule in list_radar_feed(domain, parse_time(FIRST))}
    assert len(pinned) == 20
    writer = fsspec.filesystem("s3", **s3.writer)
    changed, gone, kept = list(pinned)[:3]
    writer.pipe_file(f"{s3_bucket}/{changed}", b"other bytes")
    writer.rm_file(f"{s3_bucket}/{gone}")
    states = [fetch_granule(domain.radar.feed, pinned[key], tmp_path / "work")[0] for key in (changed, gone, kept)]
    assert states == [GranuleState.CORRUPT, GranuleState.MISSING, GranuleState.OK]
