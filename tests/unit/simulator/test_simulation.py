from pathlib import Path

import numpy as np

from stormcycle.domain import load_domain
from stormcycle.simulator import granules, simulate, truth
from stormcycle.simulator.instruments import observe
from stormcycle.simulator.writers import volume_bytes


def test_granules_cover_the_slots_after_the_start(domain, noon):
    found = list(granules(domain, noon, 12))
    assert len(found) == 2 * 4 * 12
    assert found[0] == ("2026/07/01/simli/simli_pvol_20260701T121500Z.h5", np.datetime64("2026-07-01T12:15:00"), "simli")
    assert found[-1] == ("2026/07/02/simpa/simpa_pvol_20260702T000000Z.h5", np.datetime64("2026-07-02T00:00:00"), "simpa")


def test_simulate_writes_every_granule_and_the_same_again(domain, scan, noon, tmp_path):
    told: list[str] = []
    keys = simulate(domain, noon, 1, 7, tmp_path / "a", told.append, scan)
    assert keys == told == [key for key, _, _ in granules(domain, noon, 1)]
    files = sorted(str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files == sorted(keys)
    (tmp_path / "a" / keys[0]).write_bytes(b"something else")
    simulate(domain, noon, 1, 7, tmp_path / "a", None, scan)
    simulate(domain, noon, 1, 8, tmp_path / "b", None, scan)
    for key, time, site in granules(domain, noon, 1):
        # a granule made alone is the one made in a row
        assert (tmp_path / "a" / key).read_bytes() == volume_bytes(observe(domain, site, time, 7, scan))
        assert (tmp_path / "a" / key).read_bytes() != (tmp_path / "b" / key).read_bytes()


def test_processes_write_the_same_bytes(domain, scan, noon, tmp_path):
    keys = simulate(domain, noon, 1, 7, tmp_path / "one", None, scan)
    assert simulate(domain, noon, 1, 7, tmp_path / "two", None, scan, workers=2) == keys
    assert all((tmp_path / "one" / key).read_bytes() == (tmp_path / "two" / key).read_bytes() for key in keys)


def test_the_demo_domain_is_seen_by_both_radars(scan):
    demo = load_domain("demo")
    assert demo.simulation is not None and demo.grid.shape == (256, 256) and len(demo.radar.sites) == 2
    field = truth(demo, np.datetime64("2026-07-01T12:00:00", "s"), demo.simulation.seed).reflectivity.values
    assert 0.1 <= (field >= 20).mean() <= 0.35 and 50 <= field.max() <= 60
    for site in demo.radar.sites:
        assert observe(demo, site, np.datetime64("2026-07-01T12:00:00", "s"), demo.simulation.seed, scan).sweeps[0].echo.any()


def test_no_path_of_a_machine_is_in_the_demo_domain():
    assert load_domain("demo").radar.feed.url.startswith("${STORMCYCLE_HOME}/")
    assert not Path(load_domain("demo").radar.feed.url).is_absolute()
