"""The satellite and the model branch of a cycle: what is released, and each way in which it degrades (DESIGN.md's table)."""

import bz2
import json
import shutil
import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from bad_input.spoiling import codes, manifest, product, products
from house import FIRST
from sky import BEFORE, CHANNELS, NEWEST, NEWEST_RUN, OLDER_RUN, SEED, TOO_OLD, Sky, bounded_analysis, put, short_run, sky_domain

import flows.cycle
import tasks.fetch
from flows.branches import beside, by_deadline, satellite_branch
from flows.cycle import cycle
from stormcycle.cycle import load, newest_record, save
from stormcycle.feeds import FeedUnavailable, Listing, Wanted, list_feed
from stormcycle.grids import pixel_centres
from stormcycle.release.contract import violations
from stormcycle.simulator import true_clouds, true_state
from stormcycle.simulator.instruments.model import forecast
from stormcycle.simulator.nature import seconds_of, world_of
from stormcycle.simulator.nature.lightning import flashes
from stormcycle.simulator.writers import grib
from stormcycle.states import Provenance
from stormcycle.times import parse_time
from tasks.background import background
from tasks.fetch import pinned
from tasks.gate import gate_products
from tasks.pin import pin
from tasks.release import Outcome
from tasks.seam import Branch, Hour, Product

ClearSky = tuple[Sky, Outcome]
TIME = parse_time(FIRST)


def reasons(branch: Branch) -> list[str]:
    """The codes of the reasons why a branch's product is degraded."""
    assert branch.product is not None
    return [reason.code for reason in branch.product.degraded]


def states(branch: Branch) -> dict[str, str]:
    """The states of a branch's granules that are not ok, by the file's name."""
    return {item.granule.key.rpartition("/")[2]: str(item.state) for item in branch.items if item.state != "ok"}


def fields(hour: Hour, branch: Branch) -> xr.Dataset:
    """The fields that a branch made."""
    assert branch.product is not None and branch.product.reference is not None
    return load(hour.folder, branch.product.reference)


def made(branch: Branch) -> bool:
    """Whether a branch has fields."""
    return branch.product is not None and branch.product.reference is not None


def again(sky: Sky, clear: ClearSky) -> None:
    """Put what the undisturbed cycle computed and released into a house."""
    for name in ("work", "releases"):
        shutil.copytree(clear[0].home / name, sky.home / name)


def test_an_hour_with_every_feed_is_complete_and_keeps_its_contract(clear_sky: ClearSky) -> None:
    outcome = clear_sky[1]
    assert (outcome.state, outcome.degraded) == ("complete", ())
    assert products(outcome) == {"radar", "nowcast", "probability", "satellite", "background"}
    for name in ("satellite", "background"):
        assert violations(name, product(outcome, name)) == []
    assert Counter(item["state"] for item in manifest(outcome)["inputs"]) == {"ok": 8 + 2 + 45 + 19}
    assert {"satellite", "background"} <= {verdict["subject"] for verdict in manifest(outcome)["gates"]}


def test_the_same_feeds_give_the_same_digest_in_another_house(sky: Sky, clear_sky: ClearSky) -> None:
    assert cycle.fn("sky", FIRST).digest == clear_sky[1].digest


def test_the_imager_sees_the_true_clouds_at_the_time_of_its_scan(clear_sky: ClearSky) -> None:
    seen = product(clear_sky[1], "satellite")
    assert seen["present"].values.all() and seen["observed"].values.all()
    assert [str(time) for time in seen["actual_time"].values.astype("datetime64[m]")] == ["2026-07-01T12:55"] * 2
    true = true_clouds(sky_domain(), parse_time("2026-07-01T12:55:24Z"), SEED)
    window = seen["brightness_temperature"].sel(channel=13).values
    cold, clear = (true["cloud_top_temperature"].values < 235.0) & (true["emissivity"].values > 0.9), true["cloud_top"].values == 0.0
    assert cold.mean() > 0.1 and clear.mean() > 0.1
    assert abs(np.median(window[cold]) - np.median(true["cloud_top_temperature"].values[cold])) < 3.0
    assert 285.0 < np.median(window[clear]) < 305.0
    assert np.median(seen["brightness_temperature"].sel(channel=9).values[clear]) < 260.0  # water vapour hides the ground


def test_the_lightning_lies_where_the_true_flashes_are(clear_sky: ClearSky) -> None:
    seen = product(clear_sky[1], "satellite")
    density = seen["flash_extent_density"].values
    assert bool(seen["lightning_present"]) and not np.isnan(density).any()
    assert (seen["group_extent_density"].values >= density).all()
    end = seconds_of(TIME)
    true = flashes(world_of(sky_domain(), SEED), end - 900, end)
    x, y = pixel_centres(sky_domain().area)
    rows, columns = (np.abs(centres[:, None] - places).argmin(axis=0) for centres, places in ((y, true.y), (x, true.x)))
    inside = (np.abs(true.x) < 190e3) & (np.abs(true.y) < 190e3)
    assert inside.sum() > 100
    assert (density[rows, columns][inside] > 0).mean() > 0.95
    lit = np.argwhere(density > 0)
    away = [np.hypot(true.x - x[column], true.y - y[row]).min() for row, column in lit]
    assert np.max(away) < 60e3 and 0.05 < len(lit) / density.size < 0.95


def test_the_background_is_the_models_forecast_and_as_wrong_as_the_model_is(clear_sky: ClearSky) -> None:
    seen, domain = product(clear_sky[1], "background"), sky_domain()
    assert (seen.attrs["lead_hours"], str(seen["forecast_reference_time"].values)[:13]) == (7.0, "2026-07-01T06")
    assert ((seen["provenance"].values & Provenance.MADE_BY_A_MODEL) > 0).all() and seen["observed"].values.all()
    said = forecast(world_of(domain, SEED), parse_time("2026-07-01T06:00Z"), 7, *np.meshgrid(*pixel_centres(domain.area_of("background"))), SEED)
    true = true_state(domain, TIME, SEED)["state"].values
    wanted = {"air_temperature": (said.temperature, 0.05), "x_wind": (said.u, 0.1), "y_wind": (said.v, 0.1), "relative_humidity": (said.humidity, 0.5)}
    errors = {"air_temperature": (0.4, 2.5), "x_wind": (0.8, 4.0), "y_wind": (0.8, 4.0), "relative_humidity": (5.0, 20.0)}
    for index, (name, (values, close)) in enumerate(wanted.items()):
        found = seen[name].values
        assert np.sqrt(((found - values) ** 2).mean()) < close, name
        wrong = np.sqrt(((found - true[4 * index : 4 * index + 4]) ** 2).mean())
        assert errors[name][0] < wrong < errors[name][1], name
    pressure = np.sqrt(((seen["mean_sea_level_pressure"].values - true[18]) ** 2).mean())
    assert 30.0 < pressure < 200.0


@pytest.mark.parametrize(("lost", "code"), [(slice(None), "lightning_missing"), (slice(5, 11), "lightning_missing"), (slice(5, 7), "lightning_incomplete")])
def test_lightning_that_is_absent_is_masked_and_not_zero(sky: Sky, lost: slice, code: str) -> None:
    for file in sky.flashes()[lost]:
        file.unlink()
    left = len(sky.flashes())
    hour = sky.hour()
    branch = satellite_branch(hour)
    seen = fields(hour, branch)
    assert reasons(branch) == [code]
    assert branch.product is not None and f"{left} of 45" in branch.product.degraded[0].detail
    there = code == "lightning_incomplete"
    assert bool(seen["lightning_present"]) == there
    for name in ("flash_extent_density", "group_extent_density"):
        assert np.isnan(seen[name].values).all() != there
    assert np.isnat(seen["lightning_end"].values) != there
    assert seen["present"].values.all()


def test_a_lightning_file_whose_content_contradicts_its_name_is_corrupt(sky: Sky) -> None:
    files = sky.flashes()
    put(files[10], files[30].read_bytes()[:-1] + b"\0")  # not the very bytes: those would be a duplicate
    hour = sky.hour()
    branch = satellite_branch(hour)
    assert states(branch) == {files[10].name: "corrupt"}
    assert reasons(branch) == ["lightning_incomplete"]
    assert branch.product is not None and files[10].name in branch.product.degraded[0].detail


def test_a_channel_that_is_absent_is_masked_and_the_others_are_released(sky: Sky) -> None:
    sky.settings(satellite__lightning=None)
    for start in (NEWEST, BEFORE, TOO_OLD):
        sky.scan("C09", start).unlink()
    hour = sky.hour()
    branch = satellite_branch(hour)
    seen = fields(hour, branch)
    assert seen["present"].values.tolist() == [False, True]
    assert np.isnan(seen["brightness_temperature"].values[0]).all() and not np.isnan(seen["brightness_temperature"].values[1]).any()
    assert not seen["observed"].values[0].any() and np.isnat(seen["actual_time"].values[0])
    assert reasons(branch) == ["channel_missing"]
    assert not bool(seen["lightning_present"])


def test_a_newest_scan_that_is_cut_gives_way_to_the_scan_before_it_with_its_own_time(sky: Sky) -> None:
    sky.settings(satellite__lightning=None)
    cut = sky.scan("C13", NEWEST)
    put(cut, cut.read_bytes()[: cut.stat().st_size // 2])
    hour = sky.hour()
    branch = satellite_branch(hour)
    seen = fields(hour, branch)
    assert seen["present"].values.all()
    assert [str(time) for time in seen["actual_time"].values.astype("datetime64[m]")] == ["2026-07-01T12:55", "2026-07-01T12:50"]
    assert states(branch) == {cut.name: "corrupt"}
    assert reasons(branch) == ["older_scan", "granule_corrupt"]
    assert branch.product is not None and branch.product.degraded[0].detail.startswith("C13 is of an older scan: its middle is 10 min")


def test_a_scan_of_another_channel_under_a_right_name_is_misplaced_and_not_used(sky: Sky) -> None:
    sky.settings(satellite__lightning=None)
    false = sky.scan("C09", NEWEST)
    put(false, sky.scan("C13", NEWEST).read_bytes())
    hour = sky.hour()
    branch = satellite_branch(hour)
    assert states(branch) == {false.name: "misplaced"}
    assert reasons(branch) == ["older_scan", "granule_misplaced"]
    assert np.median(fields(hour, branch)["brightness_temperature"].values[0]) < 260.0


def test_scans_older_than_twenty_minutes_are_no_satellite(sky: Sky) -> None:
    for channel in CHANNELS:
        for start in (NEWEST, BEFORE):
            sky.scan(channel, start).unlink()
    sky.settings(satellite__lightning=None)
    branch = satellite_branch(sky.hour())
    assert not made(branch)
    assert reasons(branch) == ["no_satellite", "channel_missing", "channel_missing"]
    assert branch.product is not None and branch.product.degraded[1].detail == "C09 is absent: its newest scan is 25 min old."


def test_without_the_newest_run_an_older_one_serves_and_says_so(sky: Sky) -> None:
    sky.field(NEWEST_RUN, "t975").parent.rename(sky.home / "away")
    hour = sky.hour()
    branch = background(hour)
    assert reasons(branch) == ["older_run"]
    assert branch.product is not None
    assert branch.product.degraded[0].detail == ("The run of 2026-07-01T06:00:00Z is absent; the one of 2026-07-01T00:00:00Z is used, a forecast of 13 h.")
    assert fields(hour, branch).attrs["lead_hours"] == 13.0


@pytest.mark.parametrize("why", ["there is none", "all are too old"])
def test_without_a_run_that_is_young_enough_there_is_no_background(sky: Sky, why: str) -> None:
    if why == "there is none":
        shutil.rmtree(sky.bucket / "nwp_aladin")
    else:
        sky.settings(background__longest_lead_hours=6)
    branch = background(sky.hour())
    assert not made(branch)
    assert reasons(branch) == ["no_background"]


@pytest.mark.parametrize("channel", ["t975", "mslp"])
def test_a_corrupt_field_that_nothing_stands_in_for_makes_the_run_before_it_serve(sky: Sky, channel: str) -> None:
    cut = sky.field(NEWEST_RUN, channel)
    put(cut, cut.read_bytes()[:200])
    hour = sky.hour()
    branch = background(hour)
    assert states(branch) == {cut.name: "corrupt"}
    assert reasons(branch) == ["older_run", "granule_corrupt"]
    assert branch.product is not None and "is absent" not in branch.product.degraded[0].detail
    seen = fields(hour, branch)
    assert seen.attrs["lead_hours"] == 13.0 and seen["present"].values.all()


def test_a_level_that_is_absent_is_interpolated_between_its_neighbours_and_flagged(sky: Sky) -> None:
    for run in (NEWEST_RUN, OLDER_RUN):
        for what in "tuvr":
            sky.field(run, f"{what}925").unlink()
    hour = sky.hour()
    branch = background(hour)
    assert reasons(branch) == ["levels_interpolated"]
    seen = fields(hour, branch)
    assert seen.attrs["lead_hours"] == 7.0
    names = seen["channel"].attrs["flag_meanings"].split()
    assert [name for name, flag in zip(names, seen["interpolated"].values, strict=True) if flag] == ["t925", "u925", "v925", "r925"]
    weight = np.log(975 / 925) / np.log(975 / 850)
    for name in ("air_temperature", "x_wind", "y_wind", "relative_humidity"):
        below, found, above = (seen[name].sel(level=level).values for level in (975, 925, 850))
        np.testing.assert_allclose(found, (1 - weight) * below + weight * above, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("channel", ["mslp", "u800"])
def test_a_field_that_every_run_lacks_and_nothing_stands_in_for_leaves_an_incomplete_background(sky: Sky, channel: str) -> None:
    for run in (NEWEST_RUN, OLDER_RUN):
        sky.field(run, channel).unlink()
    hour = sky.hour()
    branch = background(hour)
    assert reasons(branch) == ["background_incomplete"]
    seen = fields(hour, branch)
    assert seen.attrs["lead_hours"] == 7.0
    names = seen["channel"].attrs["flag_meanings"].split()
    lost = [name for name, there in zip(names, seen["present"].values, strict=True) if not there]
    assert lost == (["mslp"] if channel == "mslp" else ["u800", "v800"])
    assert np.isnan(seen["mean_sea_level_pressure"].values).all() == (channel == "mslp")
    assert branch.product is not None
    (judged,) = gate_products(hour, [branch.product])
    assert judged.reference == branch.product.reference  # what is not there is not judged: the rest is released


def test_a_bzip2_bomb_among_the_models_files_costs_that_file_alone(sky: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormcycle.background.reading.analysis_fields", bounded_analysis)
    bomb = sky.field(NEWEST_RUN, "t925")
    put(bomb, bz2.compress(bytes(4 * 2**20)))
    hour = sky.hour()
    branch = background(hour)
    assert states(branch) == {bomb.name: "corrupt"}
    assert reasons(branch) == ["levels_interpolated", "granule_corrupt"]
    assert branch.product is not None and "unpacks to more than 1048576 bytes" in branch.product.degraded[1].detail
    assert fields(hour, branch).attrs["lead_hours"] == 7.0


def test_a_constant_background_is_blocked_by_the_gate_and_left_out(sky: Sky) -> None:
    run = short_run(sky_domain(), parse_time(f"2026-07-01T{NEWEST_RUN}:00Z"))
    flat = replace(run, fields={channel: np.full_like(values, values.mean()) for channel, values in run.fields.items()})
    for channel in flat.fields:
        put(sky.field(NEWEST_RUN, channel), grib.field_bytes(flat, channel))
    hour = sky.hour()
    branch = background(hour)
    assert made(branch) and branch.product is not None
    (judged,) = gate_products(hour, [branch.product])
    assert judged.reference is None
    assert [reason.code for reason in judged.degraded] == ["gate_blocked"]
    assert "air_temperature" in judged.degraded[0].detail


def test_an_imager_that_cannot_be_reached_costs_the_satellite_alone(sky: Sky, clear_sky: ClearSky) -> None:
    again(sky, clear_sky)
    sky.settings(satellite__imager__feed__url="${STORMCYCLE_HOME}/nowhere")
    found = cycle.fn("sky", FIRST, revise=True)
    assert (found.state, found.version) == ("degraded", 2)
    assert products(found) == {"radar", "nowcast", "probability", "background"}
    assert codes(found) == ["no_satellite", "feed_unreachable", "channel_missing", "channel_missing"]
    for name in ("radar", "nowcast", "background"):
        xr.testing.assert_identical(product(found, name), product(clear_sky[1], name))
    record = newest_record(Hour("sky", FIRST, 0, 0).folder)
    assert record is not None
    (told,) = (prefix for prefix in record.prefixes if prefix.feed == "imager")
    assert (told.state, told.granules) == ("unreachable", 0)
    assert "has no folder" in told.prefix
    status = json.loads((sky.home / "releases/sky/status.json").read_text())
    assert {row["feed"]: row["state"] for row in status["feeds"]}["imager"] == "unreachable"


def test_a_branch_that_misses_its_deadline_is_left_out_and_the_decision_stands_in_the_manifest(
    sky: Sky, clear_sky: ClearSky, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(sky, clear_sky)
    sky.settings(satellite__deadline_seconds=0.001)
    end = threading.Event()

    def slow(hour: Hour) -> Branch:
        end.wait(120)
        return satellite_branch(hour)

    with monkeypatch.context() as patch:
        patch.setattr(flows.cycle, "satellite_branch", slow)
        try:
            found = cycle.fn("sky", FIRST, revise=True)
        finally:
            end.set()
    assert products(found) == {"radar", "nowcast", "probability", "background"}
    assert codes(found) == ["deadline_missed"]
    (decision,) = manifest(found)["decisions"]
    assert (decision["stage"], decision["decision"]) == ("satellite", "deadline_missed")
    sky.settings(satellite__deadline_seconds=300)
    whole = cycle.fn("sky", FIRST, revise=True)
    assert (whole.state, whole.digest) == ("complete", clear_sky[1].digest)


def test_what_a_branch_raises_fails_the_run_also_where_it_is_a_timeout_of_its_own(sky: Sky) -> None:
    hour = sky.hour()

    def late(_: Hour) -> Branch:
        raise TimeoutError("the store did not answer")

    with pytest.raises(TimeoutError, match="the store did not answer"):
        by_deadline(beside(late, hour), "satellite")


def test_a_domain_without_the_branches_has_no_products_of_them(sky: Sky) -> None:
    sky.settings(satellite=None, background=None)
    hour = sky.hour()
    for branch, name in ((satellite_branch, "satellite"), (background, "background")):
        assert by_deadline(beside(branch, hour), name) == Branch([], None)


def test_a_feed_that_fails_while_it_is_fetched_costs_its_branch_alone(sky: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = sky.hour()

    def down(*_: object) -> None:
        raise FeedUnavailable("Fetching from https://secret.invalid failed 4 times: 503.")

    monkeypatch.setattr(tasks.fetch, "fetch_granule", down)
    for branch, name in ((satellite_branch, "satellite"), (background, "background")):
        left_out = by_deadline(beside(branch, hour), name)
        assert reasons(left_out) == ["feed_unreachable"] and not made(left_out)
        assert left_out.product is not None and "secret" not in left_out.product.degraded[0].detail
        assert [decision["decision"] for decision in left_out.product.decisions] == ["feed_unreachable"]


def test_an_outage_while_an_hour_is_listed_again_takes_nothing_from_it(sky: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sky.hour()

    def listed(wanted: Wanted, *_: object) -> Listing:
        if wanted.name == "imager":
            raise FeedUnavailable("Listing failed 4 times: 503.")
        return list_feed(wanted)

    monkeypatch.setattr("stormcycle.feeds.listing.list_feed", listed)
    assert pin("sky", FIRST, True).revision == before.revision
    assert {granule.feed for granule in pinned(before, "imager")} == {"imager"}


def test_a_blocked_radar_leaves_out_what_is_made_from_it_and_nothing_else(sky: Sky) -> None:
    hour = sky.hour()
    branch = background(hour)
    assert branch.product is not None and branch.product.reference is not None
    silent = xr.Dataset({"reflectivity": (("valid_time", "y", "x"), np.full((4, 96, 96), np.nan, "float32"))})
    radar = Product("radar", save(hour.folder, "mosaic", "silent", silent))
    forecast_of_it = Product("nowcast", save(hour.folder, "nowcast", "silent", silent.rename(valid_time="lead_time")))
    judged = {item.name: item for item in gate_products(hour, [radar, forecast_of_it, branch.product])}
    assert [judged[name].reference is None for name in ("radar", "nowcast", "background")] == [True, True, False]
