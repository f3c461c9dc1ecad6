"""What `stormcycle feeds` shows: each granule with its delay, each slot that nothing fills, prefixes that are not settled."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import yaml
from house import SMALL

from stormcycle.domain import Domain, parse_domain
from stormcycle.feeds import list_feeds, overview

NOON = np.datetime64("2026-07-01T12:00:00", "s")


def domain(url: Path, **feed: object) -> Domain:
    raw = yaml.safe_load(SMALL)
    raw["radar"]["feed"] = {"url": str(url), "layout": "odim", **feed}
    return parse_domain(yaml.safe_dump(raw), "small.yaml")


def put(root: Path, key: str, clock: str, delay_s: int) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key)
    came = datetime(2026, 7, 1, int(clock[:2]), int(clock[2:4]), int(clock[4:]), tzinfo=UTC).timestamp() + delay_s
    os.utime(path, (came, came))


def test_the_slots_that_no_granule_fills_are_missing_site_by_site(tmp_path: Path):
    for clock in ("110300", "112500", "113259", "113300"):  # slots 11:06, 11:24, 11:30, 11:36
        put(tmp_path, f"2026/07/01/simpa/simpa_pvol_20260701T{clock}Z.h5", clock, 90)
    shown = overview(domain(tmp_path), NOON, list_feeds(domain(tmp_path), NOON))
    missing = [(row["site"], row["valid_time"]) for row in shown["granules"] if row["state"] == "missing"]
    filled = {("simpa", minute) for minute in (6, 24, 30, 36)}
    expected = [(site, minute) for site in ("simli", "simpa") for minute in range(6, 61, 6) if (site, minute) not in filled]
    assert missing == [(site, f"2026-07-01T{11 + minute // 60}:{minute % 60:02d}:00Z") for site, minute in expected]
    assert [(row["valid_time"], row["delay_minutes"]) for row in shown["granules"] if row["key"]] == [
        (f"2026-07-01T11:{clock}Z", 1.5) for clock in ("03:00", "25:00", "32:59", "33:00")
    ]
    assert shown["prefixes"] == [{"site": "simli", "prefix": "2026/07/01/simli", "state": "missing", "granules": 0, "feed": "radar"}]


def test_a_scan_fills_the_slot_that_its_volume_starts_at(tmp_path: Path):
    for clock in ("111200", "111201", "120600"):  # the ends of scans of the volumes of 11:06, 11:12 and 12:00
        put(tmp_path, f"2026/07/01/simli/T_PAZA63_C_LFPW_20260701{clock}.h5", clock, 0)
    scans = domain(tmp_path, layout="odim-scans", scans_per_volume=1)
    missing = [
        row["valid_time"][11:16] for row in overview(scans, NOON, list_feeds(scans, NOON))["granules"] if (row["state"], row["site"]) == ("missing", "simli")
    ]
    assert missing == ["11:18", "11:24", "11:30", "11:36", "11:42", "11:48", "11:54"]


def test_names_that_tell_no_time_leave_no_slot_missing_and_have_no_delay(tmp_path: Path):
    put(tmp_path, "simli.h5", "115400", 0)
    by_site = domain(tmp_path, layout="odim-by-site")
    (row,) = overview(by_site, NOON, list_feeds(by_site, NOON))["granules"]
    assert (row["key"], row["delay_minutes"], row["arrived"]) == ("simli.h5", None, "2026-07-01T11:54:00Z")
    assert list(row) == ["feed", "key", "site", "valid_time", "size", "state", "arrived", "delay_minutes", "notes"]
