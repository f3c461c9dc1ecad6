"""Granules in real S3 buckets: the same cycle as from a folder, and the faults of a store as states and sentences."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import yaml
from house import FIRST, SMALL, House
from proxy import Fault, Proxy, proxying

from flows.cycle import cycle
from stormcycle.cycle.record import PrefixState
from stormcycle.domain import SHIPPED, Domain, load_domain, parse_domain
from stormcycle.feeds import FeedForbidden, FeedMissing, FeedUnavailable, fetch_granule, list_radar_feed
from stormcycle.states import GranuleState
from stormcycle.times import parse_time
from tasks.fetch import fetch
from tasks.pin import pin

pytestmark = pytest.mark.server
SLOW_DOWN = Fault(503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
DENIED = Fault(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>")
SAMPLE = "KTLX20140101_000624_V06.gz"


def feed_from(house: House, url: str, **options: Any) -> Domain:
    """The domain `small`, reading from another URL."""
    domain = yaml.safe_load(SMALL)
    domain["radar"]["feed"] |= {"url": url, "storage_options": options}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    return load_domain("small")


@pytest.fixture
def s3_bucket(house: House, s3, tmp_path: Path) -> str:
    """A copy of the bucket in S3; the domain `small` reads from it, without credentials."""
    root = f"releases/feeds/{tmp_path.name}"
    fsspec.filesystem("s3", **s3.writer).put(str(house.bucket), root, recursive=True)
    feed_from(house, f"s3://{root}", **s3.reader)
    return root


@pytest.fixture
def proxy(house: House, s3_bucket: str, s3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy in front of S3 that can fail; the domain `small` reads through it, and pauses are short."""
    monkeypatch.setattr("stormcycle.feeds.transient.PAUSES_S", (0.01, 0.01, 0.01))
    with proxying(s3.endpoint) as running:
        feed_from(house, f"s3://{s3_bucket}", **{**s3.reader, "endpoint_url": running.url})
        yield running


def listing(granules: str) -> Any:
    return list_radar_feed(load_domain("small"), parse_time(granules))


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
    pinned = {granule.key: granule for granule in listing(FIRST).granules}
    assert len(pinned) == 20
    writer = fsspec.filesystem("s3", **s3.writer)
    changed, gone, kept = list(pinned)[:3]
    writer.pipe_file(f"{s3_bucket}/{changed}", b"other bytes")
    writer.rm_file(f"{s3_bucket}/{gone}")
    states = [fetch_granule(domain.radar.feed, pinned[key], tmp_path / "work")[0] for key in (changed, gone, kept)]
    assert states == [GranuleState.CORRUPT, GranuleState.MISSING, GranuleState.OK]


def test_a_bucket_that_is_gone_at_the_fetch_takes_no_granule_away(house: House, s3_bucket: str, s3, tmp_path: Path) -> None:
    granule = listing(FIRST).granules[0]
    with pytest.raises(FeedMissing, match="the feed is gone"):
        fetch_granule(feed_from(house, "s3://nowhere", **s3.writer).radar.feed, granule, tmp_path / "work")


def test_objects_say_when_they_came_and_twins_are_told_by_their_tag(house: House, s3_bucket: str, s3) -> None:
    writer = fsspec.filesystem("s3", **s3.writer)
    before = listing(FIRST)
    assert {prefix.state for prefix in before.prefixes} == {PrefixState.SETTLED}
    assert all(granule.arrived is not None and granule.sha256.startswith("etag:") for granule in before.granules)
    first, second = before.granules[:2]
    writer.pipe_file(f"{s3_bucket}/{second.key}", writer.cat_file(f"{s3_bucket}/{first.key}"))
    twin = listing(FIRST).granules[1]
    assert (twin.state, twin.notes) == (GranuleState.DUPLICATE, (f"The same bytes as {first.key}.",))


def test_a_prefix_that_s3_does_not_hold_is_missing_and_the_feed_is_there(house: House, s3_bucket: str) -> None:
    found = listing("2026-06-01T13:00:00Z")
    assert found.granules == ()
    assert {prefix.state for prefix in found.prefixes} == {PrefixState.MISSING}


def test_a_bucket_that_lets_nobody_in_and_one_that_does_not_exist_are_told_apart(house: House, s3, tmp_path: Path) -> None:
    writer = fsspec.filesystem("s3", **s3.writer)
    writer.call_s3("create_bucket", Bucket="closed")
    feed_from(house, "s3://closed", **s3.reader)
    with pytest.raises(FeedForbidden, match=r"radar feed of small failed: access is denied"):
        listing(FIRST)
    for url, options in (("s3://nowhere", s3.writer), ("s3://closed/nothing/here", s3.writer)):
        feed_from(house, url, **options)
        with pytest.raises(FeedMissing, match=f"The radar feed of small has no bucket {url}; check `url`"):
            listing(FIRST)
    with pytest.raises(FeedMissing):
        cycle.fn("small", FIRST)
    assert list((house.home / "work").rglob("record-*.json")) == []


def test_listing_asks_once_for_each_prefix_whatever_lies_there(proxy: Proxy) -> None:
    assert len(listing(FIRST).granules) == 20
    assert len(proxy.asked) == 2


@pytest.mark.parametrize(
    "fault", [SLOW_DOWN, Fault(500), Fault(429), Fault(close=True), Fault(cut=True)], ids=["slow down", "500 without words", "429", "closed", "cut"]
)
def test_trouble_that_passes_is_asked_again(proxy: Proxy, fault: Fault) -> None:
    proxy.fail(fault, times=2)
    assert len(listing(FIRST).granules) == 20
    assert len(proxy.asked) == 4


def test_a_slow_answer_is_asked_again(house: House, proxy: Proxy, s3_bucket: str, s3) -> None:
    options = {**s3.reader, "endpoint_url": proxy.url}
    feed_from(house, f"s3://{s3_bucket}", **{**options, "config_kwargs": {**options["config_kwargs"], "read_timeout": 1}})
    proxy.fail(Fault(wait_s=3.0), times=1)
    assert len(listing(FIRST).granules) == 20
    assert len(proxy.asked) == 3


def test_trouble_that_stays_is_an_error_after_four_tries_and_refusal_after_one(proxy: Proxy) -> None:
    proxy.fail(SLOW_DOWN)
    with pytest.raises(FeedUnavailable, match=r"Listing 2026/07/01/simli of the radar feed of small failed 4 times: .*reduce your request rate.*run again"):
        listing(FIRST)
    assert len(proxy.asked) == 4
    proxy.rules.clear()
    proxy.fail(DENIED)
    with pytest.raises(FeedForbidden):
        listing(FIRST)
    assert len(proxy.asked) == 5


def test_a_run_that_cannot_fetch_fails_loses_nothing_and_a_rerun_goes_on(house: House, proxy: Proxy) -> None:
    proxy.fail(SLOW_DOWN, when=lambda request: "GET" in request and "125400Z" in request)
    hour = pin("small", FIRST, False)
    with pytest.raises(FeedUnavailable, match=r"Fetching .*125400Z.h5 from the radar feed s3://.* failed 4 times"):
        fetch(hour)
    fetched = len(list((house.home / "work").rglob("inputs/*")))
    proxy.rules.clear()
    proxy.asked.clear()
    again = pin("small", FIRST, False)
    assert {item.state for item in fetch(again)} == {GranuleState.OK}
    assert (again.revision, sum("GET" in request for request in proxy.asked)) == (hour.revision, 20 - fetched)


def test_one_object_that_is_refused_fails_the_run_in_a_sentence(proxy: Proxy) -> None:
    proxy.fail(DENIED, when=lambda request: "124200Z" in request)
    with pytest.raises(FeedForbidden, match=r"Fetching .*124200Z.h5 .* access is denied"):
        fetch(pin("small", FIRST, False))


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(close=True)], ids=["cut", "closed"])
def test_a_transfer_that_breaks_off_is_made_again_and_never_half_a_file(proxy: Proxy, tmp_path: Path, fault: Fault) -> None:
    granule = listing(FIRST).granules[0]
    proxy.fail(fault, times=2, when=lambda request: request.startswith("GET") and granule.key in request)
    assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path / "work") == (GranuleState.OK, "")
    (fetched,) = (tmp_path / "work/inputs").iterdir()
    assert fetched.stat().st_size == granule.size


def test_an_hour_before_the_archive_moved_is_read_from_the_old_bucket_alone(s3, samples: Path, tmp_path: Path) -> None:
    writer = fsspec.filesystem("s3", **s3.writer)
    for bucket in ("unidata-nexrad-level2", "noaa-nexrad-level2"):
        writer.call_s3("create_bucket", Bucket=bucket)
        writer.pipe_file(f"{bucket}/2025/09/01/KTLX/KTLX20250901_000100_V06", bucket.encode())
        writer.pipe_file(f"{bucket}/2025/08/31/KTLX/KTLX20250831_235900_V06", bucket.encode() + b"!")
    writer.put_file(str(samples / "radar/nexrad_l2" / SAMPLE), f"noaa-nexrad-level2/2014/01/01/KTLX/{SAMPLE}")
    raw = yaml.safe_load((SHIPPED / "ktlx.yaml").read_text())
    with proxying(s3.endpoint) as proxy:
        raw["radar"]["feed"]["storage_options"] |= {**s3.writer, "endpoint_url": proxy.url}
        raw["radar"]["feed"]["settle_seconds"] = 0
        domain = parse_domain(yaml.safe_dump(raw), "ktlx.yaml")
        (granule,) = list_radar_feed(domain, parse_time("2014-01-01T01:00Z")).granules
        assert (granule.key, granule.state) == (f"2014/01/01/KTLX/{SAMPLE}", GranuleState.LATE)  # it came to our bucket today
        assert fetch_granule(domain.radar.feed, granule, tmp_path) == (GranuleState.OK, "")
        assert [request for request in proxy.asked if "unidata" in request] == []
        across = list_radar_feed(domain, parse_time("2025-09-01T00:00Z"))
        assert [fetch_granule(domain.radar.feed, item, tmp_path / "across")[0] for item in across.granules] == [GranuleState.OK] * 2
    assert {path.read_bytes() for path in (tmp_path / "across/inputs").iterdir()} == {b"noaa-nexrad-level2!", b"unidata-nexrad-level2"}
