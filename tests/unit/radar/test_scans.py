"""Scans joined to volumes: ten real files of Avesnes, of two volumes of five sweeps."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.radar.decode import decode_volume
from stormcycle.radar.volume import join_scans
from stormcycle.states import NO_ECHO_DBZ

FIRST, SECOND = np.datetime64("2023-04-20T06:50:00", "s"), np.datetime64("2023-04-20T06:55:00", "s")


@cache
def scan(path: Path) -> xr.Dataset:
    return decode_volume(path, "odim", ("reflectivity",))


@pytest.fixture
def scans(samples: Path) -> dict[np.datetime64, list[xr.Dataset]]:
    """The scans of the volumes of 06:50 and 06:55, as they came."""
    folder = samples / "radar/odim_h5/france_scans_20230420"
    if not folder.is_dir():
        pytest.skip("The French scans are not among the samples.")
    return {time: [scan(path) for path in sorted(folder.glob(f"*_20230420065{digits}*.h5"))] for time, digits in ((FIRST, "[0-4]"), (SECOND, "[5-9]"))}


@pytest.mark.parametrize(("time", "elevations"), [(FIRST, [0.4, 1.0, 1.6, 3.6, 8.0]), (SECOND, [0.4, 1.0, 1.6, 2.6, 6.0])])
def test_five_scans_make_a_whole_volume_with_its_sweeps_from_the_lowest_up(scans, time, elevations: list[float]):
    volume = join_scans(scans[time], time, 5)
    assert (volume.attrs["state"], volume.attrs["notes"], volume.attrs["site"]) == ("ok", [], "frave")
    assert volume.attrs["declared_time"] == f"{time}Z"
    assert volume.sizes == {"ray": 1800, "gate": 267, "sweeps": 5}
    found = [float(np.median(volume["elevation"].values[volume["sweep"].values == number])) for number in range(5)]
    np.testing.assert_allclose(found, elevations, atol=0.05)


def test_every_sweep_is_its_scan_ray_by_ray(scans):
    volume = join_scans(scans[FIRST], FIRST, 5)
    for number, single in enumerate(sorted(scans[FIRST], key=lambda each: float(each["elevation"][0]))):
        mine = volume.isel(ray=np.flatnonzero(volume["sweep"].values == number), sweeps=number)
        np.testing.assert_array_equal(mine["reflectivity"].values[:, : single.sizes["gate"]], single["reflectivity"].values)
        for name in ("azimuth", "elevation", "time"):
            np.testing.assert_array_equal(mine[name].values, single[name].values)
        for name in ("first_gate_m", "gate_m", "gates"):
            assert mine[name].item() == single[name].item()


def test_the_volumes_times_are_those_of_its_first_and_last_ray(scans):
    volume = join_scans(scans[FIRST], FIRST, 5)
    assert volume.attrs["first_ray_time"] == "2023-04-20T06:50:00Z"
    assert volume.attrs["last_ray_time"] == "2023-04-20T06:54:45Z"


def test_the_order_in_which_scans_come_makes_no_difference(scans):
    xr.testing.assert_identical(join_scans(scans[FIRST], FIRST, 5), join_scans(scans[FIRST][::-1], FIRST, 5))


def test_a_missing_scan_makes_the_volume_partial(scans):
    volume = join_scans(scans[FIRST][:2] + scans[FIRST][3:], FIRST, 5)
    assert (volume.attrs["state"], volume.attrs["notes"]) == ("partial", ["4 of 5 scans of the volume are there."])
    assert volume.sizes["sweeps"] == 4


def test_a_partial_scan_makes_the_volume_partial_and_keeps_its_note(scans):
    spoiled = scans[FIRST][1].assign_attrs(state="partial", notes=["Sweep 0 has 200 of 360 rays."])
    volume = join_scans([scans[FIRST][0], spoiled, *scans[FIRST][2:]], FIRST, 5)
    assert (volume.attrs["state"], volume.attrs["notes"]) == ("partial", ["Sweep 0 has 200 of 360 rays."])


def test_a_scan_that_came_twice_does_not_stand_in_for_a_missing_one(scans):
    assert join_scans([*scans[FIRST][:4], scans[FIRST][3]], FIRST, 5).attrs["state"] == "partial"


def test_scans_of_other_moments_and_gates_are_padded_with_not_observed(polar):
    def one(elevation: float, gates: int, **moments: np.ndarray) -> xr.Dataset:
        volume = polar(np.full((1, 36, gates), NO_ECHO_DBZ), elevations=(elevation,), **moments)
        times = {"first_ray_time": "2023-04-20T06:50:00Z", "last_ray_time": "2023-04-20T06:51:00Z"}
        rays = np.full(36, np.datetime64("2023-04-20T06:50:00", "ns"))
        return volume.assign_coords(time=("ray", rays)).assign_attrs(state="ok", notes=[], site="x", **times)

    volume = join_scans([one(2.0, 10, zdr=np.full((1, 36, 10), 1.0)), one(0.5, 20)], FIRST, 2)
    assert volume["gates"].values.tolist() == [20, 10]
    assert np.isnan(volume["reflectivity"].values[36:, 10:]).all()
    assert (volume["reflectivity"].values[36:, :10] == NO_ECHO_DBZ).all()
    assert np.isnan(volume["zdr"].values[:36]).all()
    assert (volume["zdr"].values[36:, :10] == 1.0).all()
