from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from unit.datasets.test_archive import NOON, RESOLUTION, domain_of, hour_of, release

from stormcycle.datasets.events import Event
from stormcycle.datasets.windows import prepare, windows_of
from stormcycle.nowcast.lagrangian import forecast
from stormcycle.times import HOUR, frame_slots, iso


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence of 22 frames, 260 x 270, whose echoes drift 2 pixels a step; and a dry one."""
    made = tmp_path_factory.mktemp("sequences")
    rows, columns = np.indices((260, 270))
    echo = np.stack(
        [sum(45.0 * np.exp(-((rows - y) ** 2 + (columns - x - 2 * t) ** 2) / 200.0) for y, x in ((130, 110), (90, 150), (170, 60))) for t in range(22)]
    )
    for name, values in (("wet", echo), ("dry", 0.0 * echo)):
        packed = np.round(values / 0.1).astype("int16")
        field = xr.Dataset({"dbz": (("time", "y", "x"), packed, {"units": "dBZ", "scale_factor": 0.1})}, attrs={"nominal_step_minutes": 6.0})
        field.to_netcdf(made / f"{name}.nc", engine="h5netcdf")
    return made


def test_windows_hold_what_a_network_sees_and_the_truth_that_extrapolation_reaches(folder: Path, tmp_path: Path) -> None:
    windows = windows_of(folder, Event(name="wet", file="wet.nc", disc_radius_px=120), 6, 1000, tmp_path, 1)
    assert len(windows) == 3
    assert windows.frames.shape == windows.truth.shape == (3, 1, 10, 256, 256)
    assert windows.variables == ("zh",)
    made = forecast(windows.frames[0, 0, -1].astype("float64"), np.zeros((10, 256, 256)), windows.displacement[0].astype("float64"), np.ones((256, 256), bool))
    inner = np.hypot(*(np.indices((256, 256)) - 127.5)) < 90
    assert np.abs(made - windows.truth[0, 0].astype("float64"))[:, inner].mean() < 0.6
    outside = ~windows.mask[0]
    assert np.hypot(*(np.indices((256, 256)) - 127.5))[outside].min() > 120
    assert (windows.truth[0, 0][:, outside] == 0).all()


def test_windows_of_a_dual_polarisation_event_hold_all_its_moments_as_they_are(folder: Path, tmp_path: Path) -> None:
    with xr.open_dataset(folder / "wet.nc", engine="h5netcdf") as stored:
        dbz = stored["dbz"].load()
    more = {name: (dbz * share).assign_attrs(units=units) for name, share, units in (("zdr", 0.02, "dB"), ("kdp", 0.01, "degree km-1"))}
    xr.Dataset({"dbz": dbz.assign_attrs(units="dBZ"), **more}, attrs={"nominal_step_minutes": 6.0}).to_netcdf(folder / "dual.nc", engine="h5netcdf")
    windows = windows_of(folder, Event(name="dual", file="dual.nc"), 6, 1000, tmp_path, 1)
    assert windows.variables == ("zh", "zdr", "kdp")
    assert windows.frames.shape == (3, 3, 10, 256, 256)
    zh, zdr, kdp = windows.truth[1].astype("float64")
    np.testing.assert_allclose(zdr, 0.02 * zh, atol=2e-3)
    np.testing.assert_allclose(kdp, 0.01 * zh, atol=2e-3)


def test_windows_are_made_once_and_again_when_the_seed_or_the_disc_is_another(folder: Path, tmp_path: Path) -> None:
    event = Event(name="wet", file="wet.nc")
    windows_of(folder, event, 6, 1000, tmp_path, 1)
    (first,) = tmp_path.iterdir()
    stamp = (first / "frames.npy").stat().st_mtime_ns
    windows_of(folder, event.model_copy(update={"weight": 3.0}), 6, 1000, tmp_path, 1)
    assert [(path / "frames.npy").stat().st_mtime_ns for path in tmp_path.iterdir()] == [stamp]
    windows_of(folder, event, 6, 1000, tmp_path, 2)
    windows_of(folder, event.model_copy(update={"disc_radius_px": 100.0}), 6, 1000, tmp_path, 1)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_event_without_echo_or_file_is_refused_with_its_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The event dry has no window of 20 frames with echo"):
        prepare(folder, [Event(name="dry", file="dry.nc")], 6, 1000, tmp_path, 1, lambda _: None)
    with pytest.raises(ValueError, match=r"no\.nc"):
        prepare(folder, [Event(name="no", file="no.nc")], 6, 1000, tmp_path, 1, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_windows_of_our_own_releases_reach_over_no_gap_and_leave_out_what_was_filled(tmp_path: Path) -> None:
    domain = domain_of(shape=(256, 260))
    for back in (0, 1, 2, 5, 6):
        release(tmp_path / "releases", back, hour_of(frame_slots(NOON + back * HOUR, 6), (256, 260)), domain=domain)
    hours = (iso(NOON), iso(NOON + 6 * HOUR))
    event = Event(name="own", domain="small", hours=hours, releases=str(tmp_path / "releases"))
    windows = windows_of(tmp_path, event, 6, RESOLUTION, tmp_path / "kept", 1)
    assert len(windows) == (30 - 19) + (20 - 19)
    assert windows.variables == ("zh", "zdr")
    assert "30 observed frames of small" in windows.notes["selection"]
    assert "20 observed frames of small" in windows.notes["selection"]


def test_releases_of_other_pixels_than_the_recipe_learns_at_are_refused(tmp_path: Path) -> None:
    release(tmp_path / "releases", 0)
    release(tmp_path / "releases", 1)
    event = Event(name="own", domain="small", hours=(iso(NOON), iso(NOON + HOUR)), releases=str(tmp_path / "releases"))
    with pytest.raises(ValueError, match=rf"The event own has pixels of {RESOLUTION:g} m, `coarsen` counted; the recipe learns at 500 m"):
        prepare(tmp_path, [event], 6, 500, tmp_path / "kept", 1, lambda _: None)


def test_an_event_smaller_than_a_window_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The event wet has frames of 130 x 135 pixels; a window takes 256 x 256"):
        prepare(folder, [Event(name="wet", file="wet.nc", coarsen=2)], 6, 1000, tmp_path, 1, lambda _: None)
