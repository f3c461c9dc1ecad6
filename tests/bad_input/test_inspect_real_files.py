"""`inspect` on the real samples: every volume is read, what only looks like one is told."""

from pathlib import Path

import pytest

from stormcycle.inspection import EXIT_CODES, inspect_file

NO_VOLUMES = ("RHI", "truncated.gz", "volume_malfunc", "all_scans_malfunc")


def code(path: Path) -> int:
    return EXIT_CODES[inspect_file(path).state]


def test_what_is_no_volume_or_broken_is_told(samples: Path) -> None:
    radar = samples / "radar"
    expected = {
        **{f"dwd_radolan/RQ2210180700_{lead}.gz": 5 for lead in ("000", "060", "120")},
        **{f"dwd_radolan/raa01-{product}_10000-1408102050-dwd---bin.gz": 0 for product in ("rx", "ry", "rw")},
        "dwd_radolan/dwd_dx_fbg_20080602.nc": 0,
        "dwd_radolan/dwd_rw_20221018.nc": 0,
        "odim_h5/quality_fault_2017/pvol_seovi_20170113T150000Z__volume_malfunc.h5": 3,
        "odim_h5/quality_fault_2017/pvol_sevil_20170113T140000Z__all_scans_malfunc.h5": 3,
        "odim_h5/vendors/seatv-RHIVol-20251215-085918-2621.h5": 5,
        "nexrad_l2/KHTX20080411_181144.truncated.gz": 3,
        "MANIFEST.md": 5,
        "nju_cpol/nju_cpol_001_3.0km.nc": 0,
    }
    assert {name: code(radar / name) for name in expected} == expected
    partial = inspect_file(radar / "nexrad_l2/KDMX20260101_154351_V06.truncated")
    assert (partial.state, EXIT_CODES[partial.state]) == ("partial", 0)
    assert any("elevation cuts" in note or " rays." in note for note in partial.notes)


@pytest.mark.parametrize("lead", [0, 60, 120])
def test_a_forecast_is_told_with_its_lead(samples: Path, lead: int) -> None:
    found = inspect_file(samples / f"radar/dwd_radolan/RQ2210180700_{lead:03d}.gz")
    assert (found.kind, found.state) == ("unknown", "unknown")
    assert f"of a forecast (lead {lead} minutes)" in found.notes[0]


def test_one_malfunctioning_scan_leaves_a_partial_volume(samples: Path) -> None:
    found = inspect_file(samples / "radar/odim_h5/quality_fault_2017/pvol_selek_20170113T153000Z__one_scan_malfunc.h5")
    assert (found.state, found.figures["sweeps"]) == ("partial", 9)
    assert any("malfunc" in note for note in found.notes)


@pytest.mark.parametrize(
    "folder", ["nexrad_l2", "odim_h5/vendors", "odim_h5/quality_fault_2017", "odim_h5/sweden_20140812T1200", "odim_h5/france_scans_20230420"]
)
def test_every_real_volume_is_read(samples: Path, folder: str) -> None:
    from stormcycle.feeds import read_each
    from stormcycle.inspection import look_into

    files = sorted(path for path in (samples / "radar" / folder).iterdir() if not any(word in path.name for word in NO_VOLUMES))
    assert files
    found = dict(zip([path.name for path in files], read_each(look_into, [(path,) for path in files]), strict=True))
    assert {name: item for name, item in found.items() if getattr(item, "state", "") not in ("ok", "partial")} == {}
    for item in found.values():
        assert item.time is not None
        assert item.figures["sweeps"] >= 1
        assert 0.0 <= item.figures["echo_share"] <= 1.0
        assert item.figures["highest_dbz"] is None or -32 < item.figures["highest_dbz"] < 96
