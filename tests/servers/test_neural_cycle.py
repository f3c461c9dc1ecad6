"""Whole cycles whose nowcast a model makes that a real Triton serves, and what is released when it cannot be used."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moving_model
import numpy as np
import onnx
import psutil
import pytest
import xarray as xr
from bad_input.spoiling import TIMES, dry, forget_rays, remove_frames
from house import FIRST, SECOND, SMALL, House
from tiny_models import Triton

import tasks.neural
import tasks.release
from flows import processes
from flows.cycle import cycle
from flows.verify import verify
from stormcycle.domain import load_domain
from stormcycle.nowcast.variables import Fields
from stormcycle.serving import BadTensorError, Card, Contract, reload_model
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification import from_json, read_scores
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


@pytest.fixture(scope="module")
def dual(triton_server: Triton) -> Iterator[Card]:
    """The model `dual`, of three variables, made, exported and loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMCYCLE_MODELS", str(triton_server.models))
        card = moving_model.make_dual(triton_server.models, triton_server.served)
        reload_model(triton_server.url, moving_model.DUAL)
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


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, np.ndarray]]:
    """What a model is sent from now on."""
    sent: list[dict[str, np.ndarray]] = []
    real = tasks.neural.infer

    def infer(url: str, contract: Contract, inputs: dict[str, np.ndarray], deadline_s: float) -> dict[str, np.ndarray]:
        sent.append(inputs)
        return real(url, contract, inputs, deadline_s)

    monkeypatch.setattr(tasks.neural, "infer", infer)
    return sent


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
    assert nowcast.attrs["model_inputs"] == "zh"
    assert nowcast["zdr"].attrs["model"] == "extrapolation"  # the model knows nothing of it
    known = nowcast["observed"].values
    np.testing.assert_array_equal(known, np.isfinite(nowcast["reflectivity"].values))
    assert not known[:, ~seen].any()
    assert 0.5 * seen.sum() < known[-1].sum() < seen.sum()
    (modelled.domains / "small.yaml").write_text(SMALL)
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/buckets").symlink_to(modelled.home / "buckets")
    plain = nowcast_of(cycle.fn("small", FIRST))
    assert (plain.attrs["model"], plain.attrs["model_inputs"], "model" in plain["zdr"].attrs) == ("extrapolation", "zh zdr", False)
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
    real = tasks.neural.neural_forecast

    def killed(*arguments: Any) -> Fields:
        stub_of(triton_server, "moving").kill()
        return real(*arguments)

    monkeypatch.setattr(tasks.neural, "neural_forecast", killed)
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
    assert [reason.code for reason in old.degraded] == ["frames_missing", "extrapolated_from_old_frames"]


def test_six_frames_are_extrapolated_and_the_model_refuses_them(modelled: House, moving: Card) -> None:
    remove_frames(modelled, TIMES[2:6])
    made = cycle.fn("small", FIRST)
    assert (made.state, [reason.code for reason in made.degraded]) == ("degraded", ["frames_missing", "extrapolated_from_old_frames"])
    assert made.degraded[1].detail.startswith("Extrapolated from 6 frames, the newest 0 min old")
    assert nowcast_of(made).attrs["model"] == "extrapolation"
    with pytest.raises(BadTensorError, match="The network takes 10 frames of each variable; here are 6 of zh"):
        tasks.neural.served_forecast(load_domain("small"), "moving", moving.version, {"zh": np.zeros((6, 96, 96))}, np.zeros((2, 96, 96)))


def test_the_model_of_three_variables_forecasts_those_that_the_radars_have(
    modelled: House, dual: Card, triton_server: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual"))
    sent = recorded(monkeypatch)
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    nowcast = nowcast_of(made)
    assert [nowcast.attrs[key] for key in ("model", "model_version", "model_inputs")] == ["dual", dual.version, "zh zdr"]
    assert "zdr" in nowcast
    assert "kdp" not in nowcast
    assert "model" not in nowcast["zdr"].attrs
    echo = nowcast["reflectivity"].values > NO_ECHO_DBZ
    assert np.array_equal(~np.isnan(nowcast["zdr"].values), echo)
    assert echo.any()
    alone, together, chances = sent
    assert all(np.array_equal(alone[name], chances[name]) for name in alone)  # zh, and its probabilities
    assert alone["mask"][0].any(axis=(1, 2)).tolist() == [True, False, False]
    assert not alone["frames"][0, 10:].any()
    assert together["mask"][0].any(axis=(1, 2)).tolist() == [True, True, False]
    assert not together["frames"][0, 20:].any()
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual").replace("[reflectivity, zdr]", "[reflectivity]"))
    less = cycle.fn("small", FIRST, revise=True)
    assert (less.state, nowcast_of(less).attrs["model_inputs"], "zdr" in nowcast_of(less)) == ("complete", "zh", False)
    np.testing.assert_array_equal(nowcast_of(less)["reflectivity"], nowcast["reflectivity"])  # what is told of zdr changes nothing of zh


def test_no_nan_reaches_the_model_and_what_nobody_saw_stays_unknown(modelled: House, dual: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual"))
    for time in TIMES:
        for path in modelled.granules(time):
            forget_rays(path, 40)
    sent = recorded(monkeypatch)
    made = cycle.fn("small", FIRST)
    _, inputs, _ = sent
    seen = xr.open_zarr(made.url, group="radar", consolidated=False)["observed"].isel(valid_time=-1).values
    assert all(np.isfinite(values).all() for values in inputs.values())
    inside = inputs["mask"][0, 0, 32:-32, 32:-32] > 0
    assert np.array_equal(inside, seen)
    assert 0.05 < (~seen).mean() < 0.95
    assert not inputs["frames"][0, 9, 32:-32, 32:-32][~seen].any()
    nowcast = nowcast_of(made)
    assert nowcast.attrs["model"] == "dual"
    assert np.isnan(nowcast["reflectivity"].values[:, ~seen]).all()
    assert np.isnan(nowcast["zdr"].values[:, ~seen]).all()


def test_a_dry_hour_is_complete_and_its_nowcast_by_the_model_is_finite(modelled: House, dual: Card) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual"))
    for time in TIMES:
        for path in modelled.granules(time):
            dry(path)
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    nowcast = nowcast_of(made)
    known = nowcast["observed"].values
    assert nowcast.attrs["model"] == "dual"
    assert known.any()
    assert np.isfinite(nowcast["reflectivity"].values[known]).all()
    assert np.isfinite(nowcast["rain_sum"].values[known[:10].all(axis=0)]).all()


def test_a_served_model_with_its_channels_in_another_order_is_refused_by_what_it_says_of_itself(modelled: House, dual: Card, triton_server: Triton) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual"))
    config, graph = triton_server.served / "dual" / "config.pbtxt", triton_server.served / "dual" / "1" / "model.onnx"
    right = config.read_text(), graph.read_bytes()
    turned = onnx.load_from_string(right[1])
    for told in turned.metadata_props:
        told.value = told.value.replace("observed-zh observed-zdr", "observed-zdr observed-zh")
    config.write_text(right[0].replace("observed-zh observed-zdr", "observed-zdr observed-zh"))
    graph.write_bytes(turned.SerializeToString())
    try:
        reload_model(triton_server.url, "dual")
        made = cycle.fn("small", FIRST)
    finally:
        config.write_text(right[0])
        graph.write_bytes(right[1])
        reload_model(triton_server.url, "dual")
    assert [(reason.product, reason.code) for reason in made.degraded] == [("nowcast", "model_unavailable"), ("probability", "model_unavailable")]
    sentence = "The served dual has the channels observed-zdr observed-zh observed-kdp in mask, declared are observed-zh observed-zdr observed-kdp."
    assert made.degraded[0].detail == f"Extrapolation stands in for dual. {sentence}"
    assert made.degraded[1].detail == f"A STEPS ensemble stands in for the probabilities of dual. {sentence}"
    assert nowcast_of(made).attrs["model"] == "extrapolation"


def probability_of(made: Outcome) -> xr.Dataset:
    return xr.open_zarr(made.url, group="probability", consolidated=False).load()


def test_a_model_that_tells_probabilities_makes_them_and_an_ensemble_stands_in_and_says_so(
    modelled: House, dual: Card, triton_server: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = WITH_MODEL.replace("model: moving", "model: dual")
    (modelled.domains / "small.yaml").write_text(told)
    monkeypatch.delenv("TRITON_URL")
    plain = cycle.fn("small", FIRST)
    assert [(reason.product, reason.code) for reason in plain.degraded] == [("nowcast", "model_unavailable"), ("probability", "model_unavailable")]
    assert plain.degraded[1].detail == "A STEPS ensemble stands in for the probabilities of dual. TRITON_URL is not set: no model is served."
    assert {one["fallback"] for one in manifest_of(plain)["decisions"]} == {"extrapolation", "steps"}
    assert (probability_of(plain).attrs["model"], probability_of(plain).attrs["members"]) == ("steps", 4)
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    made = cycle.fn("small", FIRST, revise=True)
    assert (made.state, made.version, made.degraded) == ("complete", 2, ())
    chances, nowcast = probability_of(made), nowcast_of(made)
    assert (chances.attrs["model"], chances.attrs["model_version"], "members" in chances.attrs) == ("dual", dual.version, False)
    assert {"product": "probability", "name": "dual", "version": dual.version} in manifest_of(made)["models"]
    assert chances["threshold"].values.tolist() == [20.0, 30.0, 40.0]
    known = chances["observed"].values
    assert np.array_equal(known, nowcast["observed"].values)
    values = chances["exceedance"].values
    assert np.array_equal(~np.isnan(values), np.broadcast_to(known, values.shape))
    assert (np.diff(values, axis=0)[:, known] <= 1e-6).all()
    strong = nowcast["reflectivity"].values >= 35.0
    assert strong.any()
    assert values[1][strong].mean() > 0.5 > values[1][known & (nowcast["reflectivity"].values < 20.0)].max()  # an untrained head follows the nowcast
    (modelled.domains / "small.yaml").write_text(told.replace("members: 4", "members: 4, thresholds_dbz: [20.0, 45.0]"))
    other = cycle.fn("small", FIRST, revise=True)
    assert (other.state, probability_of(other).attrs["model"]) == ("complete", "steps")  # 45 dBZ is not told: no fault of the server


def test_a_domain_of_another_step_has_its_frames_brought_to_the_models(modelled: House, dual: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual").replace("step_minutes: 6", "step_minutes: 10"))
    sent = recorded(monkeypatch)
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    assert sent[0]["frames"].shape[1] == 30
    nowcast, chances = nowcast_of(made), probability_of(made)
    assert (nowcast.attrs["model"], chances.attrs["model"]) == ("dual", "dual")
    assert [int(lead) for lead in nowcast["lead_time"].values / np.timedelta64(1, "m")] == [10, 20, 30, 40, 50, 60]
    assert 0.0 <= np.nanmin(chances["exceedance"]) <= np.nanmax(chances["exceedance"]) <= 1.0


def test_a_model_for_another_pixel_is_refused_before_anything_is_released(modelled: House) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("shape: [96, 96], resolution_m: 2000", "shape: [192, 192], resolution_m: 1000"))
    with pytest.raises(ValueError, match=r"pixels of 1000 m; its nowcast.model moving is made for 6 min \(at most 12 can be brought to that\) and 2000 m"):
        cycle.fn("small", FIRST)
    assert not (modelled.home / "releases").exists()


def test_baselines_are_asked_by_the_verification_and_scored_beside_the_nowcast(
    modelled: House, moving: Card, dual: Card, triton_server: Triton, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (modelled.domains / "small.yaml").write_text(WITH_MODEL.replace("model: moving", "model: dual, baselines: [moving, unheard_of]"))
    for hour in (FIRST, SECOND):
        assert cycle.fn("small", hour).state == "complete"
    verified = verify.fn("small")
    record = read_scores(Path(verified[0].path))
    assert {"nowcast", "moving", "extrapolation", "persistence", "sprog"} == set(from_json(record["sums"])["method"].values)
    known, unknown = (model for model in record["models"] if model["product"] == "baseline")
    assert known == {"product": "baseline", "name": "moving", "version": moving.version, "reason": ""}
    assert (unknown["name"], unknown["version"]) == ("unheard_of", None)
    assert unknown["reason"].startswith("There is no model 'unheard_of'")
    (modelled.domains / "small.yaml").write_text(WITH_MODEL)
    told = from_json(record["sums"])["sum_f"]
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/buckets").symlink_to(modelled.home / "buckets")
    for hour in (FIRST, SECOND):
        cycle.fn("small", hour)
    released = from_json(read_scores(Path(verify.fn("small")[0].path))["sums"])["sum_f"]
    np.testing.assert_allclose(told.sel({"method": "moving"}).values, released.sel({"method": "nowcast"}).values, rtol=1e-5)


def test_a_baseline_that_is_not_served_or_has_seen_the_event_is_left_out_with_its_reason(
    modelled: House, triton_server: Triton, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (modelled.domains / "small.yaml").write_text(SMALL.replace("members: 4", "members: 4, baselines: [moving]"))
    monkeypatch.delenv("TRITON_URL")
    for hour in (FIRST, SECOND):
        assert cycle.fn("small", hour).state == "complete"
    verified = verify.fn("small")
    record = read_scores(Path(verified[0].path))
    assert "moving" not in from_json(record["sums"])["method"].values
    assert record["models"][-1] == {"product": "baseline", "name": "moving", "version": None, "reason": "TRITON_URL is not set: no model is served."}
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    monkeypatch.setenv("STORMCYCLE_MODELS", str(tmp_path / "models"))
    moving_model.make_moving(tmp_path / "models", tmp_path / "served", trained_on=("simli_pvol_20260701",))
    Path(verified[0].path).unlink()
    again = read_scores(Path(verify.fn("small")[0].path))
    assert (again["in_sample"], again["models"][-1]["reason"]) == (False, "moving was made with this event: its score would be in sample.")


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
