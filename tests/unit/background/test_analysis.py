"""The 19 channels on an area: closed forms on small grids, and what every real file gives."""

import bz2
from collections.abc import Mapping
from pathlib import Path

import gribs
import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from stormcycle.background.analysis import analysis_fields
from stormcycle.background.planning import CHANNELS
from stormcycle.grids import area, longitudes_latitudes
from stormcycle.times import Time, parse_time

LISCA = area("lisca", "+proj=laea +lat_0=46.07 +lon_0=15.29 +ellps=WGS84", (21, 23), 4400.0, (0.0, 0.0))
T = parse_time("2026-07-01T09:00Z")


def analysed(folder: Path, files: Mapping[str, bytes], time: Time = T, base_time: Time | None = None) -> xr.Dataset:
    """The analysis of files with these contents."""
    paths = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        paths.append((folder / name, name))
    return analysis_fields(paths, time, LISCA, base_time)


def expected(channel: str) -> np.ndarray:
    """The field that the messages of `gribs.parts` hold, on the area; winds are eastward and northward."""
    level = float(channel[1:]) if channel[1:].isdigit() else 0.0
    return gribs.state("mslp" if channel == "mslp" else channel[0], level)(*longitudes_latitudes(LISCA))


def bearing_of_y() -> np.ndarray:
    """The true bearing (radians, clockwise from north) of the area's y axis, by finite differences."""
    longitude, latitude = longitudes_latitudes(LISCA)
    to_area = Transformer.from_crs("EPSG:4326", LISCA.crs, always_xy=True)
    (x, y), (ahead_x, ahead_y) = to_area.transform(longitude, latitude), to_area.transform(longitude, latitude + 1e-4)
    return -np.arctan2(ahead_x - x, ahead_y - y)


def on_the_area(eastward: np.ndarray, northward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Winds along x and y of the area."""
    speed, blows_to = np.hypot(eastward, northward), np.arctan2(eastward, northward)
    return speed * np.sin(blows_to - bearing_of_y()), speed * np.cos(blows_to - bearing_of_y())


@pytest.mark.parametrize("edition", [1, 2])
def test_a_whole_file_gives_every_channel_in_its_order_and_unit(edition: int, tmp_path: Path):
    found = analysed(tmp_path, {"all.grib": b"".join(gribs.parts(edition=edition).values())})
    assert list(found["channel"].values) == list(CHANNELS)
    assert (found["state"].dims, found["state"].dtype, found["state"].shape) == (("channel", "y", "x"), np.dtype("float32"), (19, 21, 23))
    assert found["present"].all() and not found["interpolated"].any()
    for channel in (name for name in CHANNELS if name[0] in "trm"):
        np.testing.assert_allclose(found["state"].sel(channel=channel), expected(channel), rtol=2e-6, err_msg=channel)
    for level in gribs.LEVELS:
        u, v = on_the_area(expected(f"u{level}"), expected(f"v{level}"))
        np.testing.assert_allclose(found["state"].sel(channel=f"u{level}"), u, atol=2e-3)
        np.testing.assert_allclose(found["state"].sel(channel=f"v{level}"), v, atol=2e-3)
    wanted = {
        "analysis": "yes",
        "state": "ok",
        "notes": [],
        "granules": {},
        "base_time": "2026-07-01T06:00:00Z",
        "valid_time": "2026-07-01T09:00:00Z",
        "lead_hours": 3.0,
    }
    assert {key: found.attrs[key] for key in wanted} == wanted


@pytest.mark.parametrize("grid", [gribs.LAMBERT, gribs.ROTATED], ids=["lambert", "rotated"])
def test_a_wind_along_the_models_axes_is_turned_to_the_areas(grid: dict, tmp_path: Path):
    parts = gribs.parts(grid=grid)
    pole = (float(grid.get("latitudeOfSouthernPoleInDegrees", 0)), float(grid.get("longitudeOfSouthernPoleInDegrees", 0)))

    def bearing(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """The true bearing of the model's y axis (radians): of the cone by its sine law, of the rotated grid by the sine rule."""
        if grid is gribs.LAMBERT:
            return np.sin(np.radians(46.2)) * np.radians(longitude - 17.0)
        height, ahead, latitude = np.radians(-pole[0]), np.radians(pole[1] + 180.0 - longitude), np.radians(latitude)
        distance = np.arccos(np.sin(latitude) * np.sin(height) + np.cos(latitude) * np.cos(height) * np.cos(ahead))
        return np.arcsin(np.sin(ahead) * np.cos(height) / np.sin(distance))

    for level in gribs.LEVELS:
        for name, blow in (("u", np.sin), ("v", np.cos)):  # 12 m s-1 towards 60 degrees everywhere
            values = lambda x, y, blow=blow: 12.0 * blow(np.radians(60.0) - bearing(x, y))  # noqa: E731
            parts[f"{name}{level}"] = gribs.message(name, "pressure", level, grid=grid, values=values)
    found = analysed(tmp_path, {"all.grib": b"".join(parts.values())})
    assert found.attrs["analysis"] == "yes", found.attrs
    u, v = on_the_area(*(np.full(LISCA.shape, 12.0 * blow(np.radians(60.0))) for blow in (np.sin, np.cos)))
    np.testing.assert_allclose(found["state"].sel(channel="u850"), u, atol=1e-3)
    np.testing.assert_allclose(found["state"].sel(channel="v850"), v, atol=1e-3)
    np.testing.assert_allclose(found["state"].sel(channel="t850"), expected("t850"), atol=0.01)


def test_one_field_a_file_with_all_leads_gives_what_one_file_of_a_lead_gives(tmp_path: Path):
    leads = [gribs.parts(edition=1, centre=89, lead=lead) for lead in (0, 3, 6)]
    single = {f"ALADLAMB4opendata_2026070106_{channel}.grb.bz2": bz2.compress(b"".join(lead[channel] for lead in leads)) for channel in CHANNELS}
    whole = {"all.grib": b"".join(leads[1].values())}
    one, other = analysed(tmp_path, single), analysed(tmp_path, whole)
    xr.testing.assert_equal(one, other)
    assert one.attrs == other.attrs
    assert one.attrs["model"].startswith("centre 89, process ")


def test_the_humidity_of_prague_is_a_fraction_or_a_percentage_of_others_always_a_percentage(tmp_path: Path):
    def fraction(what: str, level: float) -> gribs.Values:
        return lambda x, y: gribs.state(what, level)(x, y) / 100.0

    parts = gribs.parts(edition=1, centre=89) | {
        f"r{level}": gribs.message("r", "pressure", level, edition=1, centre=89, values=fraction("r", level)) for level in gribs.LEVELS[:2]
    }
    found = analysed(tmp_path, {"all": b"".join(parts.values())})
    for level in gribs.LEVELS:
        np.testing.assert_allclose(found["state"].sel(channel=f"r{level}"), expected(f"r{level}"), rtol=1e-5)


def test_a_missing_level_lies_between_its_neighbours_in_the_logarithm_of_pressure(tmp_path: Path):
    parts = gribs.parts(levels=(1000, 950, 900, 850, 800))
    found = analysed(tmp_path, {"all.grib": b"".join(parts.values())})
    assert found.attrs["analysis"] == "yes"
    assert found.attrs["interpolated_levels"] == [975, 925]
    assert found.attrs["notes"] == [
        "t975, u975, v975, r975: interpolated in log p between 1000 and 950 hPa.",
        "t925, u925, v925, r925: interpolated in log p between 950 and 900 hPa.",
    ]
    assert [str(name) for name in found["channel"].values[found["interpolated"]]] == [f"{what}{level}" for what in "tuvr" for level in (975, 925)]
    for channel in ("t975", "t925", "r975", "r925"):  # the fields are linear in the logarithm of pressure
        np.testing.assert_allclose(found["state"].sel(channel=channel), expected(channel), rtol=2e-6)
    for channel, wind in zip(("u925", "v925"), on_the_area(expected("u925"), expected("v925")), strict=True):
        np.testing.assert_allclose(found["state"].sel(channel=channel), wind, atol=2e-3)


def test_humidity_from_specific_humidity_and_the_dew_point_is_that_of_their_pressure(tmp_path: Path):
    parts = gribs.parts() | {f"r{level}": gribs.message("q", "pressure", level) for level in gribs.LEVELS}
    parts["r2m"] = gribs.message("q", "height", 2) + gribs.message("sp", "surface", 0)
    found = analysed(tmp_path, {"all.grib": b"".join(parts.values())})
    assert found.attrs["notes"] == ["r975, r925, r850, r800, r2m: from specific humidity."]
    place = longitudes_latitudes(LISCA)
    for channel, level, pressure in (("r925", 925.0, 92500.0), ("r2m", 2.0, gribs.state("sp", 0)(*place))):
        specific, celsius = gribs.state("q", level)(*place), gribs.state("t", level)(*place) - 273.15
        vapour = specific * pressure / (0.622 + 0.378 * specific)
        bolton = 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))
        np.testing.assert_allclose(found["state"].sel(channel=channel), np.minimum(100.0 * vapour / bolton, 100.0), atol=0.3)


def test_humidity_above_100_is_cut_and_counted(tmp_path: Path):
    parts = gribs.parts() | {"r850": gribs.message("r", "pressure", 850, values=lambda x, y: 100.0 + 8.0 * gribs.linear(x, y))}
    found = analysed(tmp_path, {"all.grib": b"".join(parts.values())})
    over = (100.0 + 8.0 * gribs.linear(*longitudes_latitudes(LISCA)) > 100.0).sum()
    assert float(found["state"].sel(channel="r850").max()) == 100.0
    assert abs(found.attrs["humidity_clipped_points"] - over) <= 2


def test_fields_of_one_set_may_come_on_different_grids(tmp_path: Path):
    surface = [gribs.message(what, kind, level, grid=gribs.LAMBERT) for what, kind, level in (("t", "height", 2), ("r", "height", 2), ("mslp", "sea", 0))]
    upper = [part for channel, part in gribs.parts().items() if channel[-1] not in "mp"]
    found = analysed(tmp_path, {"upper": b"".join(upper), "surface": b"".join(surface)})
    assert found.attrs["analysis"] == "yes"
    np.testing.assert_allclose(found["state"].sel(channel="mslp"), expected("mslp"), atol=1.0)


def test_a_field_that_is_there_twice_alike_is_no_harm(tmp_path: Path):
    parts = b"".join(gribs.parts().values())
    xr.testing.assert_equal(analysed(tmp_path, {"a": parts, "b": parts}), analysed(tmp_path, {"a": parts}))


def test_an_area_beyond_the_models_edge_is_nan_there_and_gives_no_analysis(tmp_path: Path):
    half = gribs.EUROPE | {"Ni": 14, "longitudeOfLastGridPointInDegrees": 15.25}
    found = analysed(tmp_path, {"all.grib": b"".join(gribs.parts(grid=half).values())})
    longitude, _ = longitudes_latitudes(LISCA)
    assert np.array_equal(np.isnan(found["state"].sel(channel="t850")), longitude > 15.25 + 1e-4)
    share = float((longitude <= 15.25).mean())
    assert found.attrs["analysis"] == f"no: the fields cover {share:.1%} of the area"
    assert (found.attrs["state"], found.attrs["notes"]) == ("partial", [f"The fields cover {share:.1%} of the area."])
    assert found["present"].all()


@pytest.mark.parametrize(
    ("files", "time", "place", "projection", "analysis", "interpolated", "channels"),
    [
        (["gfs.t12z.pgrbf120.2p5deg.grib2"], "2011-01-15T12:00Z", (15.29, 46.07), "laea", "yes", [], 19),
        (["nam.t00z.awp21100.tm00.grib2"], "2018-09-17T00:00Z", (-97.5, 35.3), "laea", "yes", [975, 925], 19),
        (["arome_arctic_fc2018071000+003grib_fp.grib"], "2018-07-10T03:00Z", (14.0, 78.6), "stere", "yes", [975], 19),
        (["arome_arctic_fc2018071000+006grib_fp.grib"], "2018-07-10T06:00Z", (14.0, 78.6), "stere", "yes", [975], 19),
        (
            ["Z__C_RJTD_20190605000000_MEPS_GPV_Rjp_L-pall_FH00-15_first20.grib2"],
            "2019-06-05T00:00Z",
            (138.0, 36.0),
            "laea",
            "no: r975, t2m, r2m and mslp are absent",
            [800],
            15,
        ),
        (
            ["ecmwf_pl_regular_ll_20240603.grib"],
            "2024-06-03T18:00Z",
            (15.0, 46.0),
            "laea",
            "no: 3 levels (975, 925, 800 hPa) would have to be interpolated",
            [],
            4,
        ),
        (
            ["arome_P_sea_level_SE_20180501000000.grib"],
            "2018-05-01T07:00Z",
            (5.0, 44.0),
            "laea",
            "no: 975 hPa, 925 hPa, 850 hPa, 800 hPa, t2m and r2m are absent",
            [],
            1,
        ),
        (
            ["arpege_2m_SE_20180501000000.grib", "arpege_10m_SE_20180501000000.grib", "arpege_P_sea_level_SE_20180501000000.grib"],
            "2018-05-01T07:00Z",
            (5.0, 44.0),
            "laea",
            "no: 975 hPa, 925 hPa, 850 hPa and 800 hPa are absent",
            [],
            3,
        ),
    ],
)
def test_what_real_files_give(samples: Path, files, time, place, projection, analysis, interpolated, channels):
    here = area("here", f"+proj={projection} +lat_0={place[1]} +lon_0={place[0]} +ellps=WGS84", (15, 15), 4400.0, (0.0, 0.0))
    found = analysis_fields([(samples / "nwp" / name, name) for name in files], parse_time(time), here)
    assert found.attrs["analysis"].startswith(analysis)
    assert (found.attrs["interpolated_levels"], int(found["present"].sum())) == (interpolated, channels)
    assert (found.attrs["state"], found.attrs["granules"]) == ("ok" if analysis == "yes" else "partial", {})
    for channel, lowest, highest in (("t850", 255, 300), ("t2m", 260, 310), ("u850", -40, 40), ("r850", 0, 100), ("r2m", 10, 100), ("mslp", 98000, 104000)):
        values = found["state"].sel(channel=channel).values
        if found["present"].sel(channel=channel):
            assert ((values >= lowest) & (values <= highest)).all(), channel
        else:
            assert np.isnan(values).all()
    for level in (850, 925):
        if found["present"].sel(channel=f"r{level}"):
            assert abs(float(found["state"].sel(channel=f"t{level}").mean()) - float(found["state"].sel(channel="t850").mean())) < 15


def test_harmonies_wind_is_that_of_its_own_points_turned_by_the_cones_law(samples: Path):
    import eccodes

    path = samples / "nwp/arome_arctic_fc2018071000+003grib_fp.grib"
    here = area("here", "+proj=longlat +ellps=WGS84", (5, 5), 0.05, (14.0, 78.6))
    found = analysis_fields([(path, path.name)], parse_time("2018-07-10T03:00Z"), here)["state"]
    model = {}
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            if (eccodes.codes_get(handle, "typeOfLevel"), eccodes.codes_get(handle, "level")) == ("isobaricInhPa", 850):
                model |= {name: eccodes.codes_get_array(handle, name) for name in ("longitudes", "latitudes")}
                model[eccodes.codes_get(handle, "shortName")] = eccodes.codes_get_values(handle)
            eccodes.codes_release(handle)
    longitude, latitude = longitudes_latitudes(here)
    for row, column in ((0, 0), (2, 2), (4, 1)):
        off = np.hypot((model["longitudes"] - longitude[row, column]) * np.cos(np.radians(78.6)), model["latitudes"] - latitude[row, column])
        near = np.argmin(off)
        u, v, turn = model["u"][near], model["v"][near], np.sin(np.radians(77.5)) * np.radians(model["longitudes"][near] + 25.0)
        assert float(found.sel(channel="u850")[row, column]) == pytest.approx(u * np.cos(turn) + v * np.sin(turn), abs=1.0)
        assert float(found.sel(channel="v850")[row, column]) == pytest.approx(v * np.cos(turn) - u * np.sin(turn), abs=1.0)
