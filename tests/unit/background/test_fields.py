"""What a file holds, beside cfgrib on filtered subsets and beside ecCodes' own counts."""

import bz2
from pathlib import Path

import cfgrib
import eccodes
import gribs
import numpy as np
import pytest
import xarray as xr

from stormcycle.background.fields import Contents, extract_fields, read_fields, read_values
from stormcycle.times import parse_time


def real(samples: Path, pattern: str) -> tuple[Path, Contents]:
    (path,) = (samples / "nwp").glob(pattern)
    return path, read_fields(path, path.name)


def values(path: Path, contents: Contents, parameter: str) -> np.ndarray:
    (field,) = [field for field in contents.fields if str(field.parameter) == parameter]
    ((_, found),) = read_values(path, contents.name, [field])
    assert isinstance(found, np.ndarray), found
    return found


@pytest.mark.parametrize(("pattern", "count"), [("gfs*", 343), ("nam*", 181), ("Z__C_RJTD*", 20), ("arome_arctic*003*", 146), ("ecmwf*", 240), ("hrrr*", 2)])
def test_every_field_of_a_file_is_seen_also_those_beside_others_in_a_message(samples: Path, pattern: str, count: int):
    path, contents = real(samples, pattern)
    assert len(contents.fields) + len(contents.others) == count
    assert (contents.broken, contents.cut) == ((), False)
    with path.open("rb") as file:
        messages = eccodes.codes_count_in_file(file)
    assert messages <= count
    if pattern.startswith(("gfs", "Z__C")):
        assert messages < count, "the file holds messages of several fields"


def test_meps_holds_what_cfgrib_drops_in_silence(samples: Path):
    path, contents = real(samples, "Z__C_RJTD*")
    with xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": "", "errors": "ignore"}) as dropped:
        assert set(dropped.data_vars) == {"u", "v"}
    held = {str(field.parameter) for field in contents.fields}
    assert {"t at 975 hPa", "t at 925 hPa", "r at 925 hPa", "r at 850 hPa", "u at 975 hPa", "v at 975 hPa"} <= held
    assert not held & {"r at 975 hPa", "t at 800 hPa"}


@pytest.mark.parametrize(
    ("pattern", "keys", "name", "parameters"),
    [
        ("gfs*", {"typeOfLevel": "isobaricInhPa", "shortName": "v"}, "v", {975: "v at 975 hPa", 850: "v at 850 hPa"}),
        ("nam*", {"typeOfLevel": "isobaricInhPa", "shortName": "r"}, "r", {950: "r at 950 hPa", 800: "r at 800 hPa"}),
        ("arome_arctic*003*", {"typeOfLevel": "isobaricInhPa", "shortName": "q"}, "q", {925: "q at 925 hPa", 1000: "q at 1000 hPa"}),
        ("nam*", {"typeOfLevel": "meanSea", "shortName": "prmsl"}, "prmsl", {None: "mslp"}),
        ("arome_arctic*003*", {"typeOfLevel": "heightAboveSea"}, "pres", {None: "mslp"}),
    ],
)
def test_values_are_those_of_cfgrib_on_a_filtered_subset(samples: Path, pattern: str, keys: dict[str, str], name: str, parameters: dict):
    path, contents = real(samples, pattern)
    with cfgrib.open_dataset(str(path), filter_by_keys=keys, indexpath="") as subset:
        for level, parameter in parameters.items():
            expected = subset[name].sel(isobaricInhPa=level) if level is not None else subset[name]
            np.testing.assert_allclose(values(path, contents, parameter), expected.values, rtol=1e-6)


def test_times_are_those_of_the_run_and_of_the_forecast(samples: Path):
    _, contents = real(samples, "arome_arctic*003*")
    assert {(str(field.base_time), str(field.valid_time), field.lead_hours) for field in contents.fields} == {
        ("2018-07-10T00:00:00", "2018-07-10T03:00:00", 3.0)
    }
    _, contents = real(samples, "ecmwf*")
    assert {field.lead_hours for field in contents.fields} == {0.0, 6.0}
    assert len({field.base_time for field in contents.fields}) == 4
    _, contents = real(samples, "hrrr*")
    assert {str(other.valid_time) for other in contents.others if other} == {"2022-10-14T01:15:00"}


def test_a_lead_beyond_255_hours_is_told_by_two_octets(tmp_path: Path):
    path = gribs.written(tmp_path / "long", gribs.message("t", "pressure", 850, edition=1, timeRangeIndicator=10, P1=1, P2=44))
    (field,) = read_fields(path, "long").fields
    assert (field.lead_hours, str(field.valid_time)) == (300.0, "2026-07-13T18:00:00")


def test_a_file_in_bzip2_reads_as_the_plain_one_whatever_it_is_called(tmp_path: Path):
    content = b"".join(gribs.parts(edition=1).values())
    plain, packed = gribs.written(tmp_path / "plain.bz2", content), gribs.written(tmp_path / "packed.grib", bz2.compress(content))
    one, two = read_fields(plain, "x"), read_fields(packed, "x")
    assert one == two
    assert len(one.fields) == 19
    for (_, left), (_, right) in zip(read_values(plain, "x", one.fields), read_values(packed, "x", two.fields), strict=True):
        assert np.array_equal(left, right)


def test_the_fields_of_one_time_are_copied_out_of_a_packed_file_of_many(samples: Path, tmp_path: Path):
    leads = [gribs.message("v", "pressure", 925, edition=1, lead=lead, values=lambda x, y, lead=lead: 5.0 + lead + gribs.linear(x, y)) for lead in range(6)]
    packed = gribs.written(tmp_path / "leads.bz2", bz2.compress(b"".join([*leads, gribs.message("gh", "pressure", 925, lead=4)])))
    contents = extract_fields(packed, "leads", parse_time("2026-07-01T10:00Z"), tmp_path / "copy")
    (wanted,) = [field for field in contents.fields if field.valid_time == parse_time("2026-07-01T10:00Z")]
    assert (len(contents.fields), len(contents.others), wanted.number, (tmp_path / "copy").read_bytes()) == (6, 1, 0, leads[4])
    ((_, found),) = read_values(tmp_path / "copy", "leads", [wanted])
    assert found[10, 15] == pytest.approx(9.0, abs=1e-3)
    path, whole = real(samples, "gfs*")  # where v stands in the message of u
    copied = extract_fields(path, path.name, parse_time("2011-01-15T12:00Z"), tmp_path / "gfs")
    assert [field.parameter for field in copied.fields] == [field.parameter for field in whole.fields]
    assert np.array_equal(values(tmp_path / "gfs", copied, "v at 925 hPa"), values(path, whole, "v at 925 hPa"))


def test_a_field_is_known_whatever_stands_before_it(tmp_path: Path):
    channels = list(gribs.parts().values())
    rain = gribs.message("rain", "surface", 0, productDefinitionTemplateNumber=8)
    one = gribs.written(tmp_path / "one", *channels)
    two = gribs.written(tmp_path / "two", rain, *channels[::-1], b"no message", rain)
    first, second = read_fields(one, "x"), read_fields(two, "x")
    assert {field.parameter for field in first.fields} == {field.parameter for field in second.fields}
    assert len(second.others) == 2
    assert np.array_equal(values(one, first, "u at 800 hPa"), values(two, second, "u at 800 hPa"))


def test_fields_on_a_grid_that_is_not_sampled_are_named_and_no_damage(tmp_path: Path):
    handle = eccodes.codes_grib_new_from_samples("reduced_gg_pl_32_grib2")
    path = gribs.written(tmp_path / "gaussian", eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    contents = read_fields(path, "gaussian")
    assert (contents.fields, contents.broken, len(contents.others)) == ((), (), 1)
    assert contents.unsampled == ("gaussian holds fields on a grid reduced_gg, which is not sampled; take the model's product on a regular grid.",)
