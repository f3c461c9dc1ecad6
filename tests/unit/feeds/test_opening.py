"""Opening a feed: which of its URLs holds a time, and the options with which each protocol is opened."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormcycle.domain import RadarFeed
from stormcycle.feeds.opening import is_there, open_feed, spans, url_at

MIDNIGHT = np.datetime64("2025-09-01T00:00:00", "s")


def moved(*minutes: int) -> RadarFeed:
    """A feed that moved at the given minutes after midnight."""
    formerly = [{"url": f"/bucket-{number}", "until": f"{MIDNIGHT + np.timedelta64(minute, 'm')}Z"} for number, minute in enumerate(minutes)]
    return RadarFeed(url="/now", formerly=formerly, layout="odim")  # type: ignore[arg-type]


def test_a_granule_of_the_move_lies_at_the_new_place_and_one_a_second_before_at_the_old():
    feed = moved(0)
    assert url_at(feed, MIDNIGHT) == "/now"
    assert url_at(feed, MIDNIGHT - np.timedelta64(1, "s")) == "/bucket-0"
    assert url_at(feed, None) == "/now"


def test_a_time_of_a_move_in_another_zone_is_the_same_time():
    feed = RadarFeed(url="/now", formerly=[{"url": "/old", "until": "2025-09-01T02:00:00+02:00"}], layout="odim")  # type: ignore[arg-type]
    assert [url_at(feed, MIDNIGHT + np.timedelta64(second, "s")) for second in (-1, 0)] == ["/old", "/now"]


@given(st.lists(st.integers(-200, 200), max_size=4), st.integers(-150, 150), st.integers(0, 130))
def test_the_parts_of_a_window_are_where_each_of_its_minutes_lies(minutes: list[int], start: int, length: int):
    feed = moved(*sorted(minutes))
    first = MIDNIGHT + np.timedelta64(start, "m")
    parts = spans(feed, first, first + np.timedelta64(length, "m"))
    by_minute = [url_at(feed, first + np.timedelta64(minute, "m")) for minute in range(length)]
    assert [url for url, begin, end in parts for _ in range(int((end - begin) / np.timedelta64(1, "m")))] == by_minute
    assert len({url for url, _, _ in parts}) == len(parts)


def test_the_options_of_a_domain_go_over_ours_one_by_one():
    options = {"anon": True, "config_kwargs": {"read_timeout": 3, "s3": {"addressing_style": "path"}}}
    filesystem = open_feed(RadarFeed(url="s3://bucket/x", layout="odim", storage_options=options), "s3://bucket/x").filesystem
    assert filesystem.config_kwargs == {
        "connect_timeout": 10,
        "read_timeout": 3,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        "s3": {"addressing_style": "path"},
    }
    assert (filesystem.anon, filesystem.retries) == (True, 1)
    assert options["config_kwargs"] == {"read_timeout": 3, "s3": {"addressing_style": "path"}}


def test_a_web_server_is_waited_for_ten_and_sixty_seconds_or_as_the_domain_says():
    for given_options, expected in (({}, (10, 60)), ({"client_kwargs": {"timeout": {"sock_read": 2}}}, (10, 2))):
        place = open_feed(RadarFeed(url="https://a.invalid/b/", layout="odim", storage_options=given_options), "https://a.invalid/b/")
        timeout = place.filesystem.client_kwargs["timeout"]
        assert (timeout.sock_connect, timeout.sock_read, timeout.total) == (*expected, None)
        assert (place.root, place.path("2026/01"), place.path("")) == ("https://a.invalid/b", "https://a.invalid/b/2026/01", "https://a.invalid/b")


def test_a_folder_is_there_or_not(tmp_path: Path):
    place = open_feed(RadarFeed(url=str(tmp_path), layout="odim"), str(tmp_path))
    assert is_there(place, "Looking")
    gone = open_feed(RadarFeed(url=str(tmp_path / "gone"), layout="odim"), str(tmp_path / "gone"))
    assert not is_there(gone, "Looking")


@pytest.mark.parametrize("url", ["https://a.invalid/b", "s3://bucket/b", "/b"])
def test_what_a_listing_said_before_is_never_believed_again(url: str):
    filesystem = open_feed(RadarFeed(url=url, layout="odim", storage_options={"anon": True} if "s3" in url else {}), url).filesystem
    assert not filesystem.dircache.use_listings_cache
