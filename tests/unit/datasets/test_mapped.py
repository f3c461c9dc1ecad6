"""Hours from an archive under names of its own: taken by the map, in our units and rows; what is not as the map says is named."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from stormcycle.background import CHANNELS
from stormcycle.datasets.mapped import MapError, mapped_hours, read_map
from stormcycle.times import parse_time

FIRST, LAST = parse_time("2023-08-04T00:00Z"), parse_time("2023-08-04T03:00Z")
ROWS = 12


def settings() -> dict:
    names = dict(zip("tuvr", ("TEMP", "U", "V", "RELHUM"), strict=True))
    levels = enumerate((975, 925, 850, 800))
    channels = {f"{letter}{level}": {"variable": name, "at": {"lev": index}} for index, level in levels for letter, name in names.items()}
    surface = {"t2m": {"variable": "T2"}, "r2m": {"variable": "RH2", "scale": 100.0}, "mslp": {"variable": "PMSL", "scale": 100.0}}
    return {
        "state_files": "model_%Y%m%d%H.nc",
        "radar_files": "radar/%Y%m%d_%H.nc",
        "channels": channels | surface,
        "hourly_sum": {"variable": "DBZ"},
        "latitude": {"variable": "lat2d"},
        "longitude": {"variable": "lon2d"},
        "radar": [15.29, 46.07],
        "disc_km": 20.0,
        "south_first": True,
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "radar").mkdir()
    y, x = np.meshgrid(np.arange(ROWS), np.arange(ROWS), indexing="ij")
    latitude, longitude = 45.85 + 0.04 * y, 15.0 + 0.05 * x
    for hour in (1, 2):
        bases = {"TEMP": 280, "U": 1, "V": 2, "RELHUM": 50}
        level = {name: (("lev", "y", "x"), np.stack([base + 10 * index + y for index in range(4)])) for name, base in bases.items()}
        surface = {"T2": (("t", "y", "x"), (290.0 + y)[None]), "RH2": (("y", "x"), 0.5 + 0.0 * y), "PMSL": (("y", "x"), 1013.0 + 0.0 * y)}
        places = {"lat2d": (("y", "x"), latitude), "lon2d": (("y", "x"), longitude)}
        xr.Dataset({**level, **surface, **places}).to_netcdf(tmp_path / f"model_20230804{hour:02d}.nc", engine="h5netcdf")
        dbz = np.where(y > 5, 30.0, np.nan)
        dbz[5, 6] = 10.0
        xr.Dataset({"DBZ": (("y", "x"), dbz)}).to_netcdf(tmp_path / f"radar/20230804_{hour:02d}.nc", engine="h5netcdf")
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(settings()))
    return tmp_path


def test_hours_are_taken_by_the_map_in_our_units_and_rows(archive: Path):
    hours = mapped_hours(archive, read_map(archive / "map.yaml"), FIRST, LAST)
    assert [hour.attrs["time"] for hour in hours] == ["2023-08-04T01:00:00Z", "2023-08-04T02:00:00Z"]
    one = hours[0]
    assert one["channel"].values.tolist() == list(CHANNELS)
    north = one["state"].sel(channel="t925").values[0]
    np.testing.assert_allclose(north, 290.0 + ROWS - 1)  # row 0 is the northern edge
    np.testing.assert_allclose(one["state"].sel(channel="r2m").values, 50.0)
    np.testing.assert_allclose(one["state"].sel(channel="mslp").values, 101300.0)
    seen, distance = one["hourly_sum"].values, one["radar_distance_km"].values
    assert np.isnan(seen[distance > 20.0]).all()
    assert set(np.unique(seen[distance <= 20.0])) == {0.0, 30.0}  # NaN within the disc is dry, and so is what does not reach the floor


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hourly_sum": {"variable": "REFL"}}, "has no variable REFL; it has DBZ"),
        ({"latitude": {"variable": "lat2d", "at": {"lev": 0}}}, "has no dimension lev"),
        ({"latitude": {"variable": "TEMP"}}, "is left with lev, y, x"),
        ({"radar_files": "nothing_%Y.nc"}, "holds no hour from 2023-08-04T00:00:00Z"),
    ],
)
def test_an_archive_that_is_not_as_its_map_says_is_told(archive: Path, change: dict, words: str):
    (archive / "map.yaml").write_text(yaml.safe_dump(settings() | change))
    with pytest.raises(MapError, match=words):
        mapped_hours(archive, read_map(archive / "map.yaml"), FIRST, LAST)


def test_a_map_without_a_channel_is_refused(tmp_path: Path):
    lacking = settings()
    del lacking["channels"]["mslp"]
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(lacking))
    with pytest.raises(MapError, match="mslp is missing or not one of them"):
        read_map(tmp_path / "map.yaml")
