from datetime import datetime
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.domain import load_domain
from stormcycle.simulator import simulate, truth, units
from stormcycle.simulator.instruments import observe
from stormcycle.simulator.making import files_of
from stormcycle.simulator.plan import Unit
from stormcycle.simulator.writers import volume_bytes


def volumes(domain, noon, hours=1):
    return [unit for unit in units(domain, noon, hours) if unit.feed == "radar"]


def test_units_cover_the_slots_after_the_start_and_the_truth_of_each_hour(domain, noon):
    found = volumes(domain, noon, 12)
    assert len(found) == 2 * 4 * 12
    assert found[0] == Unit("radar", np.datetime64("2026-07-01T12:15:00"), "simli")
    assert found[-1] == Unit("radar", np.datetime64("2026-07-02T00:00:00"), "simpa")
    assert [unit.time for unit in units(domain, noon, 2) if unit.feed == "truth"] == [noon + np.timedelta64(hour, "h") for hour in (1, 2)]


def test_simulate_writes_every_granule_and_the_same_again(domain, scan, noon, tmp_path):
    told: list[str] = []
    keys = simulate(domain, noon, 1, 7, tmp_path / "a", told.append, scan)
    assert told == [f"{unit.feed} {unit.time}" for unit in units(domain, noon, 1)]
    files = sorted(str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files == keys
    (tmp_path / "a" / keys[0]).write_bytes(b"something else")
    simulate(domain, noon, 1, 7, tmp_path / "a", None, scan)
    simulate(domain, noon, 1, 8, tmp_path / "b", None, scan)
    for unit in volumes(domain, noon):
        (file,) = files_of(domain, 7, unit, scan)
        assert file.key == f"2026/07/01/{unit.site}/{unit.site}_pvol_{unit.time.astype(datetime):%Y%m%dT%H%M%S}Z.h5"
        # a granule made alone is the one made in a row
        assert (tmp_path / "a" / file.key).read_bytes() == file.content == volume_bytes(observe(domain, unit.site, unit.time, 7, scan))
        assert (tmp_path / "a" / file.key).read_bytes() != (tmp_path / "b" / file.key).read_bytes()
        assert (tmp_path / "a" / file.key).stat().st_mtime == float((unit.time + np.timedelta64(300, "s")).astype("int64"))


def test_the_truth_lies_beside_under_a_prefix_that_no_feed_has(domain, scan, noon, tmp_path):
    keys = simulate(domain, noon, 1, 7, tmp_path, None, scan)
    (key,) = [key for key in keys if key.startswith("truth/")]
    with xr.open_dataset(tmp_path / key, group="radar", engine="h5netcdf") as written:
        true = truth(domain, noon + np.timedelta64(1, "h"), 7)["reflectivity"].values
        np.testing.assert_allclose(written["reflectivity"].values[-1], true, atol=0.0051)


def test_processes_write_the_same_bytes(domain, scan, noon, tmp_path):
    keys = simulate(domain, noon, 1, 7, tmp_path / "one", None, scan)
    assert simulate(domain, noon, 1, 7, tmp_path / "two", None, scan, workers=2) == keys
    assert all((tmp_path / "one" / key).read_bytes() == (tmp_path / "two" / key).read_bytes() for key in keys)


def test_the_demo_domain_is_seen_by_both_radars(scan):
    demo = load_domain("demo")
    assert demo.simulation is not None and demo.grid.shape == (384, 384) and len(demo.radar.sites) == 2
    field = truth(demo, np.datetime64("2026-07-01T12:00:00", "s"), demo.simulation.seed).reflectivity.values
    assert 0.1 <= (field >= 20).mean() <= 0.35 and 50 <= field.max() <= 60
    for site in demo.radar.sites:
        assert observe(demo, site, np.datetime64("2026-07-01T12:00:00", "s"), demo.simulation.seed, scan).sweeps[0].echo.any()


def test_no_path_of_a_machine_is_in_the_demo_domain():
    assert load_domain("demo").radar.feed.url.startswith("${STORMCYCLE_HOME}/")
    assert not Path(load_domain("demo").radar.feed.url).is_absolute()
