"""The live domains as shipped, against real servers that serve what the public ones do, under the same keys: only URLs differ."""

import dataclasses
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import eccodes
import fsspec
import h5py
import numpy as np
import pytest
import test_https_feed
import yaml
from chmi import put_aladin, put_volumes
from imagery import abi, place_in, temperature
from inventory import inventory
from proxy import Fault, proxying
from test_https_feed import serving

from stormcycle.background.analysis import analysis_fields
from stormcycle.cycle import load
from stormcycle.cycle.record import PrefixState
from stormcycle.domain import SHIPPED, Domain, ModelFeed, parse_domain
from stormcycle.feeds import FeedError, Listing, Wanted, fetch_granule, list_feed, list_feeds, wanted_feeds
from stormcycle.feeds.fetching import local_path
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.quality import needed_moments
from stormcycle.satellite import extent_density, read_flashes, read_image
from stormcycle.simulator.instruments.model import Run, model_run
from stormcycle.simulator.instruments.model_grid import lambert_grid
from stormcycle.simulator.instruments.radar import NEXRAD_SCAN, observe
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.writers.grib import field_bytes, lead_bytes, run_keys
from stormcycle.simulator.writers.nexrad import archive_bytes, archive_name
from stormcycle.states import GranuleState
from stormcycle.times import Time, parse_time
from tasks.background import background
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.pin import pin

pytestmark = pytest.mark.server
certificate = test_https_feed.certificate
NOON, NINE = "2026-07-01T12:00:00Z", "2026-07-01T09:00:00Z"
LIVE = "releases/live"
"""Where the buckets of the public stores lie as folders: anyone may read there."""
NEXRAD = dataclasses.replace(NEXRAD_SCAN, elevations_deg=NEXRAD_SCAN.elevations_deg[:4], rays=120, gate_m=2000.0, range_m=170e3, duration_s=90)


def shipped(name: str) -> dict[str, Any]:
    """The YAML of a shipped domain."""
    raw: dict[str, Any] = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())
    return raw


def feeds_of(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """The feeds of a domain's YAML, to be changed where they stand."""
    sky = raw.get("satellite", {})
    sections = [raw["radar"], sky.get("imager"), sky.get("lightning"), raw.get("background")]
    return [section["feed"] for section in sections if section is not None]


def read_from(raw: dict[str, Any], options: dict[str, Any]) -> Domain:
    """A domain that reads the folders of LIVE as if they were buckets, with more options and without waiting for what grows."""
    for feed in feeds_of(raw):
        feed["url"] = feed["url"].replace("s3://", f"s3://{LIVE}/")
        for former in feed.get("formerly", ()):
            former["url"] = former["url"].replace("s3://", f"s3://{LIVE}/")
        feed["storage_options"] |= options
        feed["settle_seconds"] = 0
    return parse_domain(yaml.safe_dump(raw), f"{raw['name']}.yaml")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty house with a folder of domains."""
    (tmp_path / "domains").mkdir()
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(tmp_path / "domains"))
    for name in ("PREFECT_API_URL", "TRITON_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def settle(home: Path, domain: Domain) -> None:
    """Make a domain known to the tasks."""
    (home / "domains" / f"{domain.name}.yaml").write_text(yaml.safe_dump(domain.model_dump(mode="json", exclude_none=True)))


def put(s3: Any, bucket: str, keys: dict[str, bytes]) -> None:
    """Put objects below a folder that stands for a bucket, in place of what lay there."""
    writer = fsspec.filesystem("s3", **s3.writer)
    writer.pipe({f"{LIVE}/{bucket}/{key}": content for key, content in keys.items()})


def wanted_of(domain: Domain, name: str, time: str) -> Wanted:
    return next(wanted for wanted in wanted_feeds(domain, parse_time(time)) if wanted.name == name)


def fetched(wanted: Wanted, listing: Listing, folder: Path) -> list[tuple[Path, str]]:
    """What was listed, fetched: where each file lies, and its name."""
    assert [fetch_granule(wanted.feed, granule, folder) for granule in listing.granules] == [(GranuleState.OK, "")] * len(listing.granules)
    return [(local_path(folder, granule), granule.key.rpartition("/")[2]) for granule in listing.granules]


def keys_of(listing: Listing) -> list[str]:
    return [granule.key for granule in listing.granules]


def test_scans_of_goes_east_are_read_from_the_bucket_of_the_satellite_of_that_time(s3: Any, samples: Path, tmp_path: Path) -> None:
    files = [abi(samples, "RadC-M6C10", which)[0] for which in (0, 1)]
    real = {f"ABI-L1b-RadC/2022/275/11/{name}": path.read_bytes() for path, name in files}
    others = ("RadC-M6C09_G16_s20222751101170_e20222751103554_c20222751103590", "RadM1-M6C10_G16_s20222751101170_e20222751101230_c20222751101290")
    put(s3, "noaa-goes16", {**real, **{f"ABI-L1b-RadC/2022/275/11/OR_ABI-L1b-{name}.nc": b"not asked for" for name in others}})
    put(s3, "noaa-goes19", {next(iter(real)): b"of another satellite"})
    raw = shipped("conus-okx")
    raw["satellite"]["imager"]["channels"] = ["C10"]  # C07, C09 and C13 are not among the real samples
    domain = read_from(raw, s3.reader)
    wanted = wanted_of(domain, "imager", "2022-10-02T11:10:00Z")
    listing = list_feed(wanted)
    assert keys_of(listing) == list(real)
    assert [granule.valid_time for granule in listing.granules] == ["2022-10-02T11:01:17Z", "2022-10-02T11:06:17Z"]
    assert {granule.state for granule in listing.granules} == {GranuleState.LATE}  # they came to our bucket today
    newest = fetched(wanted, listing, tmp_path)[1]
    assert domain.satellite is not None
    image = read_image((newest,), domain.satellite.imager.reader, "C10", domain.area, tmp_path / "cache", domain.satellite.imager.parallax)
    assert (image.attrs["satellite"], image.attrs["scene"], image.attrs["state"], image.attrs["inside_share"]) == ("G16", "C", "ok", 1.0)
    found = image["brightness_temperature"].values
    assert found.shape == (384, 384) and np.isfinite(found).all()
    longitude, latitude = domain.area.get_lonlats()
    with h5py.File(newest[0], "r") as file:
        for row, column in ((0, 0), (100, 300), (383, 383)):  # the nearest pixel of the fixed grid, by the users' guide
            line, pixel = (round(place) for place in place_in(file, longitude[row, column], latitude[row, column]))
            assert found[row, column] == pytest.approx(float(temperature(file["Rad"][line, pixel], file)), abs=0.01)


def test_lightning_files_of_the_trailing_minutes_are_read(s3: Any, samples: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (samples / "goes_glm").glob("OR_GLM-L2-LCFA_G16_s2018183*"))
    put(s3, "noaa-goes16", {f"GLM-L2-LCFA/2018/183/04/{name}": (samples / "goes_glm" / name).read_bytes() for name in names})
    put(s3, "noaa-goes16", {"GLM-L2-LCFA/2018/183/04/OR_GLM-L2-LCFA_G16_s20181830418400_e20181830419000_c20181830419030.nc": b"too old"})
    domain = read_from(shipped("conus-okx"), s3.reader)
    wanted = wanted_of(domain, "lightning", "2018-07-02T04:34:00Z")
    listing = list_feed(wanted)
    assert keys_of(listing) == [f"GLM-L2-LCFA/2018/183/04/{name}" for name in names]
    flashes = [read_flashes(path, name) for path, name in fetched(wanted, listing, tmp_path)]
    assert [file.sizes["flash"] for file in flashes] == [302, 277, 274]  # as the samples' manifest counts them
    density = extent_density(flashes, domain.area, wanted.start, wanted.end)
    assert (density.attrs["files"], density.sizes["y"], density.sizes["x"]) == (3, 384, 384)
    assert np.isfinite(density["flash_extent_density"].values).all()


def in_new_york(domain: Domain, base: Time, leads: tuple[int, ...]) -> Run:
    """A run of a simulated model around the radar, on a grid as HRRR's, coarser."""
    site = domain.radar.sites["KOKX"]
    return model_run(world_of(domain, 7), domain.grid.projection, lambert_grid(site.latitude, site.longitude, (60, 60), 9000.0), base, 7, leads)


def among_others(content: bytes) -> bytes:
    """A model's fields between others that nobody asks for: heights of the same levels, far larger."""
    start, found = 0, []
    while start < len(content):
        size = int.from_bytes(content[start + 8 : start + 16], "big")
        found.append(content[start : start + size])
        handle = eccodes.codes_new_from_message(found[-1])
        for key, value in (("parameterCategory", 3), ("parameterNumber", 5), ("bitsPerValue", 24)):
            eccodes.codes_set(handle, key, value)
        found += [bytes(eccodes.codes_get_message(handle))] * 6
        eccodes.codes_release(handle)
        start += size
    return b"".join(found)


@pytest.fixture(scope="module")
def new_york() -> Domain:
    return parse_domain(yaml.safe_dump(shipped("conus-okx")), "conus-okx.yaml")


def test_an_hour_of_new_york_is_listed_fetched_and_decoded(s3: Any, tmp_path: Path, new_york: Domain) -> None:
    volumes = {time: archive_bytes(observe(new_york, "KOKX", parse_time(time), 7, NEXRAD)) for time in ("2026-07-01T11:36:20Z", "2026-07-01T11:58:40Z")}
    put(s3, "unidata-nexrad-level2", {f"2026/07/01/KOKX/{archive_name('KOKX', parse_time(time))}": content for time, content in volumes.items()})
    base = parse_time("2026-07-01T11:00:00Z")
    whole, old = (among_others(lead_bytes(in_new_york(new_york, at, (lead,)), lead)) for at, lead in ((base, 1), (base - np.timedelta64(1, "h"), 2)))
    files = {"hrrr.t11z.wrfprsf01.grib2": whole, "hrrr.t11z.wrfprsf02.grib2": b"of 13:00", "hrrr.t10z.wrfprsf02.grib2": old, "hrrr.t11z.wrfsfcf01.grib2": b"no"}
    for name in ("hrrr.t11z.wrfprsf01.grib2", "hrrr.t10z.wrfprsf02.grib2"):
        (tmp_path / name).write_bytes(files[name])
        files[f"{name}.idx"] = inventory(tmp_path / name).encode()
    put(s3, "noaa-hrrr-bdp-pds", {f"hrrr.20260701/conus/{name}": content for name, content in files.items()})
    with proxying(s3.endpoint) as proxy:
        domain = read_from(shipped("conus-okx"), {**s3.reader, "endpoint_url": proxy.url})
        feeds = {wanted.name: (wanted, listing) for wanted, listing in list_feeds(domain, parse_time(NOON))}
        assert {name: keys_of(listing) for name, (_, listing) in feeds.items()} == {
            "radar": [f"2026/07/01/KOKX/{archive_name('KOKX', parse_time(time))}" for time in volumes],
            "imager": [],
            "lightning": [],
            "background": ["hrrr.20260701/conus/hrrr.t10z.wrfprsf02.grib2", "hrrr.20260701/conus/hrrr.t11z.wrfprsf01.grib2"],
        }
        proxy.fail(Fault(cut=True), times=2, when=lambda request: request.startswith("GET") and "t11z.wrfprsf01.grib2" in request)  # its index and a part
        scans, fields = (fetched(*feeds[name], tmp_path / name) for name in ("radar", "background"))
    volume = decode_volume(scans[1][0], "nexrad", needed_moments(domain.radar))
    assert (volume.attrs["site"], volume.attrs["state"], volume.attrs["declared_time"]) == ("KOKX", "ok", "2026-07-01T11:58:40Z")
    assert set(volume.data_vars) == {"reflectivity", "zdr", "rhohv", "phidp"}
    newest = fields[1]
    assert newest[0].stat().st_size < 0.2 * len(whole)
    area = domain.area_of("background")
    found, expected = (analysis_fields([(path, newest[1])], parse_time(NOON), area, base) for path in (newest[0], tmp_path / newest[1]))
    assert (found.attrs["analysis"], found.attrs["lead_hours"], found.attrs["state"]) == ("yes", 1.0, "ok")
    np.testing.assert_array_equal(found["state"].values, expected["state"].values)


def test_a_real_file_of_gfs_gives_all_channels_by_its_index_alone(s3: Any, samples: Path, tmp_path: Path, new_york: Domain) -> None:
    key, path = "gfs.20110110/12/atmos/gfs.t12z.pgrb2.0p25.f120", samples / "nwp/gfs.t12z.pgrbf120.2p5deg.grib2"
    put(s3, "noaa-gfs-bdp-pds", {key: path.read_bytes(), f"{key}.idx": inventory(path).encode(), f"{key.replace('0p25', '1p00')}": b"coarser"})
    feed = ModelFeed(url=f"s3://{LIVE}/noaa-gfs-bdp-pds", layout="gfs", storage_options={"anon": True, **s3.reader})
    valid = parse_time("2011-01-15T12:00:00Z")
    wanted = Wanted("background", "conus-okx", feed, ("gfs",), valid - np.timedelta64(120, "h"), valid + np.timedelta64(1, "s"), every_hours=6)
    listing = list_feed(wanted)
    assert keys_of(listing) == [key]
    files = fetched(wanted, listing, tmp_path)
    found = analysis_fields(files, valid, new_york.area_of("background"))
    assert (found.attrs["analysis"], found.attrs["interpolated_levels"], bool(found["present"].all())) == ("yes", [], True)
    np.testing.assert_array_equal(found["state"].values, analysis_fields([(path, "gfs")], valid, new_york.area_of("background"))["state"].values)


@pytest.fixture
def chmi(home: Path, certificate: Path) -> Iterator[tuple[Path, Domain]]:
    """A folder behind a web server over TLS, and the domain `czechia` that reads from it."""
    (home / "web").mkdir()
    raw = shipped("czechia")
    with serving(home / "web", certificate) as url:
        for feed, folder in zip(feeds_of(raw), ("sites", "aladin"), strict=True):
            feed |= {"url": f"{url}/{folder}", "storage_options": {"ssl": False}, "settle_seconds": 0}  # a certificate that no authority signed
        domain = parse_domain(yaml.safe_dump(raw), "czechia.yaml")
        settle(home, domain)
        yield home / "web", domain


def test_volumes_by_moment_and_aladin_are_read_from_a_web_server_as_chmis(chmi: tuple[Path, Domain], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, domain = chmi
    keys, run = put_volumes(folder, domain), put_aladin(folder / "aladin", domain, monkeypatch)
    (folder / keys["ska"][0].replace("ska/", "sites/ska/")).unlink()  # of Skalky 08:40 no reflectivity
    (folder / keys["ska"][5].replace("ska/", "sites/ska/")).unlink()  # of Skalky 08:50 no zdr
    hour = pin("czechia", NINE, False)
    items = {item.granule.key: item for item in decode(hour, fetch(hour))}
    assert set(items) == {*keys["brd"], *keys["ska"]} - {keys["ska"][0], keys["ska"][5]}
    carriers = {key: (item.slot, str(item.state)) for key, item in items.items() if item.reference is not None}
    assert carriers == {
        **{key: (slot, "ok") for key, slot in zip(keys["brd"][::4], (7, 9, 11), strict=True)},
        **{key: (slot, state) for key, slot, state in zip(keys["ska"][4::4], (9, 11), ("partial", "ok"), strict=True)},
    }
    assert items[keys["ska"][4]].note == "No file of the volume holds zdr."
    assert items[keys["ska"][1]].note == "There is no volume of 2026-07-01T08:44:11Z: no file with its reflectivity can be used."
    assert items[keys["brd"][1]].note == "Part of the volume of 2026-07-01T08:44:11Z."
    volume = load(hour.folder, items[keys["brd"][8]].reference)  # type: ignore[arg-type]
    assert (volume.attrs["site"], volume.attrs["declared_time"], set(volume.data_vars)) == (
        "brd",
        "2026-07-01T09:00:00Z",
        {"reflectivity", "zdr", "rhohv", "phidp"},
    )
    with monkeypatch.context() as here:  # a retry reads what is in the work store, but for the volume that could not be made
        here.setattr("tasks.decode.read_each", lambda function, arguments: [function(*each) for each in arguments if len(arguments) == 1])
        assert decode(hour, fetch(hour)) == list(items.values())

    branch = background(hour)
    assert branch.product is not None and branch.product.reference is not None
    assert {str(item.state) for item in branch.items} == {"ok"} and len(branch.items) == 4 * 5 + 3
    assert [reason.code for reason in branch.product.degraded] == ["levels_interpolated"]
    assert (branch.product.reference.notes["analysis"], branch.product.reference.notes["interpolated_levels"]) == ("yes", [975])
    fields = load(hour.folder, branch.product.reference)
    name = run_keys(run.base_time)["t975"].rpartition("/")[2]
    (folder / name).write_bytes(field_bytes(run, "t975"))
    direct = analysis_fields([(folder / name, name)], parse_time(NINE), domain.area_of("background"))
    np.testing.assert_allclose(fields["air_temperature"].values[0], direct["state"].values[0], atol=0.01)
    assert float(fields["relative_humidity"].values.max()) > 20.0  # in %, where CHMI writes fractions


def test_a_web_server_without_byte_ranges_is_told(tmp_path: Path, new_york: Domain) -> None:
    base = parse_time("2026-07-01T11:00:00Z")
    path = tmp_path / "hrrr.20260701/conus/hrrr.t11z.wrfprsf01.grib2"
    path.parent.mkdir(parents=True)
    path.write_bytes(among_others(lead_bytes(in_new_york(new_york, base, (1,)), 1)))
    path.with_name(f"{path.name}.idx").write_text(inventory(path))
    with serving(tmp_path) as url:
        feed = ModelFeed(url=url, layout="hrrr")
        wanted = Wanted("background", "conus-okx", feed, ("hrrr",), base, base + np.timedelta64(3601, "s"))
        (granule,) = list_feed(wanted).granules
        with pytest.raises(FeedError, match="serves no byte ranges"):
            fetch_granule(feed, granule, tmp_path / "work")


def test_the_lines_that_switch_the_satellite_of_czechia_on_make_a_valid_domain() -> None:
    lines = (SHIPPED / "czechia.yaml").read_text().splitlines()
    first = lines.index("# satellite:")
    last = next(number for number in range(first, len(lines)) if not lines[number].startswith("# "))
    switched_on = parse_domain("\n".join([*lines[:first], *(line[2:] for line in lines[first:last]), *lines[last:]]), "czechia.yaml")
    assert switched_on.satellite is not None and switched_on.satellite.imager.reader == "seviri_l1b_hrit"
    assert parse_domain("\n".join(lines), "czechia.yaml").satellite is None


def test_the_live_domains_read_the_public_stores_without_credentials_and_wait_to_be_switched_on() -> None:
    for name in ("conus-okx", "czechia"):
        domain = parse_domain(yaml.safe_dump(shipped(name)), f"{name}.yaml")
        assert not domain.schedule.active
        for wanted in wanted_feeds(domain, parse_time(NOON)):
            assert wanted.feed.url.startswith(("s3://", "https://opendata.chmi.cz/"))
            assert wanted.feed.storage_options == ({"anon": True} if wanted.feed.url.startswith("s3://") else {})
            times = [former.until for former in wanted.feed.formerly]
            assert all(first < second for first, second in pairwise(times))


def test_feeds_that_hold_nothing_of_an_hour_say_so(s3: Any) -> None:
    put(s3, "noaa-hrrr-bdp-pds", {"hrrr.20260101/conus/hrrr.t00z.wrfprsf00.grib2": b""})
    wanted = wanted_of(read_from(shipped("conus-okx"), s3.reader), "background", "2026-02-01T00:00:00Z")
    assert {prefix.state for prefix in list_feed(wanted).prefixes} == {PrefixState.MISSING}
