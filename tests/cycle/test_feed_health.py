"""The health of the feeds that a cycle pinned, beside the records of the hours before it."""

import os
import shutil
from typing import Any

from house import FIRST
from sky import BEFORE, CHANNELS, NEWEST, NEWEST_RUN, TOO_OLD, Sky

from stormcycle.cycle import read_record
from stormcycle.times import parse_time
from tasks.feed_health import health_of_feeds
from tasks.pin import pin

EARLIER = "2026-07-01T12:00:00Z"


def health(time: str = FIRST) -> dict[str, dict[str, Any]]:
    """How each feed of the hour is, by its name; its inputs are pinned now."""
    hour = pin("sky", time, False)
    return {row["feed"]: row for row in health_of_feeds("sky", parse_time(time), read_record(hour.folder, hour.revision))}


def test_every_feed_of_an_hour_is_ok_and_tells_its_newest_granule(sky: Sky) -> None:
    found = health()
    assert {name: (row["state"], row["granules"], row["newest"], row["delay_minutes"]) for name, row in found.items()} == {
        "radar": ("ok", 8, "2026-07-01T13:00:00Z", 5.0),
        "imager": ("ok", 6, "2026-07-01T12:55:20Z", 1.1),
        "lightning": ("ok", 45, "2026-07-01T12:59:40Z", 0.1),
        "background": ("ok", 38, "2026-07-01T06:00:00Z", 240.0),
    }
    assert all(row["usual_delay_minutes"] is None for row in found.values())


def test_a_run_later_than_the_hours_before_made_usual_is_delayed(sky: Sky) -> None:
    assert health(EARLIER)["background"]["usual_delay_minutes"] is None
    for file in sky.field(NEWEST_RUN, "t975").parent.iterdir():
        content, came = file.read_bytes(), file.stat().st_mtime + 5 * 3600
        file.unlink()
        file.write_bytes(content)
        os.utime(file, (came, came))
    row = health()["background"]
    assert (row["state"], row["delay_minutes"], row["usual_delay_minutes"]) == ("delayed", 540.0, 240.0)


def test_a_feed_with_nothing_of_the_hour_is_missing_and_one_without_a_folder_unreachable(sky: Sky) -> None:
    for channel in CHANNELS:
        for start in (NEWEST, BEFORE, TOO_OLD):
            sky.scan(channel, start).unlink()
    shutil.rmtree(sky.bucket / "GLM-L2-LCFA")
    sky.settings(background__feed__url="${STORMCYCLE_HOME}/nowhere")
    found = {name: (row["state"], row["granules"], row["newest"]) for name, row in health().items()}
    assert found["radar"][0] == "ok"
    assert found["imager"] == ("missing", 0, None)
    assert found["lightning"] == ("missing", 0, None)
    assert found["background"] == ("unreachable", 0, None)


def test_an_hour_before_whose_inputs_were_pinned_makes_the_delay_usual(sky: Sky) -> None:
    health(EARLIER)
    row = health()["background"]
    assert (row["state"], row["usual_delay_minutes"]) == ("ok", 240.0)
