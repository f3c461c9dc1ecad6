"""What the feeds of a simulated domain would carry: which granules of which times some hours of cycles need."""

from dataclasses import dataclass

import numpy as np

from stormcycle.domain import Domain
from stormcycle.times import HOUR, Time, newest_run

IMAGER_STEP = np.timedelta64(5 * 60, "s")
MINUTE = np.timedelta64(60, "s")
WRITTEN = {
    "radar.feed": ("nexrad", "odim"),
    "satellite.imager.feed": ("abi-l1b-c", "abi-l1b-f", "abi-l1b-m1", "abi-l1b-m2", "hrit"),
    "background.feed": ("aladin",),
}
"""The layouts that a writer knows."""
RUNS_BACK = 2
"""Model runs that a cycle may need: the newest that is published, and the one before it in case that is broken."""


@dataclass(frozen=True)
class Unit:
    """What is simulated at once: a volume of a `site`, the channels of a scan, a minute of lightning, a run of the model.

    `feed`: radar, imager, lightning or background, or `truth`: the hour that ends at the time, as it really was. `time`: nominal.
    """

    feed: str
    time: Time
    site: str = ""


def units(domain: Domain, start: Time, hours: int) -> list[Unit]:
    """What the cycles of (start, start + hours] need of every feed of the domain, by feed, time and site.

    Volumes, scans and lightning of those hours, and the model runs that the cycles could use, which are older. Raises ValueError
    with a sentence when a feed of the domain has a layout that no writer knows.
    """
    _check_layouts(domain)
    end = start + hours * HOUR
    step = np.timedelta64(domain.step_minutes, "m").astype("timedelta64[s]")
    found = [Unit("radar", time, site) for time in _every(step, start, end) for site in sorted(domain.radar.sites)]
    if domain.satellite is not None:
        found += [Unit("imager", time) for time in _every(imager_step(domain), start, end)]
        if domain.satellite.lightning is not None:
            found += [Unit("lightning", time - MINUTE) for time in _every(MINUTE, start, end)]
    if domain.background is not None:
        found += [Unit("background", time) for time in runs(domain, start + HOUR, end)]
    return found + [Unit("truth", time) for time in _every(HOUR.astype("timedelta64[s]"), start, end)]


def _check_layouts(domain: Domain) -> None:
    layouts: dict[str, str] = {"radar.feed": domain.radar.feed.layout}
    if domain.satellite is not None:
        layouts["satellite.imager.feed"] = domain.satellite.imager.feed.layout
    if domain.background is not None:
        layouts["background.feed"] = domain.background.feed.layout
    for key, layout in layouts.items():
        if layout not in WRITTEN[key]:
            raise ValueError(f"The simulator cannot write {key}.layout {layout} of {domain.name}; it writes {', '.join(WRITTEN[key])}.")


def imager_step(domain: Domain) -> np.timedelta64:
    """From scan to scan of the domain's imager: 5 minutes of ABI's CONUS and (here) mesoscale scenes, 10 of its disk, 15 of SEVIRI's."""
    assert domain.satellite is not None  # asked of domains with an imager
    return {"hrit": 3, "abi-l1b-f": 2}.get(domain.satellite.imager.feed.layout, 1) * IMAGER_STEP


def runs(domain: Domain, first: Time, last: Time) -> list[Time]:
    """The base times of the model runs that the cycles of [first, last] may need, oldest first."""
    assert domain.background is not None  # asked of domains with a model
    feed = domain.background.feed
    step, delay = feed.run_every_hours * HOUR, np.timedelta64(int(60 * feed.published_after_minutes), "s")
    oldest = newest_run(first - delay, feed.run_every_hours) - (RUNS_BACK - 1) * step
    return _every(step, oldest - step, newest_run(last - delay, feed.run_every_hours))


def _every(step: np.timedelta64, start: Time, end: Time) -> list[Time]:
    """The times of (start, end], one every step from the start on."""
    return list((start + step * np.arange(1, int((end - start) / step) + 1)).astype("datetime64[s]"))
