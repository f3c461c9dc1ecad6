"""Where granules come from: layouts of keys, listing, fetching, telling what a file is, reading in a child process."""

from stormcycle.feeds.fetching import fetch_granule
from stormcycle.feeds.health import feed_health
from stormcycle.feeds.layouts import LAYOUTS, Layout
from stormcycle.feeds.listing import Listing, list_feed, list_feeds, list_radar_feed
from stormcycle.feeds.overview import overview
from stormcycle.feeds.reading import ReadFailure, read_each
from stormcycle.feeds.sniffing import Sniffed, sniff
from stormcycle.feeds.transient import FeedError, FeedForbidden, FeedMissing, FeedUnavailable
from stormcycle.feeds.wanted import Wanted, wanted_feeds

__all__ = [
    "LAYOUTS",
    "FeedError",
    "FeedForbidden",
    "FeedMissing",
    "FeedUnavailable",
    "Layout",
    "Listing",
    "ReadFailure",
    "Sniffed",
    "Wanted",
    "feed_health",
    "fetch_granule",
    "list_feed",
    "list_feeds",
    "list_radar_feed",
    "overview",
    "read_each",
    "sniff",
    "wanted_feeds",
]
