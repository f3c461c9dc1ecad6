"""The weights in model_repository: they are their cards', hold in half precision, keep a dry field dry, and lose to nothing they must not lose to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from unit.export.test_half import DRIFT_OF_CSI, question

from stormcycle.datasets import read_sequence
from stormcycle.export.graph import answer, float_graph
from stormcycle.export.half import half_graph
from stormcycle.export.in_process import exceedance_forecaster, forecaster
from stormcycle.export.weights import load_network
from stormcycle.serving.canary import canary_answer, canary_question
from stormcycle.serving.cards import SHIPPED, nowcast_names, read_card
from stormcycle.serving.contract import declared_contract
from stormcycle.training.recipe import read_recipe
from stormcycle.verification import CHANCE_REFERENCES, REFERENCES, chance_sums, chances_result, evaluate_sequence

MODELS = sorted(path.parent.name for path in SHIPPED.glob("*/CARD.md") if "\n  frames:" in path.read_text())
"""Those that forecast from frames."""
DRIFTS = {"zh": 0.1, "zdr": 0.01, "kdp": 0.005}
"""dB, dB, degree km-1."""


@pytest.fixture(autouse=True)
def shipped_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORMCYCLE_MODELS", raising=False)


@pytest.mark.parametrize("model", MODELS)
def test_card_weights_configuration_and_recipe_agree(model: str) -> None:
    card, contract, recipe = read_card(model), declared_contract(model), read_recipe(model)
    network = load_network(card)
    asked = canary_question(contract)
    with torch.no_grad():
        told = network(*(torch.from_numpy(asked[tensor.name]) for tensor in contract.inputs))
    told = told if isinstance(told, tuple) else (told,)
    named = {tensor.name: one.numpy() for tensor, one in zip(contract.outputs, told, strict=True)}
    np.testing.assert_allclose(canary_answer(named), card.canary, atol=1e-3)
    head = recipe.exceedance
    assert card.architecture == (recipe.architecture if head is None else {**head.architecture, "thresholds": head.thresholds})
    assert card.thresholds == ([] if head is None else head.thresholds)
    assert (card.step_minutes, card.resolution_m) == (recipe.step_minutes, recipe.resolution_m)
    assert (card.trained_on, card.chosen_on) == ([event.name for event in recipe.events], [event.name for event in recipe.choosing])
    assert not any(card.saw(name) for name in recipe.shown)
    assert all(card.saw(event.source) for event in (*recipe.events, *recipe.choosing))


def storms_of(variables: list[str]) -> dict[str, np.ndarray]:
    """The storms of the other tests, for each variable in its own unit."""
    asked = question()
    shares = {"zh": 1.0, "zdr": 1 / 20, "kdp": 1 / 25}
    frames = np.concatenate([asked["frames"] * np.float32(shares[word]) for word in variables], 1)
    return {"frames": frames, "mask": asked["mask"].repeat(len(variables), 1)}


@pytest.mark.parametrize("model", MODELS)
def test_half_precision_changes_no_decision_of_the_shipped_weights(model: str) -> None:
    contract = declared_contract(model)
    graph = float_graph(load_network(read_card(model)), contract, {})
    asked = storms_of(read_card(model).variables)
    told = [answer(one, asked) for one in (graph, half_graph(graph, contract))]
    if read_card(model).thresholds:
        full, half = (one["exceedance"][0] for one in told)
        assert 0.0 <= half.min() <= half.max() <= 1.0
        assert np.abs(full - half).max() < 0.02
    full, half = (one["residual"][0] for one in told)
    for index, word in enumerate(read_card(model).variables):
        assert np.abs(full - half)[10 * index : 10 * index + 10].max() < DRIFTS[word]
    newest, full, half = asked["frames"][0, 9], full[:10], half[:10]
    for threshold in (20.0, 30.0, 35.0, 40.0):
        flipped = ((newest + full >= threshold) != (newest + half >= threshold)).mean()
        assert flipped <= DRIFT_OF_CSI


@pytest.mark.parametrize("model", MODELS)
def test_where_nothing_is_nothing_is_forecast(model: str) -> None:
    dry = {"zh": np.full((10, 256, 256), -32.0)}
    assert np.nanmax(forecaster(model)(dry, 10)["zh"]) < 7.0  # less than the least rain that is released
    chances = exceedance_forecaster(model)
    assert chances is None or np.nanmax(chances(dry, 10, (20.0, 30.0))) < 0.1


def test_the_shipped_nowcast_is_not_below_extrapolation_on_an_event_it_never_saw(samples: Path) -> None:
    sequence = read_sequence(samples / "radar/nju_cpol/nju_cpol_001_3.0km.nc")
    methods = {name: REFERENCES[name] for name in ("extrapolation", "sprog")} | {**{model: forecaster(model) for model in nowcast_names()}}
    told = evaluate_sequence(sequence, methods)["methods"]
    at_30 = {name: np.mean(scores["zh"]["csi"]["30"]) for name, scores in told.items()}
    assert at_30["smaat_unet"] >= at_30["extrapolation"]
    assert at_30["mrkan"] >= max(at_30["sprog"], 1.05 * at_30["extrapolation"])


def test_probabilities_of_the_shipped_nowcast_are_better_than_certainty_on_an_event_it_never_saw(samples: Path) -> None:
    sequence = read_sequence(samples / "radar/nju_cpol/nju_cpol_001_3.0km.nc").isel(time=slice(0, 21))
    told = exceedance_forecaster("mrkan")
    assert told is not None
    result = chances_result(chance_sums(sequence, {"extrapolation": CHANCE_REFERENCES["extrapolation"], "mrkan": told}))["methods"]
    for threshold in ("20", "30", "35"):
        assert np.mean(result["mrkan"]["brier"][threshold]) < 0.9 * np.mean(result["extrapolation"]["brier"][threshold])
