"""Whole cycles whose nowcast a model makes that a real Triton serves, and what is released when it cannot be used."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moving_model
import numpy as np
import psutil
import pytest
import xarray as xr
from bad_input.spoiling import remove_frames
from house import FIRST, SECOND, SMALL, House
from tiny_models import Triton

import tasks.nowcast
import tasks.release
from flows import processes
from flows.cycle import cycle
from flows.verify import verify
from stormcycle.serving import Card, reload_model
from stormcycle.verification import read_scores
from tasks.release import Outcome
from tasks.verify import period_scores

pytestmark = pytest.mark.server
WITH_MODEL = SMALL.replace("nowcast: {members: 4}", "nowcast: {members: 4, model: moving}")


@pytest.fixture(scope="module")
def moving(triton_server: Triton) -> Iterator[Card]:
    """The model `moving`, made, exported and loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_MODELS", str(triton_server.models))
        card = moving_model.make_moving(triton_server.models, triton_server.served)
        reload_model(triton_server.url, moving_model.MODEL)
        yield card


@pytest.fixture
def modelled(house: House, moving: Card, triton_server: Triton, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose domain names the model, with Triton at hand."""
    (house.domains / "small.yaml").write_text(WITH_MODEL)
    monkeypatch.setenv("STORMCYCLE_MODELS", str(triton_server.models))
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    return house


def manifest_of(made: Outcome) -> dict[str, Any]:
    return json.loads((Path(made.url).parent / "manifest.json").read_text())


def nowcast_of(made: Outcome) -> xr.Dataset:
    return xr.open_zarr(made.url, group="nowcast", consolidated=False).load()


def stub_of(triton: Triton, model: str) -> psutil.Process:
    """The process of a model."""
    known = json.loads((triton.home / "servers" / "triton.json").read_text())
    alive = [child for child in psutil.Process(known["pid"]).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    return next(child for child in alive if f"{model}_0_0" in child.cmdline())


def test_the_models_nowcast_is_released_under_its_name_and_version_and_is_the_same_again(
    modelled: House, moving: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    assert {"product": "nowcast", "name": "moving", "version": moving.version} in manifest_of(made)["models"]
    nowcast = nowcast_of(made)
    assert (nowcast.attrs["model"], nowcast.attrs["model_version"]) == ("moving", moving.version)
    seen = xr.open_zarr(made.url, group="radar", consolidated=False)["observed"].isel(valid_time=-1).values
    known = nowcast["observed"].values
    np.testing.assert_array_equal(known, np.isfinite(nowcast["reflectivity"].values))
    assert not known[:, ~seen].any()
    assert 0.5 * seen.sum() < known[-1].sum() < seen.sum()
    (modelled.domains / "small.yaml").write_text(SMALL)
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/buckets").symlink_to(modelled.home / "buckets")
    plain = nowcast_of(cycle.fn("small", FIRST))
    assert plain.attrs["model"] == "extrapolation"
    apart = np.abs(plain["reflectivity"] - nowcast["reflectivity"]).where((plain["reflectivity"] > 10) & (nowcast["reflectivity"] > 10))
    assert 0.1 < float(apart.mean()) < 20.0
    (modelled.domains / "small.yaml").write_text(WITH_MODEL)
    again = cycle.fn("small", FIRST, revise=True)
    assert (again.version, again.digest) == (2, made.digest)


def test_without_a_server_extrapolation_stands_in_says_so_and_a_revision_repairs_it(
    modelled: House, triton_server: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_URL")
    made = cycle.fn("small", FIRST)
    assert (made.state, [reason.code for reason in made.degraded]) == ("degraded", ["model_unavailable"])
    assert made.degraded[0].detail == "Extrapolation stands in for moving. TRITON_URL is not set: no model is served."
    assert manifest_of(made)["decisions"] == [
        {"stage": "nowcast", "model": "moving", "fallback": "extrapolation", "reason": "TRITON_URL is not set: no model is served."}
    ]
    assert nowcast_of(made).attrs["model"] == "extrapolation"
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    repaired = cycle.fn("small", FIRST, revise=True)
    assert (repaired.state, repaired.version, repaired.degraded) == ("complete", 2, ())
    assert nowcast_of(repaired).attrs["model"] == "moving"


def test_a_server_that_does_not_answer_is_waited_for_and_then_named(modelled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_URL", f"127.0.0.1:{processes.free_port(1)}")
    made = cycle.fn("small", FIRST)
    assert [reason.code for reason in made.degraded] == ["model_unavailable"]
    assert "No Triton server answers" in made.degraded[0].detail


def test_a_model_whose_process_is_killed_after_its_canary_is_loaded_again_and_the_release_is_the_same(
    modelled: House, triton_server: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = cycle.fn("small", FIRST)
    real = tasks.nowcast.neural_forecast

    def killed(*arguments: Any) -> np.ndarray:
        stub_of(triton_server, "moving").kill()
        return real(*arguments)

    monkeypatch.setattr(tasks.nowcast, "neural_forecast", killed)
    monkeypatch.setenv("STORMCYCLE_HOME", str(modelled.home / "second"))
    (modelled.home / "second").mkdir()
    (modelled.home / "second/buckets").symlink_to(modelled.home / "buckets")
    made = cycle.fn("small", FIRST)
    assert (made.state, made.digest) == ("complete", undisturbed.digest)


def test_a_nowcast_that_is_made_needs_no_server_in_a_retry_or_a_revision(modelled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("made to fail")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="made to fail"):
        patch.setattr(tasks.release, "publish", failing)
        cycle.fn("small", FIRST)
    monkeypatch.delenv("TRITON_URL")
    retried = cycle.fn("small", FIRST)
    assert (retried.state, retried.version, nowcast_of(retried).attrs["model"]) == ("complete", 1, "moving")
    revised = cycle.fn("small", FIRST, revise=True)
    assert (revised.version, revised.digest) == (1, retried.digest)


def test_a_deadline_that_passes_is_a_fallback(modelled: House) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: moving, deadline_seconds: 0.001"))
    made = cycle.fn("small", FIRST)
    assert [reason.code for reason in made.degraded] == ["model_unavailable"]
    assert "did not answer before its deadline" in made.degraded[0].detail


def test_the_model_takes_filled_frames_and_leaves_old_ones_to_extrapolation(modelled: House) -> None:
    remove_frames(modelled, ("121800", "123600"))
    filled = cycle.fn("small", FIRST)
    assert ([reason.code for reason in filled.degraded], nowcast_of(filled).attrs["model"]) == (["frames_filled"], "moving")
    remove_frames(modelled, ("122400", "124200", "125400"))
    old = cycle.fn("small", FIRST, revise=True)
    assert nowcast_of(old).attrs["model"] == "extrapolation"
    assert "model_unavailable" not in [reason.code for reason in old.degraded]


def test_a_model_for_another_pixel_is_refused_before_anything_is_released(modelled: House) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("shape: [96, 96], resolution_m: 2000", "shape: [192, 192], resolution_m: 1000"))
    with pytest.raises(ValueError, match=r"pixels of 1000 m; its nowcast.model moving is made for 6 min and 2000 m"):
        cycle.fn("small", FIRST)
    assert not (modelled.home / "releases").exists()


def test_model_and_extrapolation_are_both_verified_and_an_event_of_the_training_shows_no_skill(
    modelled: House, triton_server: Triton, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for hour in (FIRST, SECOND):
        cycle.fn("small", hour)
    verified = verify.fn("small")
    scores = period_scores(verified)
    assert scores is not None
    assert {"nowcast", "extrapolation", "persistence", "sprog"} <= set(scores.fields["method"].values)
    record = read_scores(Path(verified[0].path))
    assert (record["in_sample"], [model["name"] for model in record["models"]]) == (False, ["moving", "steps"])
    monkeypatch.setenv("STORMCYCLE_MODELS", str(tmp_path / "models"))
    moving_model.make_moving(tmp_path / "models", tmp_path / "served", trained_on=("simli_pvol_20260701",))
    Path(verified[0].path).unlink()
    again = verify.fn("small")
    assert read_scores(Path(again[0].path))["in_sample"]
    assert period_scores(again) is None
