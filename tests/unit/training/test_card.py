import numpy as np
from unit.training.test_recipe import GOOD
from unit.training.test_run import HEAD

from stormcycle.datasets.windows import Windows
from stormcycle.training.card import card_body
from stormcycle.training.loop import Progress
from stormcycle.training.recipe import Recipe

EMPTY = np.zeros((3, 1))


def test_a_card_says_what_was_done_to_each_event_and_what_was_scored() -> None:
    recipe = Recipe.model_validate(GOOD)
    history = [{"step": 0, "loss": float("nan"), "score": 0.25}, {"step": 10, "loss": 1.0, "score": 0.5}]
    windows = tuple(
        [Windows(event, EMPTY, EMPTY, EMPTY, EMPTY, ("zh",), {"step": "5 min carried along the motion to 6 min", "conversion": "mm to dBZ"})]
        for event in (*recipe.events, *recipe.choosing)
    )
    scores = {"csi": {value: [0.5, None] for value in ("20", "30", "35", "40")}, "bias": {value: [1.5, 0.5] for value in ("20", "30", "35", "40")}}
    body = card_body("m", recipe, Progress(10, 0.5, 0, history, True), (windows[0], windows[1]), {"c.nc": {"windows": 5, "methods": {"m": {"zh": scores}}}})
    assert "| a | a.nc | 3 | 1 | whole square | conversion: mm to dBZ; step: 5 min carried along the motion to 6 min |" in body
    assert "0.2500 before the first step (that is extrapolation), 0.5000 at the best" in body
    assert "## Scored on c.nc: 5 windows, never learned from, never chosen on" in body
    assert "| m | 0.500, nan; 1.00 |" in body
    assert "probabilities" not in body


def test_a_card_says_how_a_head_was_learned_and_what_its_probabilities_are_worth() -> None:
    recipe = Recipe.model_validate({**GOOD, "exceedance": HEAD, "crossed": ["a"]})
    history = [{"step": 0, "loss": float("nan"), "score": -0.9}, {"step": 2, "loss": 0.8, "score": -0.75}]
    scores = {"csi": {value: [0.5] for value in ("20", "30", "35", "40")}, "bias": {value: [1.0] for value in ("20", "30", "35", "40")}}
    chances = {"brier": {value: [0.01, 0.02] for value in scores["csi"]}, "skill": {value: [0.5, None] for value in scores["csi"]}}
    shown = {"c.nc": {"windows": 5, "methods": {"m": {"zh": scores}}, "probabilities": {"methods": {"m": chances}}}}
    body = card_body("m", recipe, Progress(2, -0.75, 0, history, True), ([], []), shown, Progress(2, -0.75, 0, history, True))
    assert "2 of 2 steps, weights of step 2; logarithmic score there 0.9000 before, 0.7500 at the best" in body
    assert "fitted there and on a, each with a network trained without it" in body
    assert "| m | 0.0150, 0.0200; 0.50 |" in body
