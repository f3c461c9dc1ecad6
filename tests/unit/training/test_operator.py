"""How the radar operator learns: turning an hour is physical, what is drawn depends on its seed, a run is resumed, the card tells what it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from stormcycle.background import CHANNELS
from stormcycle.export.graph import float_graph, prove
from stormcycle.export.weights import load_network
from stormcycle.networks import build
from stormcycle.serving.canary import canary_answer, canary_question
from stormcycle.serving.cards import read_card
from stormcycle.serving.contract import declared_contract
from stormcycle.training.loop import fit
from stormcycle.training.operator import Hours, answered, draw_hours, gathered, judged, operator_loss, scored, standardised, turned_state
from stormcycle.training.operator_recipe import OperatorRecipe, Released, Simulated, read_operator_recipe
from stormcycle.training.recipe import RecipeError, Schedule

ROWS = 33
CPU = torch.device("cpu")


def hours(count: int = 4) -> Hours:
    """Hours of an operator that can be learned: it rains where the air is moist."""
    random = np.random.default_rng(5)
    coarse = random.normal(size=(count, 19, 5, 5)).repeat(7, axis=2).repeat(7, axis=3)[..., :ROWS, :ROWS].astype("float32")
    observed = np.where(coarse[:, 12:13] > 0, 25.0 + 5.0 * coarse[:, 12:13], 0.0).astype("float32")
    observed[..., :4] = np.nan
    return Hours(coarse * 3.0 + 10.0, observed, np.full((ROWS, ROWS), 40.0, "float32"), [f"hour {number}" for number in range(count)])


def linear_state(matrix: np.ndarray) -> np.ndarray:
    """A state whose winds at all levels are a matrix times the place (x east, y north; row 0 is north)."""
    x, y = np.meshgrid(np.arange(ROWS) - ROWS // 2, ROWS // 2 - np.arange(ROWS))
    u, v = np.einsum("ij,jyx->iyx", matrix, np.stack([x, y]).astype("float64"))
    made = np.zeros((19, ROWS, ROWS), "float32")
    made[4:8], made[8:12] = u, v
    return made


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_winds_turn_as_vectors_do(quarters):
    matrix = np.array([[0.3, -1.0], [0.7, 0.2]])
    angle = quarters * np.pi / 2
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = linear_state(rotation @ matrix @ rotation.T)
    np.testing.assert_allclose(turned_state(linear_state(matrix), quarters), expected, atol=1e-4)


def test_divergence_turns_as_a_scalar_and_the_papers_winds_do_not():
    random = np.random.default_rng(1)
    state = random.normal(size=(19, ROWS, ROWS)).astype("float32")

    def divergence(of: np.ndarray) -> np.ndarray:
        return np.gradient(of[4], axis=1) - np.gradient(of[8], axis=0)  # y falls with the rows

    np.testing.assert_allclose(divergence(turned_state(state, 1)), np.rot90(divergence(state)), atol=1e-5)
    scalar = turned_state(state, 1, winds=False)
    np.testing.assert_array_equal(scalar, np.rot90(state, 1, (-2, -1)))


def test_a_batch_depends_on_its_seed_alone_and_dry_hours_are_not_turned():
    data = hours()
    first, again = (draw_hours(data, 8, True, CPU, np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
    dry = Hours(data.state, np.zeros_like(data.observed), data.distance_km, data.origins)
    state, _, _ = draw_hours(dry, 8, True, CPU, np.random.default_rng(3))
    plain = {one.tobytes() for one in data.state}
    assert all(one.numpy().tobytes() in plain for one in state)


def test_it_learns_and_goes_on_where_it_was(tmp_path: Path):
    data = hours()

    def run(folder: Path, seconds: float):
        torch.manual_seed(0)
        network = build("radar_operator")
        standardised(network, data)
        schedule = Schedule(steps=12, batch=4, learning_rate=0.003, warm_up=1, judge_every=4, patience=9, weight_decay=0.0)
        draw = lambda generator: draw_hours(data, 4, True, CPU, generator)  # noqa: E731
        return network, fit(network, draw, operator_loss, lambda one: judged(one, data, CPU), schedule, folder, seconds)

    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    network, progress = run(tmp_path / "whole", float("inf"))
    assert progress.best > progress.history[0]["score"] + 0.01
    run(tmp_path / "parts", 0.0)
    resumed, _ = run(tmp_path / "parts", float("inf"))
    for one, other in zip(network.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)
    assert answered(network.eval(), data.state).shape == (4, ROWS, ROWS)
    assert float(scored(network, data).rmse) > 0


def test_the_state_is_standardised_by_what_is_learned_from():
    network, data = build("radar_operator"), hours()
    standardised(network, data)
    np.testing.assert_allclose(network.mean.numpy(), data.state.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(network.deviation.numpy(), data.state.std((0, 2, 3)), rtol=1e-5)


def whole_hour() -> xr.Dataset:
    fields = {"state": (("channel", "y", "x"), np.ones((19, 4, 4), "float32")), "hourly_sum": (("y", "x"), np.zeros((4, 4), "float32"))}
    return xr.Dataset(fields | {"radar_distance_km": (("y", "x"), np.ones((4, 4)))}, {"channel": list(CHANNELS)}, {"origin": "an hour of mine"})


def test_an_hour_whose_state_is_not_whole_is_named_and_none_at_all_is_refused():
    bad = whole_hour()
    bad["state"][3, 1, 1] = np.nan
    with pytest.raises(ValueError, match="an hour of mine is not whole"):
        gathered([whole_hour(), bad])
    with pytest.raises(ValueError, match="no hour to learn from"):
        gathered([])


def test_a_recipe_that_uses_a_world_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = read_operator_recipe("radar_operator")
    (tmp_path / "radar_operator").mkdir()
    monkeypatch.setenv("STORMCYCLE_MODELS", str(tmp_path))
    told = recipe.model_copy(update={"choosing": recipe.hours})
    (tmp_path / "radar_operator" / "recipe.yaml").write_text(told.model_dump_json())
    with pytest.raises(RecipeError, match=r"one source for two purposes: slovenia-sim world 101, .*split by world"):
        read_operator_recipe("radar_operator")


def test_sources_are_known_by_their_worlds_or_hours():
    worlds = Simulated(domain="a", first_seed=7, worlds=2, first="2026-07-01T00:00Z", number=1, every_hours=1)
    assert worlds.known_as == ["a world 7", "a world 8"]
    released = Released(root="/somewhere", domain="a", first="2026-07-01T00:00Z", last="2026-07-02T00:00Z")
    assert released.known_as == ["a 2026-07-01T00:00:00Z to 2026-07-02T00:00:00Z"]
    assert isinstance(read_operator_recipe("radar_operator"), OperatorRecipe)


def test_the_shipped_card_agrees_with_weights_and_recipe(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STORMCYCLE_MODELS", raising=False)
    card, contract, recipe = read_card("radar_operator"), declared_contract("radar_operator"), read_operator_recipe("radar_operator")
    network = load_network(card)
    with torch.no_grad():
        told = {"reflectivity": network(torch.from_numpy(canary_question(contract)["state"])).numpy()}
    np.testing.assert_allclose(canary_answer(told), card.canary, rtol=1e-4)
    assert card.channels["state"] == list(CHANNELS)
    assert (card.trained_on, card.chosen_on, card.resolution_m) == (recipe.hours.known_as, recipe.choosing.known_as, recipe.resolution_m)
    assert card.error_dbz is not None
    assert 4.0 < card.error_dbz < 8.0
    prove(float_graph(network, contract, {}), network, contract)
