"""Listing a feed: what belongs to the hour by name, what identifies its bytes, what a feed that is not there is."""

import hashlib
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import yaml
from house import SMALL

from stormcycle.domain import Domain, DomainError, RadarFeed, parse_domain
from stormcycle.feeds import LAYOUTS, FeedError, list_radar_feed
from stormcycle.states import GranuleState

NOON = np.datetime64("2026-07-01T12:00:00", "s")


def domain(url: Path | str, layout: str = "odim", **feed: object) -> Domain:
    raw = yaml.safe_load(SMALL)
    raw["radar"]["feed"] = {"url": str(url), "layout": layout, **feed}
    return parse_domain(yaml.safe_dump(raw), "small.yaml")


def put(root: Path, name: str, content: bytes = b"bytes") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


def volume(site: str, clock: str, day: str = "20260701") -> str:
    return f"{day[:4]}/{day[4:6]}/{day[6:]}/{site}/{site}_pvol_{day}T{clock}Z.h5"


def test_the_window_holds_what_a_slot_could_own_and_no_more(tmp_path: Path):
    # slots 11:06 ... 12:00, half a step is 3 min: [11:03, 12:03)
    times = {"110259": False, "110300": True, "112345": True, "120000": True, "120259": True, "120300": False, "130000": False}
    for clock in times:
        put(tmp_path, volume("simli", clock))
    found = [granule.valid_time for granule in list_radar_feed(domain(tmp_path), NOON)]
    assert found == [f"2026-07-01T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z" for clock, inside in times.items() if inside]


def test_a_granule_is_pinned_by_key_size_and_sha256(tmp_path: Path):
    put(tmp_path, volume("simpa", "115400"), b"volume")
    (granule,) = list_radar_feed(domain(tmp_path), NOON)
    assert (granule.key, granule.size, granule.sha256) == (volume("simpa", "115400"), 6, hashlib.sha256(b"volume").hexdigest())
    assert (granule.feed, granule.site, granule.state) == ("radar", "simpa", GranuleState.OK)


def test_other_sites_names_and_folders_are_not_listed(tmp_path: Path):
    put(tmp_path, volume("simli", "115400"))
    put(tmp_path, "2026/07/01/simli/simpa_pvol_20260701T115400Z.h5")  # another site's volume in this site's folder
    put(tmp_path, "2026/07/01/simli/readme.txt")
    put(tmp_path, "2026/07/01/simli/.simli_pvol_20260701T115400Z.h5.0.part")
    put(tmp_path, "2026/07/01/other/other_pvol_20260701T115400Z.h5")
    (tmp_path / "2026/07/01/simli/simli_pvol_20260701T114800Z.h5").mkdir()
    assert [granule.key for granule in list_radar_feed(domain(tmp_path), NOON)] == [volume("simli", "115400")]


def test_the_hour_of_midnight_looks_into_both_days(tmp_path: Path):
    put(tmp_path, volume("simli", "235400", "20260630"))
    put(tmp_path, volume("simli", "000000", "20260701"))
    found = list_radar_feed(domain(tmp_path), np.datetime64("2026-07-01T00:00:00", "s"))
    assert [granule.valid_time for granule in found] == ["2026-06-30T23:54:00Z", "2026-07-01T00:00:00Z"]


def test_names_without_a_time_are_listed_whatever_the_hour(tmp_path: Path):
    put(tmp_path, "simli.h5")
    put(tmp_path, "elsewhere.h5")
    (granule,) = list_radar_feed(domain(tmp_path, "odim-by-site"), NOON)
    assert (granule.key, granule.site, granule.valid_time) == ("simli.h5", "simli", None)


def test_a_feed_that_is_there_and_holds_nothing_has_no_granules(tmp_path: Path):
    assert list_radar_feed(domain(tmp_path), NOON) == []


def test_a_feed_that_does_not_exist_is_an_error_in_a_sentence(tmp_path: Path):
    with pytest.raises(FeedError, match=r"The radar feed of small has no folder .*none; check `url`"):
        list_radar_feed(domain(tmp_path / "none"), NOON)


def test_an_unknown_layout_is_refused_with_the_domain(tmp_path: Path):
    with pytest.raises(DomainError, match=r"radar.feed.layout: Input should be 'nexrad', 'odim'"):
        domain(tmp_path, "odin")


def test_every_layout_that_a_domain_may_name_exists():
    assert set(get_args(RadarFeed.model_fields["layout"].annotation)) == set(LAYOUTS)


def test_a_prefix_of_the_domain_stands_in_for_the_layouts(tmp_path: Path):
    put(tmp_path, "flat/simli_pvol_20260701T115400Z.h5")
    (granule,) = list_radar_feed(domain(tmp_path, prefix="flat"), NOON)
    assert granule.key == "flat/simli_pvol_20260701T115400Z.h5"


PACKED = {"file": "sequence.nc", "first_frame_time": "2026-07-01T10:00:00Z", "step_minutes": 6, "disc_radius_px": 40}


def test_a_frame_of_a_packed_sequence_is_a_granule(tmp_path: Path):
    put(tmp_path, "sequence.nc")
    put(tmp_path, "another.nc")
    granules = [item for item in list_radar_feed(domain(tmp_path, "packed-sequence", packed=PACKED), NOON) if item.site]
    # frame k is 10:00 + 6 k minutes; slots 11:06 ... 12:00 are frames 11 ... 20
    assert [granule.key for granule in granules] == [f"sequence.nc#{frame:03d}" for frame in range(11, 21)]
    assert [granule.valid_time for granule in granules] == [f"2026-07-01T{11 + minute // 60}:{minute % 60:02d}:00Z" for minute in range(6, 61, 6)]
    assert len({granule.sha256 for granule in granules}) == 1


def test_a_packed_sequence_has_no_frames_before_its_first(tmp_path: Path):
    put(tmp_path, "sequence.nc")
    granules = list_radar_feed(domain(tmp_path, "packed-sequence", packed={**PACKED, "first_frame_time": "2026-07-01T11:50:00Z"}), NOON)
    assert [granule.valid_time for granule in granules] == ["2026-07-01T11:50:00Z", "2026-07-01T11:56:00Z", "2026-07-01T12:02:00Z"]
    assert granules[0].key.endswith("#000")


def test_a_packed_sequence_must_be_declared(tmp_path: Path):
    put(tmp_path, "sequence.nc")
    with pytest.raises(FeedError, match="must declare `packed`"):
        list_radar_feed(domain(tmp_path, "packed-sequence"), NOON)


def test_a_first_frame_without_a_zone_is_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path, "sequence.nc")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        granules = list_radar_feed(domain(tmp_path, "packed-sequence", packed={**PACKED, "first_frame_time": "2026-07-01T10:00:00"}), NOON)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert granules[0].key == "sequence.nc#011"
