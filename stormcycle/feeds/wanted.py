"""What a cycle asks of its feeds: of each the streams and the times by name that it can own."""

from dataclasses import dataclass

import numpy as np

from stormcycle.domain import Domain, Feed, PackedSequence
from stormcycle.feeds.layouts import LAYOUTS, Layout, window
from stormcycle.times import HOUR, Time

LONGEST_SCAN = np.timedelta64(15 * 60, "s")
"""From the start of an imager's scan to the next: a full disk of SEVIRI is the slowest."""
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Wanted:
    """One feed of a domain and what a cycle wants of it.

    `name`: radar, imager, lightning or background. `streams`: what its granules are of (radar sites, an imager's channels;
    one name where names tell none). Times by name lie in [start, end); those of a model's runs are `every_hours` from 00 UTC on.
    """

    name: str
    domain: str
    feed: Feed
    streams: tuple[str, ...]
    start: Time
    end: Time
    packed: PackedSequence | None = None
    every_hours: int = 1

    @property
    def layout(self) -> Layout:
        """How the feed's keys are written."""
        return LAYOUTS[self.feed.layout]

    @property
    def title(self) -> str:
        """The feed as people say it."""
        return f"{self.name} feed of {self.domain}"


def radar_wanted(domain: Domain, cycle_time: Time) -> Wanted:
    """What a cycle wants of the radar feed: the volumes that its slots can own."""
    feed = domain.radar.feed
    return Wanted("radar", domain.name, feed, tuple(domain.radar.sites), *window(LAYOUTS[feed.layout], cycle_time, domain.step_minutes), feed.packed)


def wanted_feeds(domain: Domain, cycle_time: Time) -> list[Wanted]:
    """Every feed of a domain: radar; the imager's scans that began in the last minutes before T; the lightning of the trailing
    window; the model's runs whose forecast for T is not too old.
    """
    found = [radar_wanted(domain, cycle_time)]
    if domain.satellite is not None:
        imager = domain.satellite.imager
        oldest = np.timedelta64(int(60 * imager.oldest_minutes), "s") + LONGEST_SCAN
        streams = (*imager.channels, "_") if imager.feed.layout == "hrit" else imager.channels  # "_": prologue and epilogue
        found.append(Wanted("imager", domain.name, imager.feed, streams, cycle_time - oldest, cycle_time))
    if domain.satellite is not None and (lightning := domain.satellite.lightning) is not None:
        begin = cycle_time - np.timedelta64(lightning.minutes * 60, "s")
        found.append(Wanted("lightning", domain.name, lightning.feed, ("glm",), begin, cycle_time))
    if domain.background is not None:
        feed = domain.background.feed
        oldest_run = cycle_time - domain.background.longest_lead_hours * HOUR
        found.append(Wanted("background", domain.name, feed, (feed.layout,), oldest_run, cycle_time + SECOND, every_hours=feed.run_every_hours))
    return found
