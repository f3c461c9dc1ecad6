"""What `inspect` tells of real GRIB files and of odd ones."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import gribs
import numpy as np
import pytest

from stormcycle.background.describe import described

HELD = {
    "gfs*": ("It holds all of the 19 channels of an analysis.", "Alone it gives an analysis."),
    "nam*": ("It holds 11 of the 19 channels of an analysis: t850, t800, u850, u800, v850, v800, r850, r800, t2m, r2m, mslp.", "Alone it gives an analysis."),
    "arome_arctic*003*": (
        "It holds 15 of the 19 channels of an analysis: t925, t850, t800, u925, u850, u800, v925, v850, v800, r925, r850, r800, t2m, r2m, mslp.",
        "Alone it gives an analysis.",
    ),
    "Z__C_RJTD*": (
        "It holds 11 of the 19 channels of an analysis: t975, t925, t850, u975, u925, u850, v975, v925, v850, r925, r850.",
        "Alone it gives no analysis: r975, t2m, r2m and mslp are absent.",
    ),
    "arpege_2m*": (
        "It holds 2 of the 19 channels of an analysis: t2m, r2m.",
        "Alone it gives no analysis: 975 hPa, 925 hPa, 850 hPa, 800 hPa and mslp are absent.",
    ),
    "arpege_10m*": (
        "It holds none of the 19 channels of an analysis.",
        "Alone it gives no analysis: 975 hPa, 925 hPa, 850 hPa, 800 hPa, t2m, r2m and mslp are absent.",
    ),
    "*TCDC*": (
        "It holds none of the 19 channels of an analysis.",
        "Alone it gives no analysis: 975 hPa, 925 hPa, 850 hPa, 800 hPa, t2m, r2m and mslp are absent.",
    ),
}


@pytest.fixture(scope="module")
def told_of(samples: Path) -> dict[str, dict[str, Any]]:
    """What is told of every real file, by its name."""
    return {path.name: described(path, path.name) for path in sorted((samples / "nwp").iterdir())}


@pytest.mark.parametrize("pattern", HELD)
def test_the_notes_name_the_channels_that_a_real_file_holds(told_of: dict[str, dict[str, Any]], pattern: str):
    (told,) = [told for name, told in told_of.items() if fnmatch(name, pattern)]
    assert (told["kind"], told["state"]) == ("grib", "ok")
    assert (told["notes"][0], told["notes"][-1]) == HELD[pattern]


def test_every_real_file_is_readable_and_ok(told_of: dict[str, dict[str, Any]]):
    assert {found["state"] for found in told_of.values()} == {"ok"}
    assert [name for name, found in told_of.items() if found["figures"]["analysis"] == "yes"] == [
        "arome_arctic_fc2018071000+003grib_fp.grib",
        "arome_arctic_fc2018071000+006grib_fp.grib",
        "gfs.t12z.pgrbf120.2p5deg.grib2",
        "nam.t00z.awp21100.tm00.grib2",
    ]
    harmonie = told_of["arome_arctic_fc2018071000+003grib_fp.grib"]
    assert harmonie["time"] == "2018-07-10T00:00:00Z"
    figures = {
        "editions": [1],
        "fields": 146,
        "grids": ["lambert 100x100"],
        "valid_times": ["2018-07-10T03:00:00Z"],
        "interpolated": ["t975", "u975", "v975", "r975"],
    }
    assert {key: harmonie["figures"][key] for key in figures} == figures
    assert told_of["hrrr.wrfsubhf.sample.grib2"]["figures"]["grids"] == ["lambert 1799x1059"]
    assert len(told_of["ecmwf_pl_regular_ll_20240603.grib"]["figures"]["base_times"]) == 4


def test_a_file_with_one_empty_field_is_partial_and_with_nothing_else_corrupt(tmp_path: Path):
    empty = gribs.message("t", "pressure", 850, values=np.full((21, 31), np.nan))
    told = described(gribs.written(tmp_path / "one", empty), "one")
    assert (told["state"], told["notes"][-1]) == ("corrupt", "one: t at 850 hPa has no value or 0 at 100% of its points, which is no field.")
    told = described(gribs.written(tmp_path / "two", empty, gribs.message("t", "pressure", 800)), "two")
    assert (told["state"], told["figures"]["channels"]) == ("partial", ["t800"])
