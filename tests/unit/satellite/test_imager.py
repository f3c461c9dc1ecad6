"""Real ABI scans on a grid, beside Satpy's own resampling, beside the closed forms of geometry and calibration."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from imagery import OKLAHOMA, PLAINS, Files, abi, number, place_in, renamed, spoiled, square, temperature
from pyresample.geometry import AreaDefinition

from stormcycle.satellite import WrongKind, read_image, resampling

AREA = square(OKLAHOMA, 96, 2000.0)
FLAGS = {"conditionally usable": 1, "out of the calibrated range": 2}


def by_satpy(files: Files, reader: str, channel: str, area: AreaDefinition) -> np.ndarray:
    """The channel by Satpy alone: stock Scene, stock nearest neighbours."""
    from satpy.scene import Scene

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene = Scene(reader=reader, filenames=[str(path) for path, _ in files])
        scene.load([channel])
        return scene.resample(area, resampler="nearest")[channel].values


@pytest.mark.parametrize("which", [0, 1])
def test_a_real_scene_agrees_with_satpys_own_nearest_pixel_by_pixel(samples: Path, tmp_path: Path, which: int) -> None:
    files = abi(samples, "C10", which)
    mine = read_image(files, "abi_l1b", "C10", AREA, tmp_path)
    theirs = by_satpy(files, "abi_l1b", "C10", AREA)
    found = mine["brightness_temperature"].values
    assert found.dtype == np.float32
    assert found.shape == (96, 96)
    assert (found != theirs).mean() < 0.001, "other pixels than ties between neighbours differ"
    assert mine.attrs["state"] == "ok"
    assert mine.attrs["notes"] == []
    assert (mine["quality"].values == 0).all()


def test_temperatures_follow_from_counts_coefficients_and_geometry_by_hand(samples: Path, tmp_path: Path) -> None:
    files = abi(samples, "C10")
    found = read_image(files, "abi_l1b", "C10", AREA, tmp_path)["brightness_temperature"].values
    longitude, latitude = AREA.get_lonlats()
    checked = 0
    with h5py.File(files[0][0]) as file:
        for row, column in np.ndindex(96, 96):
            if (row + 3 * column) % 5:
                continue
            y, x = place_in(file, float(longitude[row, column]), float(latitude[row, column]))
            if max(abs(y - round(y)), abs(x - round(x))) > 0.25:
                continue  # between pixels the nearest on the earth may be another than the nearest in the scan
            assert found[row, column] == pytest.approx(float(temperature(file["Rad"][round(y), round(x)], file)), abs=1e-3)
            checked += 1
    assert checked > 200


def test_names_and_content_tell_satellite_scene_mode_and_times(samples: Path, tmp_path: Path) -> None:
    conus = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path).attrs
    told = ("satellite", "scene", "mode", "channel", "platform_longitude", "scan_start", "middle", "scan_end", "parallax")
    assert [conus[name] for name in told] == [
        *("G16", "C", "6", "C10", -75.0),
        *("2022-10-02T11:01:17Z", "2022-10-02T11:02:36Z", "2022-10-02T11:03:55Z", "not corrected"),
    ]
    sector = read_image(abi(samples, "L1b-RadM1-M3C01"), "abi_l1b", "C01", square(PLAINS, 20, 4000.0), tmp_path).attrs
    assert [sector[name] for name in told[:5]] == ["G16", "M1", "3", "C01", -89.5]
    assert sector["middle"] == "2017-07-12T18:11:29Z"


@pytest.mark.parametrize("channel", ["C01", "C03"])
def test_the_place_of_a_satellite_in_its_test_slot_is_read_from_the_file(samples: Path, tmp_path: Path, channel: str) -> None:
    files, area = abi(samples, f"L1b-RadM1-M3{channel}"), square(PLAINS, 24, 4000.0)
    found = read_image(files, "abi_l1b", channel, area, tmp_path)
    assert found["reflectance"].attrs["units"] == "%"
    longitude, latitude = area.get_lonlats()
    checked = 0
    with h5py.File(files[0][0]) as file:
        factor = 100.0 * np.pi * float(file["earth_sun_distance_anomaly_in_AU"][()]) ** 2 / float(file["esun"][()])
        for row, column in np.ndindex(24, 24):
            y, x = place_in(file, float(longitude[row, column]), float(latitude[row, column]))
            if max(abs(y - round(y)), abs(x - round(x))) > 0.25:
                continue
            radiance = float(file["Rad"][round(y), round(x)]) * number(file["Rad"].attrs["scale_factor"]) + number(file["Rad"].attrs["add_offset"])
            assert found["reflectance"].values[row, column] == pytest.approx(radiance * factor, abs=0.01)
            checked += 1
    assert checked > 100


@pytest.mark.parametrize(("channel", "factor"), [("C01", 1.0272), ("C03", 0.9871)])
def test_level_1_and_level_2_of_one_scene_agree_pixel_by_pixel_but_for_noaas_factor(samples: Path, tmp_path: Path, channel: str, factor: float) -> None:
    """In July 2017 NOAA's level 2 was brighter or darker than its radiances by a constant (measured on the raw arrays), and clipped at 100 %."""
    area = square(PLAINS, 64, 8000.0)
    first = read_image(abi(samples, f"L1b-RadM1-M3{channel}"), "abi_l1b", channel, area, tmp_path)
    second = read_image(abi(samples, f"L2-CMIPM1-M3{channel}"), "abi_l2_nc", channel, area, tmp_path)
    one, two = first["reflectance"].values, second["reflectance"].values
    below = two < 99.0
    assert 0.5 < below.mean() < 1.0
    assert np.abs(one * factor - two)[below].max() < 0.1
    assert first.attrs["scan_start"] == second.attrs["scan_start"]


def test_later_scans_take_the_indices_that_the_first_one_kept(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path)
    (kept,) = tmp_path.glob("*.npz")

    def computed(*arguments: object) -> None:
        raise AssertionError("the indices are computed again")

    monkeypatch.setattr(resampling, "nearest_pixels", computed)
    later = read_image(abi(samples, "C10", 1), "abi_l1b", "C10", AREA, tmp_path)
    assert later.attrs["scan_start"] != first.attrs["scan_start"]
    assert np.abs(later["brightness_temperature"].values - first["brightness_temperature"].values).max() < 10.0
    monkeypatch.undo()
    kept.write_bytes(kept.read_bytes()[:100])
    again = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path)
    xr.testing.assert_identical(again, first)


def test_pixels_without_a_value_are_masked_and_doubtful_ones_are_kept_and_counted(samples: Path, tmp_path: Path) -> None:
    """Flags by their meaning: 1 conditionally usable, 2 out of range, 3 no value, 4 focal plane too warm; and a cold top's noise."""

    def spoil(file: h5py.File) -> None:
        y, x = (round(place) for place in place_in(file, *OKLAHOMA))
        for value in (1, 2, 3, 4):
            file["DQF"][y : y + 2, x + 4 * value : x + 4 * value + 2] = value
        file["Rad"][y + 6 : y + 8, x : x + 2] = 0  # less than nothing: a radiance of -0.96
        file["Rad"][y + 6 : y + 8, x + 4 : x + 6] = 4095
        file["DQF"][y + 6 : y + 8, x + 4 : x + 6] = -1

    files = spoiled(abi(samples, "C10"), tmp_path, spoil)
    found = read_image(files, "abi_l1b", "C10", AREA, tmp_path / "kept")
    untouched = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path / "kept")
    quality, changed = found["quality"].values, found["brightness_temperature"].values
    same = changed == untouched["brightness_temperature"].values
    for value, has in ((1, True), (2, True), (3, False), (4, False), (255, False)):
        there = quality == value
        assert there.any(), value
        assert (same[there] if has else np.isnan(changed[there])).all(), value
    impossible = np.isnan(changed) & (quality == 0)
    assert impossible.sum() > 0
    notes = " ".join(found.attrs["notes"])
    for words, count in (*((words, (quality == value).sum()) for words, value in FLAGS.items()), ("an impossible temperature", impossible.sum())):
        assert any(f"{count} of " in note and words in note for note in found.attrs["notes"]), f"{words}: {notes}"
    assert found.attrs["state"] == "ok", "a few pixels of nine thousand"
    assert found.attrs["valid_share"] == pytest.approx((~np.isnan(changed)).mean(), abs=1e-6)


def test_nothing_is_stretched_over_the_edge_of_a_scene(samples: Path, tmp_path: Path) -> None:
    files, area = abi(samples, "C10"), square((-75.0, 14.6), 32, 8000.0)  # astride the southern edge, east of the middle
    found = read_image(files, "abi_l1b", "C10", area, tmp_path)
    longitude, latitude = area.get_lonlats()
    with h5py.File(files[0][0]) as file:
        beyond = np.array([place_in(file, float(a), float(b))[0] for a, b in zip(longitude.ravel(), latitude.ravel(), strict=True)]).reshape(32, 32) - 1499.0
    missing = np.isnan(found["brightness_temperature"].values)
    assert 0.2 < missing.mean() < 0.8
    assert missing[beyond > 0.6].all()
    assert not missing[beyond < 0.4].any()
    assert found.attrs["inside_share"] == found.attrs["valid_share"] == pytest.approx(1.0 - missing.mean(), abs=1e-6)
    assert found.attrs["state"] == "ok", "the scan is whole: the area is larger"


def test_a_night_scene_of_a_solar_band_is_read_and_says_so(samples: Path, tmp_path: Path) -> None:
    def spoil(file: h5py.File) -> None:
        file.attrs["time_coverage_start"], file.attrs["time_coverage_end"] = np.bytes_("2017-07-12T06:11:26.8Z"), np.bytes_("2017-07-12T06:11:32.6Z")
        file["Rad"][...] = 32  # the count of no radiance

    files = abi(samples, "L1b-RadM1-M3C01")
    night = renamed(renamed(files[0][1], "s20171931811268", "s20171930611268"), "e20171931811326", "e20171930611326")
    found = read_image(spoiled(files, tmp_path, spoil, night), "abi_l1b", "C01", square(PLAINS, 20, 4000.0), tmp_path / "kept")
    assert found.attrs["state"] == "ok"
    assert np.abs(found["reflectance"].values).max() < 1.0
    assert "The sun is below the horizon over 100% of the area" in found.attrs["notes"][-1]


def test_parallax_asks_for_a_temperature(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongKind, match="solar band"):
        read_image(abi(samples, "L1b-RadM1-M3C01"), "abi_l1b", "C01", square(PLAINS, 20, 4000.0), tmp_path, parallax=True)
    corrected = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path, parallax=True)
    assert corrected.attrs["parallax"].startswith("corrected: ")
    plain = read_image(abi(samples, "C10"), "abi_l1b", "C10", AREA, tmp_path)
    assert (corrected["brightness_temperature"].values != plain["brightness_temperature"].values).mean() > 0.5


@pytest.mark.parametrize("tables", ["goes16_abi_cmipm1_c13_24x24.nc"])
def test_the_real_values_of_c13_are_within_what_is_taken_for_possible(samples: Path, tables: str) -> None:
    from stormcycle.satellite.losses import losses

    with xr.open_dataset(samples / "goes_abi" / tables, engine="h5netcdf") as file:
        values, flags = file["CMI"].values.astype("float32"), file["DQF"].values.astype("uint8")
    assert not any(where.any() for where in losses(values, flags, {"good_pixel_qf": 0, "no_value_pixel_qf": 3}, kelvin=True).values())
