"""The real SEVIRI scene in HRIT: beside Satpy's own resampling, its gaps, its impossible values, its times."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from imagery import WEST_AFRICA, hrit, square, unpacked

from stormcycle.satellite import read_image
from stormcycle.satellite.hrit import SEGMENT_LINES, missing_segments

AREA = square(WEST_AFRICA, 128, 9000.0)
READER = "seviri_l1b_hrit"


def test_a_real_scene_agrees_with_satpys_own_nearest_although_its_extent_is_flipped(samples: Path, tmp_path: Path) -> None:
    from satpy.scene import Scene

    files = hrit(samples, "IR_108", "202009060000")
    mine = read_image(files, READER, "IR_108", AREA, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene = Scene(reader=READER, filenames=[str(path) for path, _ in files])
        scene.load(["IR_108"])
        theirs = scene.resample(AREA, resampler="nearest")["IR_108"].values
    found = mine["brightness_temperature"].values
    inner = (slice(3, -3), slice(3, -3))  # Satpy cuts the disk before it looks, and misses the nearest pixels of the area's edge
    assert (found != theirs)[inner].mean() < 0.001, "other pixels than ties between neighbours differ"
    assert mine.attrs["state"] == "ok"
    assert mine.attrs["inside_share"] == mine.attrs["valid_share"] == 1.0
    assert 184.0 < found.min() < 200.0, "deep convection"
    assert "quality" not in mine


def test_the_times_are_those_of_the_lines_that_the_area_needs(samples: Path, tmp_path: Path) -> None:
    told = read_image(hrit(samples, "IR_108", "202009060000"), READER, "IR_108", AREA, tmp_path).attrs
    names = ("satellite", "scene", "platform_longitude", "scan_start", "scan_end")
    assert [told[name] for name in names] == ["MSG4", "0DEG", 0.0, "2020-09-06T00:00:11Z", "2020-09-06T00:12:43Z"]
    # the disk is scanned from the south in 12 min 32 s; 14 N lies at 0.63 of its lines
    assert abs((np.datetime64(told["middle"][:-1]) - np.datetime64("2020-09-06T00:00:11")) / np.timedelta64(1, "s") - 0.63 * 752) < 20
    plain = unpacked(hrit(samples, "IR_108", "202009060000"), tmp_path)
    south, north = (np.datetime64(read_image(plain, READER, "IR_108", square((-12.0, at), 8, 9000.0), tmp_path).attrs["middle"][:-1]) for at in (3.0, 25.0))
    assert 130 < (north - south) / np.timedelta64(1, "s") < 180, "2400 km, some 770 lines"


def test_a_missing_segment_is_a_gap_that_is_named(samples: Path, tmp_path: Path) -> None:
    whole = read_image(hrit(samples, "WV_062", "202009060000"), READER, "WV_062", AREA, tmp_path)
    gap = read_image(hrit(samples, "WV_062", "202009060015"), READER, "WV_062", AREA, tmp_path)
    assert whole.attrs["state"] == "ok"
    assert gap.attrs["state"] == "partial"
    assert gap.attrs["notes"][0] == "Segment 6 of WV_062 is missing: that part of the area has no value."
    missing = np.isnan(gap["brightness_temperature"].values)
    assert gap.attrs["valid_share"] == pytest.approx(1.0 - missing.mean(), abs=1e-6)
    assert gap.attrs["inside_share"] == 1.0
    assert missing[:40].all()
    assert not missing[-20:].any()
    low_south = read_image(hrit(samples, "WV_062", "202009060015"), READER, "WV_062", square((-12.0, 8.0), 32, 9000.0), tmp_path)
    assert low_south.attrs["state"] == "ok", "a segment that the area does not need is no gap"


def test_impossible_temperatures_are_masked_and_counted(samples: Path, tmp_path: Path) -> None:
    found = read_image(hrit(samples, "IR_039", "202009060000"), READER, "IR_039", square((-12.0, 10.0), 128, 3000.0), tmp_path)
    values = found["brightness_temperature"].values
    (note,) = [note for note in found.attrs["notes"] if "impossible" in note]
    assert int(note.split()[0]) == np.isnan(values).sum() > 0
    assert np.nanmin(values) >= 150.0
    assert found.attrs["state"] == "ok"


def test_segments_that_rows_need_are_counted_from_one() -> None:
    assert missing_segments(frozenset({5, 6}), range(4 * SEGMENT_LINES, 6 * SEGMENT_LINES)) == []
    assert missing_segments(frozenset({5, 6}), range(4 * SEGMENT_LINES - 1, 6 * SEGMENT_LINES + 1)) == [4, 7]
    assert missing_segments(frozenset(), range(1)) == [1]
