"""The analysis of a cycle: released with its contract, made again without computing, left out with its reason, bounded under gross errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from bad_input.spoiling import manifest, product, products
from house import FIRST, SECOND
from sky import Sky, quick_children, sky_house

from flows.cycle import cycle
from stormcycle.cycle import Reference, load, save
from stormcycle.datasets.hours import released_hours
from stormcycle.release.contract import violations
from stormcycle.states import Provenance
from stormcycle.times import parse_time
from stormcycle.training.operator import gathered
from tasks.analysis import analysis
from tasks.background import background
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.gate import gate_products
from tasks.grid import grid
from tasks.mosaic import mosaic
from tasks.quality import quality
from tasks.release import Outcome
from tasks.seam import Branch, Hour, Product
from tasks.verify import _hourly

SETTINGS = {"background__grid": {"projection": "+proj=laea +lat_0=35.3 +lon_0=-97.5 +datum=WGS84 +units=m", "shape": [40, 40], "resolution_m": 4400}}
ANALYSIS = {"gross_db": 40.0, "evaluations": 12}
NUMBERS = count()
Parts = tuple[Sky, Hour, Product, Branch]


def with_analysis(sky: Sky) -> Sky:
    sky.settings(satellite=None, analysis=ANALYSIS, **SETTINGS)
    return sky


@contextmanager
def changed(sky: Sky, **settings: Any) -> Iterator[None]:
    """Other settings for a while, in a house that tests share."""
    text = (sky.domains / "sky.yaml").read_text()
    try:
        sky.settings(**settings)
        yield
    finally:
        (sky.domains / "sky.yaml").write_text(text)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, sky_bucket: Path) -> Parts:
    """The hour's radar and background, made once: tests spoil copies of them."""
    with pytest.MonkeyPatch.context() as patch:
        quick_children(patch)
        sky = with_analysis(sky_house(tmp_path_factory.mktemp("analysed"), sky_bucket, patch))
        hour = sky.hour()
        return sky, hour, mosaic(hour, grid(hour, quality(hour, decode(hour, fetch(hour))))), background(hour)


@pytest.fixture
def parts(kept: Parts, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """The same, in its house."""
    monkeypatch.setenv("STORMCYCLE_HOME", str(kept[0].home))
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(kept[0].domains))
    return kept


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, sky_bucket: Path) -> Outcome:
    """A whole cycle with an analysis."""
    with pytest.MonkeyPatch.context() as patch:
        quick_children(patch)
        with_analysis(sky_house(tmp_path_factory.mktemp("released"), sky_bucket, patch))
        return cycle.fn("sky", FIRST)


def spoilt(hour: Hour, reference: Reference | None, change) -> Reference:
    """A product's fields changed, under a key of their own."""
    assert reference is not None
    fields = load(hour.folder, reference).load()
    change(fields)
    return save(hour.folder, "spoilt", f"{reference.key}{next(NUMBERS)}", fields, dict(reference.notes))


def test_an_hour_is_released_with_its_analysis(released: Outcome) -> None:
    assert "analysis" in products(released)
    made, before = product(released, "analysis"), product(released, "background")
    assert violations("analysis", made) == []
    for name in ("air_temperature", "relative_humidity", "mean_sea_level_pressure"):
        np.testing.assert_array_equal(made[f"{name}_background"].values, before[name].values)
        np.testing.assert_allclose(made[name].values, (made[f"{name}_background"] + made[f"{name}_increment"]).values, rtol=1e-5)
    assert np.abs(made["relative_humidity_increment"].values).max() > 1.0
    assert 0.0 <= made["relative_humidity"].values.min() <= made["relative_humidity"].values.max() <= 100.0
    assert made["cost"].values[-1] < 0.7 * made["cost"].values[0]
    assert made.attrs["residual_rmse"] < made.attrs["innovation_rmse"]
    assert ((made["provenance"].values & Provenance.MADE_BY_A_MODEL) > 0).all()
    assert {"product": "analysis", "name": "radar_operator", "version": made.attrs["operator_version"]} in manifest(released)["models"]
    assert "analysis" in {verdict["subject"] for verdict in manifest(released)["gates"]}
    assert (Path(released.url).parent / "analysis.png").is_file()


def test_the_verification_scores_the_operator_of_background_and_analysis(released: Outcome) -> None:
    found = _hourly({"analysis": product(released, "analysis")})
    assert set(found) == {"background", "analysis"}
    assert _hourly({"radar": product(released, "radar")}) == {}


def test_the_same_hour_is_not_computed_again(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, hour, radar, model = parts
    (first,) = analysis(hour, radar, model)
    monkeypatch.setattr("stormcycle.assimilation.assimilator.assimilator", lambda domain, time: pytest.fail("it was computed again"))
    assert analysis(hour, radar, model)[0].reference == first.reference


def test_a_domain_that_asks_for_none_has_none(parts: Parts) -> None:
    sky, hour, radar, model = parts
    with changed(sky, analysis=None):
        assert analysis(hour, radar, model) == []


@pytest.mark.parametrize("what", ["no radar", "no background", "a missing level"])
def test_what_an_analysis_lacks_is_its_reason(parts: Parts, what: str) -> None:
    _, hour, radar, model = parts
    assert model.product is not None and model.product.reference is not None
    incomplete = replace(model.product.reference, notes={**model.product.reference.notes, "analysis": "no: t925 is missing"})
    given, branch, code = {
        "no radar": (replace(radar, reference=None), model, "no_radar"),
        "no background": (radar, Branch([], None), "no_background"),
        "a missing level": (radar, Branch([], replace(model.product, reference=incomplete)), "background_incomplete"),
    }[what]
    (made,) = analysis(hour, given, branch)
    assert made.reference is None
    assert [(reason.product, reason.code) for reason in made.degraded] == [("analysis", code)]
    assert made.degraded[0].detail.startswith("No analysis: ")


def test_half_an_hour_of_radar_makes_none_and_says_why(parts: Parts) -> None:
    _, hour, radar, model = parts
    few = spoilt(hour, radar.reference, lambda fields: fields.update({"hourly_sum": fields["hourly_sum"] * np.nan}))
    (made,) = analysis(hour, replace(radar, reference=few), model)
    assert made.reference is None
    assert [reason.code for reason in made.degraded] == ["analysis_impossible"]
    assert "three quarters of its scans" in made.degraded[0].detail


def test_a_background_with_nan_inside_makes_none_and_names_the_channel(parts: Parts) -> None:
    _, hour, radar, model = parts
    assert model.product is not None

    def hole(fields: xr.Dataset) -> None:
        fields["air_temperature"][1, 5, 5] = np.nan

    bad = replace(model.product, reference=spoilt(hour, model.product.reference, hole))
    (made,) = analysis(hour, radar, Branch([], bad))
    assert made.reference is None
    assert "not whole: channels 1" in made.degraded[0].detail


def test_a_spoke_of_70_dbz_leaves_the_analysis_bounded(parts: Parts) -> None:
    _, hour, radar, model = parts

    def spoke(fields: xr.Dataset) -> None:
        fields["hourly_sum"][:, 46:50] = 70.0

    (made,) = analysis(hour, replace(radar, reference=spoilt(hour, radar.reference, spoke)), model)
    assert made.reference is not None
    fields = load(hour.folder, made.reference)
    assert np.abs(fields["air_temperature_increment"].values).max() < 10.0
    (judged,) = gate_products(hour, [made])
    assert judged.reference is not None or judged.degraded[0].code == "gate_blocked"


def test_an_increment_that_no_radar_can_ask_for_is_blocked(parts: Parts) -> None:
    _, hour, radar, model = parts
    (made,) = analysis(hour, radar, model)

    def wild(fields: xr.Dataset) -> None:
        fields["air_temperature_increment"][0, 3, 3] = 15.0

    (judged,) = gate_products(hour, [replace(made, reference=spoilt(hour, made.reference, wild))])
    assert judged.reference is None
    assert [reason.code for reason in judged.degraded] == ["gate_blocked"]
    assert "15" in judged.degraded[0].detail


def test_another_grid_than_the_operators_is_refused(parts: Parts) -> None:
    sky, hour, radar, model = parts
    with changed(sky, background__grid={**SETTINGS["background__grid"], "resolution_m": 12000}):
        (made,) = analysis(hour, radar, model)
        assert made.reference is None
        assert "learned on pixels of 4400 m" in made.degraded[0].detail


def test_background_errors_that_are_not_there_are_named(parts: Parts) -> None:
    sky, hour, radar, model = parts
    with changed(sky, analysis={**ANALYSIS, "background_errors": "/nowhere/errors.nc"}):
        (made,) = analysis(hour, radar, model)
        assert made.reference is None
        assert "/nowhere/errors.nc" in made.degraded[0].detail


def test_a_cycle_goes_on_without_its_analysis(sky: Sky) -> None:
    with_analysis(sky)
    for path in sky.bucket.glob("nwp_aladin/**/*.bz2"):
        path.unlink()
    outcome = cycle.fn("sky", FIRST)
    assert "analysis" not in products(outcome)
    assert ("analysis", "no_background") in [(reason.product, reason.code) for reason in outcome.degraded]


def test_released_hours_are_what_an_operator_can_learn_from(released: Outcome, parts: Parts) -> None:
    root = Path(released.url).parents[5]
    (hour,) = released_hours(str(root), "sky", parse_time(FIRST), parse_time(FIRST))
    made = product(released, "analysis")
    np.testing.assert_allclose(hour["hourly_sum"].values, made["hourly_sum"].values)
    np.testing.assert_allclose(hour["state"].values[:4], made["air_temperature_background"].values)
    assert (hour.attrs["time"], hour.attrs["lead_hours"]) == (FIRST, 7.0)
    assert gathered([hour]).state.shape == (1, 19, 40, 40)
    with pytest.raises(ValueError, match="holds radar and a whole background"):
        released_hours(str(root), "sky", parse_time(SECOND), parse_time(SECOND))
