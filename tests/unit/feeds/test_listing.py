"""Listing a feed: what belongs to the hour by name, what identifies its bytes, what a feed that is not there is."""

import hashlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from house import SMALL

from stormcycle.cycle import Granule
from stormcycle.cycle.record import Prefix, PrefixState
from stormcycle.domain import Domain, DomainError, ImagerFeed, LightningFeed, ModelFeed, RadarFeed, parse_domain
from stormcycle.feeds import LAYOUTS, FeedError, FeedMissing, list_radar_feed
from stormcycle.states import GranuleState

NOON = np.datetime64("2026-07-01T12:00:00", "s")


def domain(url: Path | str, layout: str = "odim", **feed: object) -> Domain:
    raw = yaml.safe_load(SMALL)
    raw["radar"]["feed"] = {"url": str(url), "layout": layout, **feed}
    return parse_domain(yaml.safe_dump(raw), "small.yaml")


def granules(*of: Any) -> list[Granule]:
    return list(list_radar_feed(*of).granules)


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
    found = [granule.valid_time for granule in granules(domain(tmp_path), NOON)]
    assert found == [f"2026-07-01T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z" for clock, inside in times.items() if inside]


def test_a_granule_is_pinned_by_key_size_and_sha256(tmp_path: Path):
    put(tmp_path, volume("simpa", "115400"), b"volume")
    (granule,) = granules(domain(tmp_path), NOON)
    assert (granule.key, granule.size, granule.sha256) == (volume("simpa", "115400"), 6, hashlib.sha256(b"volume").hexdigest())
    assert (granule.feed, granule.site, granule.state) == ("radar", "simpa", GranuleState.OK)


def test_other_sites_names_and_folders_are_not_listed(tmp_path: Path):
    put(tmp_path, volume("simli", "115400"))
    put(tmp_path, "2026/07/01/simli/simpa_pvol_20260701T115400Z.h5")  # another site's volume in this site's folder
    put(tmp_path, "2026/07/01/simli/readme.txt")
    put(tmp_path, "2026/07/01/simli/.simli_pvol_20260701T115400Z.h5.0.part")
    put(tmp_path, "2026/07/01/other/other_pvol_20260701T115400Z.h5")
    (tmp_path / "2026/07/01/simli/simli_pvol_20260701T114800Z.h5").mkdir()
    assert [granule.key for granule in granules(domain(tmp_path), NOON)] == [volume("simli", "115400")]


def test_the_hour_of_midnight_looks_into_both_days(tmp_path: Path):
    put(tmp_path, volume("simli", "235400", "20260630"))
    put(tmp_path, volume("simli", "000000", "20260701"))
    found = granules(domain(tmp_path), np.datetime64("2026-07-01T00:00:00", "s"))
    assert [granule.valid_time for granule in found] == ["2026-06-30T23:54:00Z", "2026-07-01T00:00:00Z"]


def test_names_without_a_time_are_listed_whatever_the_hour(tmp_path: Path):
    put(tmp_path, "simli.h5")
    put(tmp_path, "elsewhere.h5")
    (granule,) = granules(domain(tmp_path, "odim-by-site"), NOON)
    assert (granule.key, granule.site, granule.valid_time) == ("simli.h5", "simli", None)


def test_a_feed_that_is_there_and_holds_nothing_has_no_granules(tmp_path: Path):
    assert granules(domain(tmp_path), NOON) == []


def test_a_feed_that_does_not_exist_is_an_error_in_a_sentence(tmp_path: Path):
    with pytest.raises(FeedError, match=r"The radar feed of small has no folder .*none; check `url`"):
        granules(domain(tmp_path / "none"), NOON)


def test_an_unknown_layout_is_refused_with_the_domain(tmp_path: Path):
    with pytest.raises(DomainError, match=r"radar.feed.layout: Input should be 'nexrad', 'odim'"):
        domain(tmp_path, "odin")


def test_every_layout_that_a_domain_may_name_exists():
    named = {name for feed in (RadarFeed, ImagerFeed, LightningFeed, ModelFeed) for name in get_args(feed.model_fields["layout"].annotation)}
    assert named == set(LAYOUTS)


def test_a_prefix_of_the_domain_stands_in_for_the_layouts(tmp_path: Path):
    put(tmp_path, "flat/simli_pvol_20260701T115400Z.h5")
    (granule,) = granules(domain(tmp_path, prefix="flat"), NOON)
    assert granule.key == "flat/simli_pvol_20260701T115400Z.h5"


PACKED = {"file": "sequence.nc", "first_frame_time": "2026-07-01T10:00:00Z", "step_minutes": 6, "disc_radius_px": 40}


def test_a_frame_of_a_packed_sequence_is_a_granule(tmp_path: Path):
    put(tmp_path, "sequence.nc")
    put(tmp_path, "another.nc")
    found = [item for item in granules(domain(tmp_path, "packed-sequence", packed=PACKED), NOON) if item.site]
    # frame k is 10:00 + 6 k minutes; slots 11:06 ... 12:00 are frames 11 ... 20
    assert [granule.key for granule in found] == [f"sequence.nc#{frame:03d}" for frame in range(11, 21)]
    assert [granule.valid_time for granule in found] == [f"2026-07-01T{11 + minute // 60}:{minute % 60:02d}:00Z" for minute in range(6, 61, 6)]
    assert len({granule.sha256 for granule in found}) == 1


def test_a_packed_sequence_has_no_frames_before_its_first(tmp_path: Path):
    put(tmp_path, "sequence.nc")
    found = granules(domain(tmp_path, "packed-sequence", packed={**PACKED, "first_frame_time": "2026-07-01T11:50:00Z"}), NOON)
    assert [granule.valid_time for granule in found] == ["2026-07-01T11:50:00Z", "2026-07-01T11:56:00Z", "2026-07-01T12:02:00Z"]
    assert found[0].key.endswith("#000")


@pytest.mark.parametrize("layout", ["packed-sequence", "packed-sweeps"])
def test_a_packed_feed_must_be_declared(tmp_path: Path, layout: str):
    with pytest.raises(DomainError, match=f"{layout} needs radar.feed.packed"):
        domain(tmp_path, layout)


def test_a_first_frame_without_a_zone_is_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path, "sequence.nc")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        found = granules(domain(tmp_path, "packed-sequence", packed={**PACKED, "first_frame_time": "2026-07-01T10:00:00"}), NOON)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found[0].key == "sequence.nc#011"


def test_a_sweep_of_a_packed_file_of_each_site_is_a_granule(tmp_path: Path):
    for site in ("simli", "simpa", "other"):
        put(tmp_path, f"dx_{site}.nc", site.encode())
    found = granules(domain(tmp_path, "packed-sweeps", packed={**PACKED, "file": "dx_{site}.nc", "elevation_deg": 0.5}), NOON)
    assert [granule.key for granule in found] == [f"dx_{site}.nc#{frame:03d}" for site in ("simli", "simpa") for frame in range(11, 21)]
    assert {granule.site: granule.sha256 for granule in found} == {site: hashlib.sha256(site.encode()).hexdigest() for site in ("simli", "simpa")}


def test_scans_are_listed_by_the_end_of_their_sweep(tmp_path: Path):
    # slots 11:06 ... 12:00: the scans of the first end in (11:06, 11:12], of the last in (12:00, 12:06]
    times = {"110600": False, "110601": True, "112345": True, "120000": True, "120600": True, "120601": False}
    for clock in times:
        put(tmp_path, f"2026/07/01/simli/T_PAZA63_C_LFPW_20260701{clock}.h5", clock.encode())
    found = [granule.valid_time for granule in granules(domain(tmp_path, "odim-scans", scans_per_volume=2), NOON)]
    assert found == [f"2026-07-01T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z" for clock, inside in times.items() if inside]


def test_a_window_across_a_move_reads_each_place_for_its_own_times(tmp_path: Path):
    for place in ("oldest", "old", "new"):
        for clock in ("110600", "112959", "113000", "115400"):
            put(tmp_path / place, volume("simli", clock), f"{place} {clock}".encode())
    formerly = [{"url": f"{tmp_path}/oldest", "until": "2020-01-01T00:00:00Z"}, {"url": f"{tmp_path}/old", "until": "2026-07-01T11:30:00Z"}]
    found = granules(domain(tmp_path / "new", formerly=formerly), NOON)
    expected = [("old", "110600"), ("old", "112959"), ("new", "113000"), ("new", "115400")]
    assert [granule.sha256 for granule in found] == [hashlib.sha256(f"{place} {clock}".encode()).hexdigest() for place, clock in expected]
    assert str(tmp_path) not in str(found)  # where they lie is no part of the record


def test_a_move_at_midnight_asks_no_place_for_a_day_that_is_not_its_own(tmp_path: Path):
    put(tmp_path / "old", volume("simli", "235400", "20260630"), b"a")
    put(tmp_path / "new", volume("simli", "000000"), b"b")
    formerly = [{"url": f"{tmp_path}/old", "until": "2026-07-01T00:00:00Z"}]
    listing = list_radar_feed(domain(tmp_path / "new", formerly=formerly), np.datetime64("2026-07-01T00:00:00", "s"))
    assert [granule.valid_time for granule in listing.granules] == ["2026-06-30T23:54:00Z", "2026-07-01T00:00:00Z"]
    assert [prefix.prefix for prefix in listing.prefixes if prefix.site == "simli"] == ["2026/06/30/simli", "2026/07/01/simli"]


def test_a_granule_that_came_long_after_its_time_is_late(tmp_path: Path):
    for clock, after_s in (("113000", 600), ("113600", 601), ("114200", 5)):
        path = tmp_path / volume("simli", clock)
        put(tmp_path, volume("simli", clock), clock.encode())
        came = datetime(2026, 7, 1, int(clock[:2]), int(clock[2:4]), tzinfo=UTC).timestamp() + after_s
        os.utime(path, (came, came))
    found = granules(domain(tmp_path, late_after_minutes=10), NOON)
    assert [(str(granule.state), granule.arrived) for granule in found] == [
        ("ok", "2026-07-01T11:40:00Z"),
        ("late", "2026-07-01T11:46:01Z"),
        ("ok", "2026-07-01T11:42:05Z"),
    ]
    assert {str(granule.state) for granule in granules(domain(tmp_path), NOON)} == {"ok"}


def test_of_granules_with_the_same_bytes_the_later_keys_are_duplicates(tmp_path: Path):
    for site, clock in (("simli", "113000"), ("simli", "113600"), ("simli", "114200"), ("simpa", "113600")):
        put(tmp_path, volume(site, clock), b"another" if clock == "114200" else b"the same")
    found = {(granule.site, granule.key[-10:-4]): (str(granule.state), granule.notes) for granule in granules(domain(tmp_path), NOON)}
    assert found == {
        ("simli", "113000"): ("ok", ()),
        ("simli", "113600"): ("duplicate", (f"The same bytes as {volume('simli', '113000')}.",)),
        ("simli", "114200"): ("ok", ()),
        ("simpa", "113600"): ("ok", ()),
    }


def test_each_prefix_says_what_it_held(tmp_path: Path):
    put(tmp_path, volume("simli", "115400"))
    put(tmp_path, volume("simpa", "095400"))
    midnight = list_radar_feed(domain(tmp_path), np.datetime64("2026-07-01T00:00:00", "s"))
    assert {(prefix.prefix, prefix.state) for prefix in midnight.prefixes} == {
        (f"2026/{day}/{site}", state) for site in ("simli", "simpa") for day, state in (("06/30", PrefixState.MISSING), ("07/01", PrefixState.EMPTY))
    }
    assert list_radar_feed(domain(tmp_path), NOON).prefixes == (
        Prefix("simli", "2026/07/01/simli", PrefixState.SETTLED, 1),
        Prefix("simpa", "2026/07/01/simpa", PrefixState.EMPTY, 0),
    )


def test_a_file_where_a_folder_should_be_is_no_feed_and_no_prefix(tmp_path: Path):
    put(tmp_path, "file")
    with pytest.raises(FeedMissing, match="has no folder"):
        granules(domain(tmp_path / "file"), NOON)
    put(tmp_path, "2026/07/01/simli")
    put(tmp_path, "feed/2026")
    assert [list_radar_feed(domain(tmp_path / root), NOON).prefixes[0].state for root in ("", "feed")] == [PrefixState.MISSING] * 2


def test_the_real_scans_of_a_french_radar_are_listed_by_their_hour(samples: Path):
    scans = domain(samples / "radar/odim_h5", "odim-scans", scans_per_volume=2, prefix="france_scans_20230420")
    found = granules(scans, np.datetime64("2023-04-20T07:00:00", "s"))
    assert [granule.key for granule in found] == [
        f"france_scans_20230420/{path.name}" for path in sorted((samples / "radar/odim_h5/france_scans_20230420").iterdir())
    ]
    assert ("france_scans_20230420/T_PAZA63_C_LFPW_20230420065041.h5", "2023-04-20T06:50:41Z") in {(item.key, item.valid_time) for item in found}
    assert granules(scans, np.datetime64("2023-04-20T08:00:00", "s")) == []


def test_a_real_file_of_packed_sweeps_gives_a_granule_every_five_minutes(samples: Path):
    packed = {"file": "dwd_dx_{site}_20080602.nc", "first_frame_time": "2008-06-02T16:00:00Z", "step_minutes": 5, "elevation_deg": 0.8}
    raw = domain(samples / "radar/dwd_radolan", "packed-sweeps", packed=packed).model_dump(mode="json")
    raw |= {"step_minutes": 5}
    raw["radar"]["sites"] = {name: {"latitude": 48.0, "longitude": 10.0, "altitude_m": 700} for name in ("tur", "fbg")}
    found = granules(Domain.model_validate(raw), np.datetime64("2008-06-02T17:00:00", "s"))
    assert [granule.key for granule in found] == [f"dwd_dx_{site}_20080602.nc#{frame:03d}" for site in ("tur", "fbg") for frame in range(1, 13)]
    assert [found[index].valid_time for index in (0, 11)] == ["2008-06-02T16:05:00Z", "2008-06-02T17:00:00Z"]
