"""The fast path against the path through files: what the readers make of the files of the same domain, seed and time."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from house import SMALL

from stormcycle.background import analysis_fields
from stormcycle.domain import Domain, load_domain, parse_domain
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.gridding import gate_indices, geometry_of, grid_volume
from stormcycle.radar.mosaic import mosaic
from stormcycle.radar.quality import checked, cleaned, needed_moments
from stormcycle.satellite import extent_density, read_flashes, read_image
from stormcycle.simulator import Scan
from stormcycle.simulator.fields import background_fields, imager_fields, lightning_fields, radar_fields
from stormcycle.simulator.instruments import Blocked
from stormcycle.simulator.instruments.model import model_run
from stormcycle.simulator.making import files_of, model_grid_of
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.plan import Unit
from stormcycle.simulator.writers import grib
from stormcycle.states import NO_ECHO_DBZ

TIME = np.datetime64("2026-07-01T20:00:00", "s")
SEED = 11
NEXRAD = Scan(
    elevations_deg=(0.5, 0.5, 3.0),
    range_m=80e3,
    blind_m=2000.0,
    blocked=(Blocked(from_deg=212.0, to_deg=226.0, beyond_m=6e3, loss_db=20.0),),
    doppler_cuts=(1,),
    attenuated=True,
    cluttered=True,
)
ODIM = Scan(elevations_deg=(0.5, 3.0), gate_m=2000.0, range_m=100e3)


@pytest.fixture(scope="module")
def demo() -> Domain:
    """The domain `demo` with small grids: 64x64 at 3 km, for the analysis 21x21 at 4.4 km."""
    whole = load_domain("demo")
    assert whole.background is not None
    grid, analysis = whole.grid.model_copy(update={"shape": (64, 64), "resolution_m": 3000.0}), whole.background.grid.model_copy(update={"shape": (21, 21)})
    return whole.model_copy(update={"grid": grid, "background": whole.background.model_copy(update={"grid": analysis})})


def written(domain: Domain, unit: Unit, folder: Path, scan: Scan | None = None) -> list[tuple[Path, str]]:
    """The files of a unit in a folder, each with its granule's own name."""
    found = []
    for file in files_of(domain, SEED, unit, scan):
        name = file.key.rpartition("/")[2]
        (folder / name).write_bytes(file.content)
        found.append((folder / name, name))
    return found


def mosaic_of_files(domain: Domain, scan: Scan, folder: Path) -> dict[str, np.ndarray]:
    radar, grids = domain.radar, []
    kind = "nexrad" if radar.feed.layout == "nexrad" else "odim"
    for name, site in radar.sites.items():
        ((path, _),) = written(domain, Unit("radar", TIME, name), folder, scan)
        volume = decode_volume(path, kind, needed_moments(radar))
        volume = cleaned(volume, checked(volume, radar.quality, name, site, radar.moments), radar.moments)
        indices = gate_indices(geometry_of(volume, site.latitude, site.longitude, site.altitude_m), domain.area)
        grids.append(grid_volume(volume, indices, radar.moments, radar.cappi_height_m, radar.quality.noise_floor_dbz))
    return mosaic(grids, radar.moments, radar.quality.noise_floor_dbz)


def assert_same_mosaic(domain: Domain, scan: Scan, folder: Path) -> xr.Dataset:
    """Both paths agree to what a 32-bit float holds: the fast one takes the steps of the format (0.5 dB), so every gate is judged alike."""
    fast, through_files = radar_fields(domain, SEED, TIME, scan), mosaic_of_files(domain, scan, folder)
    assert set(fast.data_vars) == set(through_files)
    for name, values in through_files.items():
        np.testing.assert_allclose(fast[name].values, values, rtol=0.0, atol=1e-4, err_msg=name)
    assert (fast["reflectivity"].values > NO_ECHO_DBZ).mean() > 0.05
    return fast


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # wradlib, of rays without any phase
def test_radar_fields_are_those_of_the_level_ii_files(demo: Domain, tmp_path: Path) -> None:
    fast = assert_same_mosaic(demo, NEXRAD, tmp_path)
    assert (fast["marks"].values > 0).any()  # quality control had something to reject
    assert np.isfinite(fast["kdp"].values).any()  # which no Level II file holds: it is made of the phase


def test_radar_fields_are_those_of_the_odim_files(tmp_path: Path) -> None:
    assert_same_mosaic(parse_domain(SMALL, "small.yaml"), ODIM, tmp_path)


def test_imager_fields_are_those_of_the_abi_files(demo: Domain, tmp_path: Path) -> None:
    """To a thousandth of a kelvin: the fast path takes the counts of the files, whose Planck coefficients are 32-bit floats."""
    fast = imager_fields(demo, SEED, TIME)
    assert demo.satellite is not None
    assert tuple(fast["channel"].values) == demo.satellite.imager.channels
    for file in written(demo, Unit("imager", TIME), tmp_path):
        channel = file[1].split("_")[1][-3:]
        through_files = read_image((file,), "abi_l1b", channel, demo.area, tmp_path)["brightness_temperature"].values
        np.testing.assert_allclose(fast["brightness_temperature"].sel(channel=channel).values, through_files, rtol=0.0, atol=1e-3, err_msg=channel)
    window = fast["brightness_temperature"].sel(channel="C13").values
    assert np.nanmin(window) < 240.0 and np.nanmax(window) > 285.0  # tops and ground, or nothing would be shown


def test_lightning_fields_are_those_of_the_lcfa_files(demo: Domain, tmp_path: Path) -> None:
    """To a thousandth of a flash: the fast path takes the places of events in the steps of the files."""
    start, minutes = TIME - np.timedelta64(120, "s"), 2
    units = [Unit("lightning", start + np.timedelta64(60 * minute, "s")) for minute in range(minutes)]
    files = [read_flashes(path, name) for unit in units for path, name in written(demo, unit, tmp_path)]
    fast, through_files = lightning_fields(demo, SEED, TIME, minutes), extent_density(files, demo.area, start, TIME)
    for name in ("flash_extent_density", "group_extent_density"):
        assert through_files[name].max() > 1.0
        np.testing.assert_allclose(fast[name].values, through_files[name].values, rtol=1e-5, atol=1e-3, err_msg=name)
    assert int(fast["flashes"]) == int(through_files["flashes"]) > 0
    for name in ("satellite", "start", "end", "files", "covered_seconds", "state"):
        assert fast.attrs[name] == through_files.attrs[name]


def test_background_fields_are_those_of_the_grib_files(demo: Domain, tmp_path: Path) -> None:
    """Root mean square differences are what 16 bits and bilinear sampling between points 4.4 km apart lose:
    far below the model's own errors of 0.6 K, 1.4 m/s, 8 % and 60 Pa.
    """
    base = TIME - np.timedelta64(8, "h")
    run = model_run(world_of(demo, SEED), demo.grid.projection, model_grid_of(demo), base, SEED, leads=(2, 8))  # a whole run has 25 leads
    files = []
    for channel, key in grib.run_keys(base).items():
        path = tmp_path / key.rpartition("/")[2]
        path.write_bytes(grib.field_bytes(run, channel))
        files.append((path, path.name))
    through_files = analysis_fields(files, TIME, demo.area_of("background"))
    fast = background_fields(demo, SEED, base, TIME)
    assert list(fast["channel"].values) == list(through_files["channel"].values)
    assert {name: fast.attrs[name] for name in ("base_time", "lead_hours")} == {name: through_files.attrs[name] for name in ("base_time", "lead_hours")}
    difference = np.sqrt(((fast["state"].values - through_files["state"].values) ** 2).mean(axis=(1, 2)))
    allowed = {"t": 0.02, "u": 0.05, "v": 0.05, "r": 0.2, "m": 1.0}
    for channel, found in zip(fast["channel"].values, difference, strict=True):
        assert found < allowed[str(channel)[0]], (channel, found)


def test_a_domain_without_imager_is_told_so() -> None:
    with pytest.raises(ValueError, match="no imager"):
        imager_fields(parse_domain(SMALL, "small.yaml"), SEED, TIME)
