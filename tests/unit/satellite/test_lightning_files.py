"""GLM files of every era against netCDF4's own decoding and plain loops over their tree."""

from pathlib import Path

import numpy as np
import pytest
from netCDF4 import Dataset

from stormcycle.satellite.lcfa import NAME, read_flashes

COUNTS = {
    "G16_s20180471253200": (2243, 865, 23, 2),
    "G16_s20181830433000": (18361, 7182, 302, 10),
    "G16_s20181830433200": (19956, 6919, 277, 8),
    "G16_s20181830433400": (21480, 7478, 274, 11),
    "G16_s20182901026200": (9497, 4013, 208, 3),
    "G16_s20203662359400": (11236, 3706, 179, 2),
    "G17_s20182831047000": (6687, 6171, 123, 54),
    "G17_s20200160612000": (0, 0, 0, 0),
    "G18_s20230261900000": (2394, 891, 34, 0),
    "G19_s20250971300200": (7235, 3374, 115, 5),
}
"""Part of the name -> events, groups, flashes, degraded flashes."""
WRONG_SIGN = ("G16_s20182901026200", "G17_s20182831047000")


def lcfa(samples: Path, part: str) -> Path:
    (path,) = (samples / "goes_glm").glob(f"OR_GLM-L2-LCFA_{part}_*.nc")
    return path


@pytest.mark.parametrize("part", COUNTS)
def test_every_version_of_the_format_is_read_whole(samples: Path, part: str) -> None:
    path = lcfa(samples, part)
    found = read_flashes(path, path.name)
    assert (found.sizes["event"], found.sizes["group"], found.sizes["flash"], found.attrs["flashes_degraded"]) == COUNTS[part]
    assert (found.attrs["satellite"], found.attrs["state"]) == (part[:3], "ok")
    assert len(found.attrs["notes"]) == (part in WRONG_SIGN)
    with Dataset(path) as file:
        assert np.datetime64(found.attrs["start"][:-1]) == np.datetime64(file.time_coverage_start[:-1], "s")
        assert np.datetime64(found.attrs["end"][:-1]) == np.datetime64(file.time_coverage_end[:-1], "s")
        unit = {"km2": 1.0, "m2": 1e6}[file["flash_area"].units]
        for ours, theirs, factor in (
            ("event_longitude", "event_lon", 1.0),
            ("event_latitude", "event_lat", 1.0),
            ("event_energy", "event_energy", 1.0),
            ("group_area", "group_area", unit),
            ("flash_area", "flash_area", unit),
            ("flash_energy", "flash_energy", 1.0),
        ):
            np.testing.assert_allclose(found[ours].values, np.ma.filled(file[theirs][:], np.nan) / factor, rtol=2e-6, atol=1e-18)


@pytest.mark.parametrize("part", [part for part, counts in COUNTS.items() if counts[0]])
def test_times_lie_in_the_file_or_shortly_before_and_in_order_of_their_flash(samples: Path, part: str) -> None:
    path = lcfa(samples, part)
    found = read_flashes(path, path.name)
    start, end = (np.datetime64(found.attrs[key][:-1]) for key in ("start", "end"))
    for name in ("event_time", "group_time", "flash_start", "flash_end"):
        offsets = (found[name].values - start) / np.timedelta64(1, "s")
        assert offsets.min() > -3.0 and found[name].values.max() <= end, name
        assert np.median(offsets) == pytest.approx(10.0, abs=4.0)
    packed = np.timedelta64(2, "ms")
    owner = found["group_flash"].values[found["event_group"].values]
    for flash in range(found.sizes["flash"]):
        times = found["event_time"].values[owner == flash]
        assert abs(times.min() - found["flash_start"].values[flash]) <= packed
        assert abs(times.max() - found["flash_end"].values[flash]) <= packed


@pytest.mark.parametrize("part", ["G16_s20180471253200", "G18_s20230261900000"])
def test_the_tree_is_the_files(samples: Path, part: str) -> None:
    path = lcfa(samples, part)
    found = read_flashes(path, path.name)
    with Dataset(path) as file:
        file.set_auto_maskandscale(False)
        groups, flashes = file["group_id"][:].tolist(), file["flash_id"][:].tolist()
        assert found["event_group"].values.tolist() == [groups.index(parent) for parent in file["event_parent_group_id"][:].tolist()]
        assert found["group_flash"].values.tolist() == [flashes.index(parent) for parent in file["group_parent_flash_id"][:].tolist()]


def test_a_file_without_flashes_is_a_file(samples: Path) -> None:
    path = lcfa(samples, "G17_s20200160612000")
    found = read_flashes(path, path.name)
    assert found.attrs["state"] == "ok"
    assert found["event_time"].values.shape == (0,)
    assert (found.attrs["start"], found.attrs["end"]) == ("2020-01-16T06:12:00Z", "2020-01-16T06:12:11Z")


def test_names_tell_satellite_and_times() -> None:
    match = NAME.fullmatch("OR_GLM-L2-LCFA_G19_s20261821200200_e20261821200400_c20261821200420.nc")
    assert match is not None and match.groupdict() == {"satellite": "G19", "start": "2026182120020", "end": "2026182120040", "created": "2026182120042"}
    assert NAME.fullmatch("OR_GLM-L2-GLMC-M3_G16_s20181830433000_e20181830434000_c20191931535490.nc") is None
