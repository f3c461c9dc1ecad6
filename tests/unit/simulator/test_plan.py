"""Which granules some hours of cycles need: the plan of the simulator."""

from collections import Counter

import numpy as np
import pytest
import yaml
from sky import SKY, sky_domain

from stormcycle.background import Available, choose_run
from stormcycle.domain import Domain, parse_domain
from stormcycle.feeds import wanted_feeds
from stormcycle.simulator.plan import Unit, imager_step, runs, units
from stormcycle.times import HOUR, Time, iso, newest_run, parse_time

NOON = parse_time("2026-07-01T12:00Z")


def times(found: list[Unit], feed: str) -> list[Time]:
    return [unit.time for unit in found if unit.feed == feed]


def changed(**sections: object) -> Domain:
    return parse_domain(yaml.safe_dump({key: value for key, value in {**yaml.safe_load(SKY), **sections}.items() if value is not None}), "sky.yaml")


def test_an_hour_holds_every_volume_scan_minute_of_lightning_and_its_truth() -> None:
    found = units(sky_domain(), NOON, 1)
    assert Counter(unit.feed for unit in found) == {"radar": 8, "imager": 12, "lightning": 60, "background": 2, "truth": 1}
    assert len(set(found)) == len(found)
    minutes = times(found, "lightning")
    assert (minutes[0], minutes[-1]) == (NOON, NOON + np.timedelta64(59, "m"))
    assert times(found, "truth") == [NOON + HOUR]


def test_hours_join_without_a_gap_and_without_one_twice() -> None:
    two, first, second = units(sky_domain(), NOON, 2), units(sky_domain(), NOON, 1), units(sky_domain(), NOON + HOUR, 1)
    for feed in ("radar", "imager", "lightning", "truth"):
        assert times(two, feed) == times(first, feed) + times(second, feed)
    assert set(times(two, "background")) == set(times(first, "background")) | set(times(second, "background"))


@pytest.mark.parametrize("hour", range(24))
def test_the_newest_run_that_is_published_and_the_one_before_are_there_for_every_hour_of_the_day(hour: int) -> None:
    domain, time = sky_domain(), parse_time("2026-07-02T00:00Z") + hour * HOUR
    assert domain.background is not None
    there = runs(domain, time, time)
    newest = newest_run(time - np.timedelta64(5, "h"), 6)
    assert there == [newest - 6 * HOUR, newest]
    (wanted,) = (one for one in wanted_feeds(domain, time) if one.name == "background")
    assert all(wanted.start <= run < wanted.end for run in there)
    assert [choice.base_time for choice in choose_run([Available(run, None, iso(run)) for run in there], time)] == there[::-1]


def test_cycles_of_a_day_need_each_run_once() -> None:
    wanted = ["07-01T00", "07-01T06", "07-01T12", "07-01T18", "07-02T00", "07-02T06"]
    assert [iso(time)[5:13] for time in runs(sky_domain(), NOON + HOUR, NOON + 24 * HOUR)] == wanted


def test_seviri_scans_every_quarter_of_an_hour_and_a_domain_without_branches_needs_none() -> None:
    satellite = yaml.safe_load(SKY)["satellite"]
    satellite["imager"] |= {"feed": {"url": "x", "layout": "hrit"}, "reader": "seviri_l1b_hrit", "channels": ["IR_108"]}
    del satellite["lightning"]
    domain = changed(satellite=satellite)
    assert imager_step(domain) == np.timedelta64(15, "m")
    assert Counter(unit.feed for unit in units(domain, NOON, 1)) == {"radar": 8, "imager": 4, "background": 2, "truth": 1}
    assert Counter(unit.feed for unit in units(changed(satellite=None, background=None), NOON, 1)) == {"radar": 8, "truth": 1}


def test_a_layout_that_no_writer_knows_is_refused_in_a_sentence() -> None:
    domain = sky_domain()
    feed = domain.radar.feed.model_copy(update={"layout": "odim-by-site"})
    other = domain.model_copy(update={"radar": domain.radar.model_copy(update={"feed": feed})})
    with pytest.raises(ValueError, match=r"cannot write radar.feed.layout odim-by-site of sky; it writes nexrad, odim"):
        units(other, NOON, 1)
