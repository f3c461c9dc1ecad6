"""Frames of a packed sequence: zeros inside the disc are no echo, beyond it nothing was observed."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.domain import PackedSequence
from stormcycle.radar.sequence import decode_frames, decode_sweeps
from stormcycle.radar.volume import Unreadable
from stormcycle.states import NO_ECHO_DBZ


def packed(disc_radius_px: float) -> PackedSequence:
    return PackedSequence.model_validate({"file": "s.nc", "first_frame_time": "2015-07-12T00:00Z", "step_minutes": 6, "disc_radius_px": disc_radius_px})


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Three frames of 9 x 9 pixels: echoes of 10, 20, 30 dBZ in the middle and in the corner."""
    dbz = np.zeros((3, 9, 9), "float32")
    for frame, value in enumerate((10.0, 20.0, 30.0)):
        dbz[frame, 4, 4:6] = value
        dbz[frame, 0, 0] = value
    dbz[1, 5, 5] = np.nan
    fields = {name: (("time", "y", "x"), dbz * factor) for name, factor in (("dbz", 1.0), ("zdr", 0.1))}
    xr.Dataset(fields).to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    return tmp_path / "s.nc"


def test_pixels_are_echo_no_echo_or_not_observed_as_a_plain_loop_says(sequence: Path):
    (frame,) = decode_frames(sequence, [1], ("reflectivity", "zdr"), packed(4.0))
    assert frame is not None
    for y in range(9):
        for x in range(9):
            found, zdr = float(frame["reflectivity"][y, x]), float(frame["zdr"][y, x])
            if np.hypot(y - 4, x - 4) > 4.0 or (y, x) == (5, 5):
                assert np.isnan([found, zdr]).all()
            elif (y, x) in ((4, 4), (4, 5)):
                assert (found, zdr) == (20.0, 2.0)
            else:
                assert found == NO_ECHO_DBZ
                assert np.isnan(zdr)


def test_frames_come_as_asked_and_those_beyond_the_end_are_none(sequence: Path):
    frames = decode_frames(sequence, [2, 0, 3, 1, 99], ("reflectivity",), packed(20.0))
    assert [None if frame is None else float(frame["reflectivity"][4, 4]) for frame in frames] == [30.0, 10.0, None, 20.0, None]


def test_other_files_are_unreadable(tmp_path: Path):
    (tmp_path / "text.nc").write_text("no netCDF")
    xr.Dataset({"rain": (("time", "y", "x"), np.zeros((1, 2, 2)))}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    xr.Dataset({"dbz": (("y", "x"), np.zeros((2, 2)))}).to_netcdf(tmp_path / "flat.nc", engine="h5netcdf")
    for name in ("text.nc", "other.nc", "flat.nc"):
        with pytest.raises(Unreadable):
            decode_frames(tmp_path / name, [0], ("reflectivity",), packed(4.0))


def test_a_moment_that_is_not_there_is_unreadable(sequence: Path):
    with pytest.raises(Unreadable, match="kdp"):
        decode_frames(sequence, [0], ("reflectivity", "kdp"), packed(4.0))


def test_a_real_sequence_has_echo_where_its_values_are_not_zero(samples: Path):
    path = samples / "radar/nju_cpol/nju_cpol_004_3.0km.nc"
    if not path.is_file():
        pytest.skip("The NJU-CPOL sequence is not among the samples.")
    (frame,) = decode_frames(path, [0], ("reflectivity",), packed(146.0))
    with xr.open_dataset(path, engine="h5netcdf") as raw:
        dbz = raw["dbz"].isel(time=0).values
    y, x = np.mgrid[:256, :256] - 127.5
    inside = np.hypot(y, x) <= 146
    assert frame is not None
    np.testing.assert_array_equal(frame["reflectivity"].values, np.where(inside, np.where(dbz == 0, NO_ECHO_DBZ, dbz), np.nan).astype("float32"))


@pytest.fixture(params=["fbg", "tur"])
def sweeps(samples: Path, request: pytest.FixtureRequest) -> Path:
    """The packed DX sweeps of a radar."""
    path = samples / f"radar/dwd_radolan/dwd_dx_{request.param}_20080602.nc"
    if not path.is_file():
        pytest.skip("The DX sweeps are not among the samples.")
    return path


POLAR = PackedSequence.model_validate({"file": "s.nc", "first_frame_time": "2008-06-02T16:00Z", "step_minutes": 5, "elevation_deg": 0.8})


def test_packed_sweeps_are_volumes_of_one_sweep_as_xarray_reads_them(sweeps: Path):
    frames = decode_sweeps(sweeps, [24, 0, 25], ("reflectivity",), POLAR)
    with xr.open_dataset(sweeps, engine="h5netcdf") as file:
        for volume, index in zip(frames[:2], (24, 0), strict=True):
            assert volume is not None
            dbz = file["dbz"].isel(time=index).values
            np.testing.assert_array_equal(volume["reflectivity"].values, np.where(dbz <= -32.0, NO_ECHO_DBZ, dbz))
            assert (dbz > -32.0).any()
            np.testing.assert_allclose(volume["azimuth"].values, file["azimuth"].values)
            assert (volume["elevation"].values == np.float32(0.8)).all()
            assert (volume["first_gate_m"].item(), volume["gate_m"].item(), volume["gates"].item()) == (500.0, 1000.0, 128)
            time = f"{np.datetime_as_string(file['time'].values[index], 's')}Z"
            assert (volume.attrs["declared_time"], volume.attrs["first_ray_time"], volume.attrs["state"]) == (time, time, "ok")
    assert frames[2] is None


def test_packed_sweeps_without_a_range_are_unreadable(sequence: Path):
    with pytest.raises(Unreadable, match="azimuth, range"):
        decode_sweeps(sequence, [0], ("reflectivity",), POLAR)
