"""What `stormcycle health` is told of an hour that failed and was repaired, by real cycles."""

import numpy as np
import pytest
from cycle.command_line import stormcycle
from house import FIRST, SMALL, House

from flows.cycle import cycle
from stormcycle.domain import load_domain
from stormcycle.release.hours import Hour
from stormcycle.times import parse_time
from tasks.health import hours_of


def test_a_failed_hour_says_at_which_stage_and_why_until_it_is_released(house: House) -> None:
    until = parse_time(FIRST) + np.timedelta64(30, "m")
    assert hours_of(load_domain("small"), until) == []
    house.bucket.rename(house.bucket.with_name("away"))
    with pytest.raises(Exception, match="has no folder") as said:
        cycle.fn("small", FIRST)
    assert hours_of(load_domain("small"), until) == [Hour(FIRST, "failed", None, (f"pin: {' '.join(str(said.value).split())}",))]
    house.bucket.with_name("away").rename(house.bucket)
    (house.home / "no-folder").write_text("a file")
    (house.domains / "small.yaml").write_text(SMALL + f'release: {{root: "{house.home}/no-folder"}}\n')
    with pytest.raises(Exception, match="cannot be used now") as said:
        cycle.fn("small", FIRST)
    (house.domains / "small.yaml").write_text(SMALL)
    assert hours_of(load_domain("small"), until) == [Hour(FIRST, "failed", None, (f"release: {' '.join(str(said.value).split())}",))]
    made = cycle.fn("small", FIRST)
    assert hours_of(load_domain("small"), until) == [Hour(FIRST, made.state, made.version, tuple(f"{item.product}: {item.detail}" for item in made.degraded))]


def test_a_domain_that_is_broken_hides_no_other(house: House) -> None:
    cycle.fn("small", FIRST)
    (house.domains / "broken.yaml").write_text("name: broken\n")
    said = stormcycle("health", "--until", "2026-07-01T13:30Z", "--json")
    assert said.code == 1
    assert [hour["state"] for hour in said.document["small"]] == ["complete"]
    assert "broken.yaml is not a valid domain" in said.err
