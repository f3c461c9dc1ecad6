"""Read back by ecCodes and cfgrib. conftest imports stormcycle, and so pyproj, before ecCodes brings its own PROJ."""

import bz2
import re

import cfgrib
import eccodes
import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from stormcycle.simulator.instruments.model import CHANNELS, Run
from stormcycle.simulator.instruments.model_grid import LatitudeLongitudeGrid, lambert_grid, longitudes_latitudes, places, turned
from stormcycle.simulator.writers.grib import COMMENT, field_bytes, lead_bytes, run_keys

BASE = np.datetime64("2026-06-30T18:00:00", "s")
LEADS = (0, 1, 7, 24)
PROJECTION = "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"
LAMBERT = lambert_grid(35.3, -97.5, (41, 37), 11000.0)
REGULAR = LatitudeLongitudeGrid(north=37.5, west=-99.75, step_deg=0.25, shape=(19, 21))
LEVELS = (975, 925, 850, 800)
# channel -> parameter in edition 1, level type's code, level; as WMO's tables have it
NUMBERS = {f"{name}{level}": (parameter, 100, level) for name, parameter in (("t", 11), ("u", 33), ("v", 34), ("r", 52)) for level in LEVELS}
NUMBERS |= {"t2m": (11, 105, 2), "r2m": (52, 105, 2), "mslp": (2, 102, 0)}
MIDDLE = {"t": 280.0, "u": 3.0, "v": -4.0, "r": 60.0, "m": 101300.0}


def run_on(grid) -> Run:
    longitude, latitude = longitudes_latitudes(grid)
    wave = np.sin(np.radians(longitude * 30)) + np.cos(np.radians(latitude * 40))
    fields = {c: np.array([MIDDLE[c[0]] + (k + 1) * wave + lead for lead in LEADS], "float32") for k, c in enumerate(CHANNELS)}
    return Run(BASE, LEADS, grid, fields)


@pytest.fixture(scope="module")
def run() -> Run:
    return run_on(LAMBERT)


def messages(content: bytes) -> list[dict]:
    """What ecCodes says of each message of a file."""
    keys = "edition centre table2Version indicatorOfParameter level dataDate dataTime endStep validityDate validityTime "
    keys += "gridType Nx Ny jScansPositively iScansNegatively uvRelativeToGrid bitsPerValue packingError shortName typeOfLevel"
    found, start = [], 0
    while start < len(content):
        handle = eccodes.codes_new_from_message(content[start:])
        found.append({key: eccodes.codes_get(handle, key) for key in keys.split() if eccodes.codes_is_defined(handle, key)})
        found[-1] |= {key: eccodes.codes_get_array(handle, key) for key in ("values", "latitudes", "longitudes")}
        if found[-1]["edition"] == 1:
            found[-1]["kind"] = eccodes.codes_get(handle, "indicatorOfTypeOfLevel", int)
        start += eccodes.codes_get_message_size(handle)
        eccodes.codes_release(handle)
    return found


def test_keys_follow_the_layout_of_chmi():
    keys = run_keys(np.datetime64("2026-07-01T06:00:00", "s"))
    assert tuple(keys) == CHANNELS and len(set(keys.values())) == 19
    assert keys["t975"] == "nwp_aladin/Lambert_2.3km/06/ALADLAMB4opendata_2026070106_P97500TEMPERATUR.grb.bz2"
    assert keys["v800"] == "nwp_aladin/Lambert_2.3km/06/ALADLAMB4opendata_2026070106_P80000WIND_V_COM.grb.bz2"
    assert keys["r2m"] == "nwp_aladin/Lambert_2.3km/06/ALADLAMB4opendata_2026070106_CLSHUMI_RELATIVE.grb.bz2"
    assert all(re.fullmatch(r"nwp_aladin/Lambert_2\.3km/06/ALADLAMB4opendata_2026070106_[A-Z0-9_]+\.grb\.bz2", key) for key in keys.values())


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_message_of_a_field_says_what_it_is_and_holds_its_values(run, channel):
    found = messages(bz2.decompress(field_bytes(run, channel)))
    assert [message["endStep"] for message in found] == list(LEADS)
    for index, message in enumerate(found):
        parameter, kind, level = NUMBERS[channel]
        assert (message["indicatorOfParameter"], message["kind"], message["level"]) == (parameter, kind, level)
        assert (message["edition"], message["centre"], message["dataDate"], message["dataTime"]) == (1, "89", 20260630, 1800)
        valid = BASE + np.timedelta64(LEADS[index], "h")
        assert f"{message['validityDate']}{message['validityTime']:04d}" == re.sub(r"\D", "", str(valid))[:12]
        assert (message["gridType"], message["Ny"], message["Nx"]) == ("lambert", 41, 37)
        assert (message["jScansPositively"], message["iScansNegatively"], message["uvRelativeToGrid"], message["bitsPerValue"]) == (1, 0, 1, 16)
        expected = run.fields[channel][index] * (0.01 if channel.startswith("r") else 1.0)
        np.testing.assert_allclose(message["values"].reshape(LAMBERT.shape), expected, atol=1.1 * message["packingError"], rtol=0)


def test_points_lie_where_the_header_says(run):
    message = messages(bz2.decompress(field_bytes(run, "mslp")))[0]
    longitude, latitude = longitudes_latitudes(LAMBERT)
    np.testing.assert_allclose(message["latitudes"].reshape(LAMBERT.shape), latitude, atol=1e-9)
    np.testing.assert_allclose(message["longitudes"].reshape(LAMBERT.shape), longitude % 360.0, atol=1e-9)
    assert latitude[0].max() < latitude[-1].min() and longitude[20, 0] < longitude[20, -1]


def test_the_grid_is_centred_to_the_rounding_of_its_header():
    x, y = places(lambert_grid(46.07, 15.29), "+proj=laea +lat_0=46.07 +lon_0=15.29 +datum=WGS84 +units=m +no_defs")
    assert x.shape == (117, 117)
    assert np.hypot(x[58, 58], y[58, 58]) < 120.0
    # the ellipsoid taken for a sphere changes lengths by some thousandths
    np.testing.assert_allclose(np.hypot(np.diff(x[58]), np.diff(y[58])), 4400.0, rtol=5e-3)


@pytest.mark.parametrize("latitude", [-35.0, 0.0, 90.0])
def test_no_cone_no_grid(latitude):
    with pytest.raises(ValueError, match="tangent"):
        lambert_grid(latitude, 10.0)


def test_eccodes_finds_the_nearest_point(run, tmp_path):
    path = tmp_path / "field.grb"
    path.write_bytes(bz2.decompress(field_bytes(run, "t2m")))
    with path.open("rb") as file:
        handle = eccodes.codes_grib_new_from_file(file)
        near = eccodes.codes_grib_find_nearest(handle, 36.1, -96.4)[0]
        eccodes.codes_release(handle)
    longitude, latitude = longitudes_latitudes(LAMBERT)
    away = np.hypot((longitude + 96.4) * np.cos(np.radians(36.1)), latitude - 36.1)
    assert near.index == away.argmin()
    assert near.value == pytest.approx(run.fields["t2m"][0].ravel()[near.index], abs=1e-3)


@pytest.mark.parametrize(("channel", "variable"), [("u850", "u"), ("t2m", "t2m"), ("mslp", "msl")])
def test_cfgrib_reads_a_field_with_all_its_leads(run, channel, variable, tmp_path):
    path = tmp_path / "field.grb"
    path.write_bytes(bz2.decompress(field_bytes(run, channel)))
    with xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""}) as opened:
        read = opened[variable].load()
    assert read.dims == ("step", "y", "x")
    assert read.time.values == BASE
    np.testing.assert_array_equal(read.valid_time, BASE + np.array(LEADS, "timedelta64[h]"))
    np.testing.assert_allclose(read, run.fields[channel], rtol=1e-5, atol=1e-3)


def test_every_message_is_marked_and_keeps_its_lengths(run):
    content = bz2.decompress(field_bytes(run, "t850"))
    pieces = content.split(b"GRIB")[1:]
    assert len(pieces) == len(LEADS)
    for piece in pieces:
        message = b"GRIB" + piece
        assert message.endswith(b"7777") and int.from_bytes(message[4:7], "big") == len(message)
        section = message[8 : 8 + int.from_bytes(message[8:11], "big")]
        assert section[40:] == COMMENT and section[28:40] == bytes(12)


def test_same_run_same_bytes_other_fields_other_bytes(run):
    assert field_bytes(run, "t850") == field_bytes(run_on(LAMBERT), "t850")
    assert lead_bytes(run, 7) == lead_bytes(run_on(LAMBERT), 7)
    assert field_bytes(run, "t850") != field_bytes(run, "t925")
    assert lead_bytes(run, 7) != lead_bytes(run, 1)


@pytest.mark.parametrize("grid", [LAMBERT, REGULAR], ids=["lambert", "regular"])
def test_a_file_of_a_lead_holds_all_fields_in_edition_2(grid):
    run = run_on(grid)
    found = messages(lead_bytes(run, 7))
    names = [(message["shortName"], message["typeOfLevel"], message["level"]) for message in found]
    levels = [(name, "isobaricInhPa", level) for name in "tuvr" for level in LEVELS]
    assert names == [*levels, ("2t", "heightAboveGround", 2), ("2r", "heightAboveGround", 2), ("prmsl", "meanSea", 0)]
    longitude, latitude = longitudes_latitudes(grid)
    for channel, message in zip(CHANNELS, found, strict=True):
        assert (message["edition"], message["endStep"], message["uvRelativeToGrid"]) == (2, 7, int(grid is LAMBERT))
        np.testing.assert_allclose(message["values"].reshape(grid.shape), run.fields[channel][2], atol=1.1 * message["packingError"], rtol=0)
        np.testing.assert_allclose(message["latitudes"].reshape(grid.shape), latitude, atol=1e-6)
        np.testing.assert_allclose(message["longitudes"].reshape(grid.shape), longitude % 360.0, atol=1e-6)


def test_cfgrib_finds_every_field_of_a_lead(run, tmp_path):
    path = tmp_path / "lead.grib2"
    path.write_bytes(lead_bytes(run, 24))
    sets = cfgrib.open_datasets(str(path), indexpath="")
    found = {(name, int(level)) for one in sets if "isobaricInhPa" in one.coords for name in one.data_vars for level in one.isobaricInhPa}
    assert found == {(name, level) for name in "tuvr" for level in LEVELS}
    assert {name for one in sets if "isobaricInhPa" not in one.coords for name in one.data_vars} == {"t2m", "r2", "prmsl"}


def test_a_lead_that_the_run_does_not_have_is_refused(run):
    with pytest.raises(ValueError, match="2 hours"):
        lead_bytes(run, 2)


@pytest.mark.parametrize("grid", [LAMBERT, REGULAR], ids=["lambert", "regular"])
def test_winds_are_turned_from_one_grid_to_the_other(grid):
    """A wind blows from one place to another: both ends, put on the other grid's map, give the wind along its axes."""
    x, y = places(grid, PROJECTION)
    u, v = np.full(grid.shape, 8.0), np.full(grid.shape, -3.0)
    turned_u, turned_v = turned(grid, PROJECTION, u, v)
    if grid is LAMBERT:
        onto = "+proj=lcc +lat_0=35.3 +lat_1=35.3 +lat_2=35.3 +lon_0=-97.5 +R=6367470 +units=m +no_defs"
        transform = Transformer.from_crs(PROJECTION, onto, always_xy=True).transform
        there, here = transform(x + u, y + v), transform(x, y)
        way_u, way_v = there[0] - here[0], there[1] - here[1]
    else:
        transform = Transformer.from_crs(PROJECTION, "EPSG:4326", always_xy=True).transform
        there, here = transform(x + u, y + v), transform(x, y)
        way_u, way_v = (there[0] - here[0]) * np.cos(np.radians(here[1])), there[1] - here[1]
    assert np.ptp(np.degrees(np.arctan2(turned_v, turned_u))) > 0.01
    np.testing.assert_allclose(np.hypot(turned_u, turned_v), np.hypot(8.0, 3.0), rtol=1e-6)
    # the ellipsoid of one and the sphere of the other differ by a few thousandths of a radian
    turn = np.angle((turned_u + 1j * turned_v) / (way_u + 1j * way_v))
    assert np.abs(turn).max() < 4e-3
