"""`inspect` on the real samples: every volume is read, what only looks like one is told."""

from pathlib import Path

import pytest

from stormcycle.inspection import EXIT_CODES, inspect_file


def code(path: Path) -> int:
    return EXIT_CODES[inspect_file(path).state]


def test_what_is_no_volume_or_broken_is_told(samples: Path) -> None:
    radar = samples / "radar"
    expected = {
        "dwd_radolan/RQ2210180700_060.gz": 5,
        "odim_h5/vendors/seatv-RHIVol-20251215-085918-2621.h5": 5,
        "nexrad_l2/KHTX20080411_181144.truncated.gz": 3,
        "MANIFEST.md": 5,
        "nju_cpol/nju_cpol_001_3.0km.nc": 0,
    }
    assert {name: code(radar / name) for name in expected} == expected
    partial = inspect_file(radar / "nexrad_l2/KDMX20260101_154351_V06.truncated")
    assert (partial.state, EXIT_CODES[partial.state]) == ("partial", 0)
    assert any("elevation cuts" in note or " rays." in note for note in partial.notes)


@pytest.mark.parametrize(
    "folder", ["nexrad_l2", "odim_h5/vendors", "odim_h5/quality_fault_2017", "odim_h5/sweden_20140812T1200", "odim_h5/france_scans_20230420"]
)
def test_every_real_volume_is_read(samples: Path, folder: str) -> None:
    from stormcycle.feeds import read_each
    from stormcycle.inspection import look_into

    files = sorted(path for path in (samples / "radar" / folder).iterdir() if "RHI" not in path.name and not path.name.endswith("truncated.gz"))
    assert files
    found = dict(zip([path.name for path in files], read_each(look_into, [(path,) for path in files]), strict=True))
    assert {name: item for name, item in found.items() if getattr(item, "state", "") not in ("ok", "partial")} == {}
    for item in found.values():
        assert item.time is not None
        assert item.figures["sweeps"] >= 1
        assert 0.0 <= item.figures["echo_share"] <= 1.0
        assert item.figures["highest_dbz"] is None or -32 < item.figures["highest_dbz"] < 96
