"""Where granules come from: layouts of keys, listing, fetching, telling what a file is, reading in a child process."""

from stormcycle.feeds.fetching import fetch_granule
from stormcycle.feeds.layouts import LAYOUTS, Layout
from stormcycle.feeds.listing import FeedError, list_radar_feed
from stormcycle.feeds.reading import ReadFailure, read_each
from stormcycle.feeds.sniffing import Sniffed, sniff

__all__ = ["LAYOUTS", "FeedError", "Layout", "ReadFailure", "Sniffed", "fetch_granule", "list_radar_feed", "read_each", "sniff"]
