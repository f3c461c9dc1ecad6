import numpy as np
from unit.training.test_recipe import GOOD

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
