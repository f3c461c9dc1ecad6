"""What a cycle asks of its feeds: streams, and times by name that it can own."""

import numpy as np
import pytest
import yaml
from sky import SKY, sky_domain

from stormcycle.domain import Domain, load_domain, parse_domain
from stormcycle.feeds import Wanted, wanted_feeds
from stormcycle.times import iso, parse_time

TIME = parse_time("2026-07-01T13:00Z")


def asked(domain: Domain) -> dict[str, Wanted]:
    return {wanted.name: wanted for wanted in wanted_feeds(domain, TIME)}


def without(*branches: str) -> Domain:
    raw = yaml.safe_load(SKY)
    for branch in branches:
        raw.pop(branch)
    return parse_domain(yaml.safe_dump(raw), "sky.yaml")


def test_each_feed_is_asked_for_the_times_that_the_cycle_can_own() -> None:
    spans = {name: (iso(wanted.start), iso(wanted.end)) for name, wanted in asked(sky_domain()).items()}
    assert spans == {
        "radar": ("2026-07-01T12:07:30Z", "2026-07-01T13:07:30Z"),
        "imager": ("2026-07-01T12:25:00Z", "2026-07-01T13:00:00Z"),  # 20 minutes old at most, after a scan of 15
        "lightning": ("2026-07-01T12:45:00Z", "2026-07-01T13:00:00Z"),
        "background": ("2026-06-30T13:00:00Z", "2026-07-01T13:00:01Z"),
    }


def test_streams_are_sites_channels_and_one_name_where_names_tell_none() -> None:
    found = asked(sky_domain())
    assert {name: wanted.streams for name, wanted in found.items()} == {
        "radar": ("sima", "simb"),
        "imager": ("C09", "C13"),
        "lightning": ("glm",),
        "background": ("aladin",),
    }
    assert (found["background"].every_hours, found["radar"].every_hours) == (6, 1)
    assert found["imager"].title == "imager feed of sky"
    assert {name: wanted.layout.kind for name, wanted in found.items()} == {
        "radar": "odim",
        "imager": "imager",
        "lightning": "lightning",
        "background": "grib",
    }


def test_of_hrit_the_prologue_and_epilogue_of_a_scan_are_asked_for_too() -> None:
    raw = yaml.safe_load(SKY)
    raw["satellite"]["imager"] |= {"feed": {"url": "x", "layout": "hrit"}, "reader": "seviri_l1b_hrit", "channels": ["WV_062", "IR_108"]}
    assert asked(parse_domain(yaml.safe_dump(raw), "sky.yaml"))["imager"].streams == ("WV_062", "IR_108", "_")


@pytest.mark.parametrize(
    ("branches", "left"),
    [(("satellite",), ["radar", "background"]), (("background",), ["radar", "imager", "lightning"]), (("satellite", "background"), ["radar"])],
)
def test_a_branch_that_the_domain_lacks_asks_for_nothing(branches: tuple[str, ...], left: list[str]) -> None:
    assert list(asked(without(*branches))) == left


def test_an_older_scan_and_a_longer_forecast_may_be_asked_for() -> None:
    raw = yaml.safe_load(SKY)
    raw["satellite"]["imager"]["oldest_minutes"] = 45
    raw["satellite"]["lightning"]["minutes"] = 5
    raw["background"]["longest_lead_hours"] = 36
    found = asked(parse_domain(yaml.safe_dump(raw), "sky.yaml"))
    assert TIME - found["imager"].start == np.timedelta64(60, "m")
    assert TIME - found["lightning"].start == np.timedelta64(5, "m")
    assert TIME - found["background"].start == np.timedelta64(36, "h")


def test_every_shipped_domain_asks_for_its_radar_first() -> None:
    for name in ("demo", "slovenia-sim", "czechia", "conus-okx"):
        assert wanted_feeds(load_domain(name), TIME)[0].name == "radar"
