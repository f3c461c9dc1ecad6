"""Releases made by the release room come back as runs of observed frames: nothing filled, nothing over a gap."""

import json
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pytest
import xarray as xr
import yaml
from house import SMALL

from stormcycle.datasets.archive import read_archive
from stormcycle.domain import Domain, parse_domain
from stormcycle.radar.product import radar_fields
from stormcycle.release import dressed, open_target, publish, write_store
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.times import HOUR, frame_slots, hour_folder, iso, parse_time

NOON = parse_time("2026-07-01T12:00Z")
ROWS, COLUMNS, RESOLUTION = 10, 12, 2000.0


def domain_of(step: int = 6, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Domain:
    raw = yaml.safe_load(SMALL)
    raw["grid"]["shape"], raw["step_minutes"] = list(shape), step
    return parse_domain(yaml.safe_dump(raw), "small.yaml")


def hour_of(slots: np.ndarray, shape: tuple[int, int] = (ROWS, COLUMNS), seed: int = 0) -> xr.Dataset:
    """An hour's observed frames: every pixel tells its slot, with no echo in the second column and nothing seen in the first."""
    random = np.random.default_rng([seed, int(slots[0].astype("int64"))])
    values = random.uniform(0.0, 60.0, (len(slots), *shape)).astype("float32")
    values[:, :, 0], values[:, :, 1] = np.nan, NO_ECHO_DBZ
    zdr = np.where(values > NO_ECHO_DBZ, values / 20.0, np.nan).astype("float32")
    layers = {name: (("slot", "y", "x"), data) for name, data in {"reflectivity": values, "zdr": zdr, "marks": np.zeros(values.shape, "uint16")}.items()}
    times = {name: ("slot", slots.astype("datetime64[ns]")) for name in ("nominal_time", "actual_time")}
    return xr.Dataset({**layers, **times}, coords={"slot": slots.astype("datetime64[ns]")})


def release(root: Path, back: int, hour: xr.Dataset | None = None, filled: dict | None = None, domain: Domain | None = None, moments=("reflectivity", "zdr")):
    """Publish an hour, `back` hours after noon, as a cycle does; give its observed frames."""
    domain = domain or domain_of()
    time = NOON + back * HOUR
    hour = hour if hour is not None else hour_of(frame_slots(time, domain.step_minutes))
    fields = radar_fields(hour, {name: hour[name].values for name in moments} | (filled or {}))
    staged = root.parent / "staged"
    shutil.rmtree(staged, ignore_errors=True)
    digest = write_store({"radar": dressed("radar", fields, domain, iso(time))}, staged / "release.zarr", {"title": "t"})
    manifest = {"domain": "small", "cycle_time": iso(time), "digest": digest, "state": "complete", "products": ["radar"]}
    publish(open_target(str(root)), "small", time, staged, manifest, lambda url, found: None)
    return hour


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[xr.Dataset]]:
    """Four hours from noon, released, and their observed frames."""
    root = tmp_path_factory.mktemp("archive") / "releases"
    return root, [release(root, back) for back in range(4)]


@pytest.fixture
def root(tmp_path: Path, archive: tuple[Path, list[xr.Dataset]]) -> Path:
    """A copy of the archive of one's own."""
    shutil.copytree(archive[0], tmp_path / "releases")
    return tmp_path / "releases"


def without(root: Path, *backs: int) -> None:
    for back in backs:
        shutil.rmtree(root / "small" / hour_folder(NOON + back * HOUR))


def read(root: Path | str, first: int = 0, last: int = 12) -> list[xr.Dataset]:
    return read_archive(str(root), "small", NOON + first * HOUR, NOON + last * HOUR)


def test_hours_that_follow_each_other_are_one_run_with_the_values_that_were_observed(archive):
    root, hours = archive
    (run,) = read(root)
    wanted = xr.concat(hours, "slot")
    assert (run["reflectivity"].dims, dict(run.sizes)) == (("time", "y", "x"), {"time": 40, "y": ROWS, "x": COLUMNS})
    assert set(run.data_vars) == {"reflectivity", "zdr"}
    for name in ("reflectivity", "zdr"):
        np.testing.assert_array_equal(run[name].values, wanted[name].values)
        assert run[name].dtype == "float64"
    assert (run["reflectivity"].attrs["units"], run["zdr"].attrs["units"]) == ("dBZ", "dB")
    np.testing.assert_array_equal(run["time"].values, wanted["slot"].values)
    assert np.isnan(run["reflectivity"][:, :, 0]).all()
    assert (run["reflectivity"][:, :, 1] == NO_ECHO_DBZ).all()
    assert run["y"][0] > run["y"][-1]


def test_step_pixel_and_what_was_taken_stand_in_the_attributes(archive):
    (run,) = read(archive[0], 0, 1)
    assert (run.attrs["step_minutes"], run.attrs["resolution_m"], run.attrs["conversion"]) == (6.0, RESOLUTION, "none: released as dBZ")
    assert run.attrs["selection"].startswith("20 observed frames of small, 2026-07-01T11:06:00Z to 2026-07-01T13:00:00Z")
    assert (run.attrs["providers"], run.attrs["licence"]) == ("stormcycle simulator: not an observation", "Apache-2.0")


def test_only_the_hours_that_are_asked_for_are_taken(archive):
    (run,) = read(archive[0], 1, 3)
    assert run.sizes["time"] == 30
    assert run["time"].values[-1] == NOON + 3 * HOUR


def test_a_missing_hour_splits_runs_and_a_run_shorter_than_a_window_is_left_out(root: Path):
    for back in (5, 7, 8):
        release(root, back)
    found = read(root)
    assert [run.sizes["time"] for run in found] == [40, 20]
    assert found[1]["time"].values[0] == NOON + 6 * HOUR + np.timedelta64(6, "m")
    without(root, 1)
    assert [run.sizes["time"] for run in read(root)] == [20, 20]


def gap(back: int, slot: int) -> tuple[xr.Dataset, dict]:
    """An hour of which one frame was not received, and its moments with that frame filled."""
    hour = hour_of(frame_slots(NOON + back * HOUR, 6))
    filled = {name: hour[name].values.copy() for name in ("reflectivity", "zdr")}
    for name in filled:
        hour[name].values[slot] = np.nan
    return hour, filled


def test_a_frame_filled_by_advection_is_no_truth_and_splits_the_run(root: Path):
    hour, filled = gap(2, 5)
    release(root, 2, hour, filled)
    with xr.open_zarr(root / "small/2026/07/01T14Z/v2/release.zarr", group="radar") as stored:
        assert (stored["reflectivity"][5] > 0).any()  # the release holds the filled frame
    (run,) = read(root)  # 14 frames after the gap are too few
    assert run.sizes["time"] == 25
    assert hour["slot"].values[5] == run["time"].values[-1] + np.timedelta64(6, "m")


def test_a_frame_of_which_nothing_was_received_splits_the_run_too(root: Path):
    hour, _ = gap(1, 5)
    release(root, 1, hour)
    (run,) = read(root)  # 15 frames before the gap are too few
    assert run.sizes["time"] == 24
    assert run["time"].values[0] == hour["slot"].values[6]


def test_a_pixel_that_was_filled_in_a_frame_that_was_seen_is_not_observed(root: Path):
    hour = hour_of(frame_slots(NOON + HOUR, 6))
    filled = {name: hour[name].values.copy() for name in ("reflectivity", "zdr")}
    for name in filled:
        hour[name].values[4, :3] = np.nan
    release(root, 1, hour, filled)
    (run,) = read(root)
    assert run.sizes["time"] == 40
    assert np.isnan(run["reflectivity"][14, :3]).all()
    assert np.isnan(run["zdr"][14, :3]).all()
    np.testing.assert_array_equal(run["reflectivity"][14, 3:].values, hour["reflectivity"].values[4, 3:])


def test_the_newest_published_version_counts_and_a_claim_does_not(root: Path):
    newer = release(root, 1, hour_of(frame_slots(NOON + HOUR, 6), seed=9))
    claimed = root / "small/2026/07/01T13Z/v10"
    claimed.mkdir()
    (claimed / "claim.json").write_text(json.dumps({"digest": "x"}))
    (run,) = read(root)
    np.testing.assert_array_equal(run["reflectivity"][10:20].values, newer["reflectivity"].values)


def test_another_grid_step_or_set_of_moments_begins_another_run(root: Path):
    for back in (4, 5):
        release(root, back, domain=domain_of(step=5))
    for back in (6, 7):
        other = domain_of(shape=(8, 12))
        release(root, back, hour_of(frame_slots(NOON + back * HOUR, 6), (8, 12)), domain=other)
    for back in (8, 9):
        release(root, back, moments=("reflectivity",))
    found = read(root)
    assert [(run.sizes["time"], run.attrs["step_minutes"], run.sizes["y"]) for run in found] == [(40, 6, 10), (24, 5, 10), (20, 6, 8), (20, 6, 10)]
    assert ["zdr" in run for run in found] == [True, True, True, False]


def test_an_hour_whose_radar_was_left_out_counts_as_missing(root: Path):
    manifest = root / "small/2026/07/01T14Z/v1/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"products": ["satellite"]}))
    (run,) = read(root)
    assert run.sizes["time"] == 20


@pytest.mark.parametrize("domain", ["small", "other"])
def test_where_nothing_was_released_the_error_says_what_was_looked_for(archive, domain):
    with pytest.raises(ValueError, match=rf"no released hour with radar of {domain} from 2026-07-02T12:00:00Z to 2026-07-02T14:00:00Z below {archive[0]}"):
        read_archive(str(archive[0]), domain, NOON + 24 * HOUR, NOON + 26 * HOUR)


def test_hours_without_a_run_of_twenty_frames_are_an_error(root: Path):
    without(root, 1, 3)
    with pytest.raises(ValueError, match=r"The 2 released hours of small .* have no run of 20 observed frames"):
        read(root)


def test_hours_in_the_wrong_order_are_refused(archive):
    with pytest.raises(ValueError, match="the first is later than the last"):
        read(archive[0], 2, 1)


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("zarr.json", r"01T12Z/v1/release\.zarr names radar in its manifest and its store does not give it"),
        ("radar", r"01T12Z/v1/release\.zarr is damaged: its last frame is not of 2026-07-01T12:00:00Z"),
        ("radar/reflectivity/c/5", r"with the frame of 2026-07-01T11:36:00Z is damaged: it lost values"),
    ],
)
def test_a_store_that_lost_a_part_is_named(root: Path, lost, sentence):
    path = root / "small/2026/07/01T12Z/v1/release.zarr" / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
        (path.parent / "radar/zarr.json").unlink()
    with pytest.raises(ValueError, match=sentence):
        read(root)


def test_more_than_is_read_at_once_is_refused_before_it_is_read(archive, monkeypatch):
    monkeypatch.setattr("stormcycle.datasets.archive.MOST_VALUES", 40 * ROWS * COLUMNS - 1)
    with pytest.raises(ValueError, match="ask for fewer hours"):
        read(archive[0])
    monkeypatch.setattr("stormcycle.datasets.archive.MOST_VALUES", 40 * ROWS * COLUMNS)
    assert len(read(archive[0])) == 1


def test_a_url_reads_as_a_folder_does(archive):
    (wanted,) = read(archive[0])
    (by_file,) = read(f"file://{archive[0]}/")
    xr.testing.assert_identical(by_file, wanted)
    memory = fsspec.filesystem("memory")
    memory.put(str(archive[0]), "/archive-of-the-test", recursive=True)
    try:
        (by_memory,) = read("memory://archive-of-the-test")
    finally:
        memory.rm("/archive-of-the-test", recursive=True)
    xr.testing.assert_identical(by_memory, wanted)
