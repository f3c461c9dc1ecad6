"""Faults on demand: each does to some granules what its name says, to the same ones whenever it is asked."""

from pathlib import Path

import numpy as np
import pytest

from stormcycle.feeds.layouts import LAYOUTS, match_name
from stormcycle.simulator import FAULTS, known_faults, simulate, units
from stormcycle.simulator.faults import SHARE, faulty_files
from stormcycle.simulator.making import File
from stormcycle.simulator.plan import Unit


def volumes(domain, noon, hours=1) -> list[Unit]:
    return [unit for unit in units(domain, noon, hours) if unit.feed == "radar"]


@pytest.fixture(scope="module")
def brought(domain, scan, noon):
    """What some faults make of the volumes of five hours: a coarse look, so that it takes a moment."""
    kept: dict[tuple[str, ...], list[File]] = {}

    def of(*faults: str) -> list[File]:
        if faults not in kept:
            kept[faults] = [file for unit in volumes(domain, noon, 5) for file in faulty_files(domain, 7, unit, faults, scan)]
        return kept[faults]

    return of


def test_names_of_faults_are_known_and_another_is_a_sentence() -> None:
    assert known_faults(["late", " sweep_gap ", "late", ""]) == ("late", "sweep-gap")
    assert known_faults(tuple(FAULTS)) == tuple(FAULTS)
    with pytest.raises(ValueError, match=r"There is no fault 'hail'; known are late, missing, "):
        known_faults(["hail"])


def test_missing_granules_never_come_and_the_others_are_what_they_were(brought) -> None:
    whole, left = {file.key: file for file in brought()}, {file.key: file for file in brought("missing")}
    assert set(left) < set(whole)
    assert 0.3 * SHARE < 1 - len(left) / len(whole) < 3 * SHARE
    assert all(file == whole[key] for key, file in left.items())


def test_late_granules_come_three_quarters_of_an_hour_later_with_the_same_bytes(brought) -> None:
    later = [after.arrives - before.arrives for before, after in zip(brought(), brought("late"), strict=True)]
    assert set(later) == {np.timedelta64(0, "m"), np.timedelta64(45, "m")}
    assert [file.content for file in brought("late")] == [file.content for file in brought()]


def test_truncated_files_end_too_early(brought) -> None:
    cut = [(before.content, after.content) for before, after in zip(brought(), brought("truncated"), strict=True) if before != after]
    assert cut
    assert all(before.startswith(after) and len(after) == int(0.6 * len(before)) for before, after in cut)


def test_duplicates_are_the_same_bytes_under_a_second_name_of_the_layout(brought) -> None:
    whole = {file.key for file in brought()}
    twins = [file for file in brought("duplicate") if file.key not in whole]
    assert twins
    by_key = {file.content: file.key for file in brought()}
    for twin in twins:
        told, other = (match_name(LAYOUTS["odim"], key.rpartition("/")[2]) for key in (twin.key, by_key[twin.content]))
        assert told is not None and other is not None and told.time is not None and other.time is not None
        assert told.site == other.site
        assert abs(told.time - other.time) < np.timedelta64(10, "s")


def test_a_wrong_clock_puts_the_first_radar_an_hour_ahead_in_name_and_content(brought) -> None:
    for before, after in zip(brought(), brought("wrong-clock"), strict=True):
        ahead = np.timedelta64(60 if before.unit.site == "simli" else 0, "m")
        assert after.time - before.time == ahead
        assert (after.content != before.content) == (after.key != before.key) == (before.unit.site == "simli")
        assert after.arrives == before.arrives  # only the clock is wrong


def test_a_gap_in_a_sweep_is_a_partial_volume_with_fewer_rays(domain, noon, tmp_path: Path) -> None:
    from stormcycle.radar.decode import decode_volume
    from stormcycle.simulator import Scan

    look = Scan(elevations_deg=(0.5, 4.0), rays=360, gate_m=5000.0, range_m=100e3)
    changed = 0
    for unit in volumes(domain, noon, 3):
        (before,), (after,) = (faulty_files(domain, 7, unit, faults, look) for faults in ((), ("sweep-gap",)))
        if before.content == after.content:
            continue
        changed += 1
        if changed == 1:
            path = tmp_path / before.key.rpartition("/")[2]
            counts = []
            for file in (before, after):
                path.write_bytes(file.content)
                counts.append(int(np.isfinite(decode_volume(path, "odim", ("reflectivity",))["reflectivity"].values).sum()))
            assert 0 < counts[1] < counts[0]
    assert changed >= 1


def test_the_same_faults_hit_the_same_granules_and_another_seed_others(domain, scan, noon) -> None:
    def hit(seed: int) -> list[bool]:
        return [not faulty_files(domain, seed, unit, ("missing",), scan) for unit in volumes(domain, noon, 2)]

    assert hit(7) == hit(7)
    assert hit(7) != hit(8)


def test_the_truth_has_no_faults(domain, noon) -> None:
    (unit,) = (unit for unit in units(domain, noon, 1) if unit.feed == "truth")
    assert faulty_files(domain, 7, unit, tuple(FAULTS)) == faulty_files(domain, 7, unit)


def test_a_moved_bucket_holds_what_comes_after_the_middle_of_the_span(domain, scan, noon, tmp_path: Path) -> None:
    simulate(domain, noon, 2, 7, tmp_path / "bucket", None, scan, faults=("moved-bucket",))
    here, moved = (sorted(path.name[11:-4] for path in (tmp_path / name).rglob("*.h5")) for name in ("bucket", "bucket-moved"))
    assert len(here) == len(moved) == 8
    assert here[-1] == "20260701T130000" < moved[0] == "20260701T131500"
    assert len(list((tmp_path / "bucket/truth").rglob("*.nc"))) == 2
    assert not (tmp_path / "bucket-moved/truth").exists()
