"""The picture is a PNG of the size asked for, from sums and from a result, with gaps and odd panel counts."""

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from stormcycle.verification.chances import chance_sums, chances_result
from stormcycle.verification.evaluation import evaluate_sequence
from stormcycle.verification.pictures import draw_reliability, draw_score_curves
from stormcycle.verification.references import persistence_forecast
from stormcycle.verification.scores import scores_of
from stormcycle.verification.sums import merge, of_method, pair_sums


def sums(thresholds, leads=(6, 12)):
    rng = np.random.default_rng(0)
    forecast, truth = rng.uniform(0, 35, (2, len(leads), 8, 8))
    return pair_sums(forecast, truth, np.ones(truth.shape, bool), thresholds, (1,), leads=leads)


@pytest.mark.parametrize(("thresholds", "leads"), [((20.0,), (6,)), ((20.0, 30.0, 40.0), (6, 12))])
def test_draws_scores_with_any_number_of_panels(tmp_path, thresholds, leads):
    merged = merge([of_method(sums(thresholds, leads), name) for name in ("persistence", "nowcast")])
    draw_score_curves(scores_of(merged), tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(2**20)) > 50  # lines and text, not an empty page


def test_draws_the_result_of_an_evaluation(tmp_path):
    values = np.random.default_rng(0).uniform(0, 38, (20, 6, 6))
    sequence = xr.Dataset({"reflectivity": (("time", "y", "x"), values)}, attrs={"step_minutes": 6.0})
    draw_score_curves(evaluate_sequence(sequence, {"persistence": persistence_forecast}), tmp_path / "curves.png", 6.0)
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_draws_reliability_of_probabilities_that_were_said_and_not_of_nothing(tmp_path):
    values = np.random.default_rng(0).uniform(0, 38, (20, 6, 6))
    sequence = xr.Dataset({"reflectivity": (("time", "y", "x"), values)}, attrs={"step_minutes": 6.0})
    result = chances_result(chance_sums(sequence, {"half": lambda frames, leads, thresholds: np.full((len(thresholds), leads, 6, 6), 0.5)}))
    draw_reliability(result, tmp_path / "reliability.png")
    with Image.open(tmp_path / "reliability.png") as picture:
        assert len(picture.convert("RGB").getcolors(2**20)) > 50
    with pytest.raises(ValueError, match="no probabilities to draw"):
        draw_reliability({"windows": 0, "methods": {}}, tmp_path / "reliability.png")


def test_scores_without_methods_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no scores by method"):
        draw_score_curves(scores_of(sums((20.0,))), tmp_path / "curves.png")
