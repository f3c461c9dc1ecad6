"""References on ordinary, short, dry, half-dry and unchanging scenes."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stormcycle.nowcast.lagrangian import seen_disc
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification import references
from stormcycle.verification.references import ENSEMBLE_REFERENCES, REFERENCES, SEEN_REFERENCES, reference_forecasts, steps_mean_forecast


def moving_scene(frames: int, shift: int = 2, size: int = 64) -> np.ndarray:
    """A textured field that moves `shift` pixels to the right each step."""
    field = gaussian_filter(np.random.default_rng(1).normal(size=(size, size)), 3)
    field = 30 + 10 * (field - field.mean()) / field.std()
    return np.stack([np.roll(field, shift * step, axis=1) for step in range(frames)])


def test_every_reference_and_its_shape():
    forecasts = reference_forecasts(moving_scene(10), 3)
    assert list(forecasts) == list(REFERENCES) == ["persistence", "extrapolation", "sprog"]
    assert {forecast.shape for forecast in forecasts.values()} == {(3, 64, 64)}


def test_persistence_stays_and_extrapolation_moves():
    scene = moving_scene(13)
    forecasts = reference_forecasts(scene[:10], 3)
    assert (forecasts["persistence"] == scene[9]).all()
    truth, inner = scene[12], (slice(16, 48), slice(16, 48))
    error = {name: np.nanmean(np.abs(forecast[2] - truth)[inner]) for name, forecast in forecasts.items()}
    assert error["extrapolation"] < 0.3 * error["persistence"]


def test_with_two_frames_there_is_no_sprog():
    assert list(reference_forecasts(moving_scene(2), 2)) == ["persistence", "extrapolation"]


def test_one_frame_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="at least two frames"):
        reference_forecasts(moving_scene(1), 2)


def scenes() -> dict[str, np.ndarray]:
    dry = np.full((10, 64, 64), NO_ECHO_DBZ)
    half_dry, last_dry, unchanging = moving_scene(10), moving_scene(10), dry.copy()
    half_dry[:, :, :32] = NO_ECHO_DBZ
    last_dry[-1] = NO_ECHO_DBZ
    unchanging[:, 10:14, 10:14] = 30.0
    missing, partly = np.full_like(dry, np.nan), moving_scene(10)
    partly[-2], partly[:, :20] = np.nan, np.nan
    return {
        "dry": dry,
        "half dry": half_dry,
        "newest dry": last_dry,
        "unchanging": unchanging,
        "constant": np.full_like(dry, 25.0),
        "not observed": missing,
        "partly observed": partly,
    }


@pytest.mark.parametrize("name", scenes())
def test_odd_scenes_do_not_raise(name):
    for method, forecast in reference_forecasts(scenes()[name], 2).items():
        assert forecast.shape == (2, 64, 64), method
        assert not np.isinf(forecast).any(), method


@pytest.mark.parametrize("name", ["dry", "unchanging", "not observed", "partly observed"])
def test_odd_scenes_do_not_keep_the_ensemble_from_a_mean(name):
    scene = scenes()[name]
    made = steps_mean_forecast({"zh": scene, "zdr": scene}, 2)
    assert set(made) == {"zh", "zdr"}
    assert not np.isinf(made["zh"]).any()


@pytest.mark.parametrize("name", [*REFERENCES, *SEEN_REFERENCES, *ENSEMBLE_REFERENCES])
def test_the_motion_of_reflectivity_carries_every_variable(name):
    """zdr is a mark that stands in the newest frame alone and has no motion of its own: it must go with the texture below it."""
    scene, mark = moving_scene(10), np.zeros((10, 64, 64))
    mark[-1, 28:36, 26:34] = 1.0
    method = {**REFERENCES, **SEEN_REFERENCES, **ENSEMBLE_REFERENCES}[name]
    made = method({"zh": scene, "zdr": mark}, 3)
    assert {word: values.shape for word, values in made.items()} == {"zh": (3, 64, 64), "zdr": (3, 64, 64)}
    where = 26 if name == "persistence" else 32
    assert np.nanmean(made["zdr"][2, 30:34, where + 2 : where + 6]) > 0.9
    assert np.nansum(made["zdr"][2]) == pytest.approx(64, rel=0.05)


def test_a_disc_method_says_nothing_of_any_variable_where_no_radar_sees():
    scene = np.where(np.hypot(*np.indices((64, 64)) - 31.5) < 20, moving_scene(10), 0.0)
    made = SEEN_REFERENCES["sprog_disc"]({"zh": scene, "kdp": scene}, 2)
    outside = ~seen_disc(scene)
    assert outside.any()
    for values in made.values():
        assert np.isnan(values[:, outside]).all()


def test_what_the_cascades_say_is_dry_is_0_dbz():
    """pySTEPS says 10 dBZ there, which would count as an error of 10 dB in MAE and RMSE."""
    scene = np.where(moving_scene(10) > 32, moving_scene(10), 0.0)
    for name in ("sprog", "steps_mean"):
        made = {**REFERENCES, **ENSEMBLE_REFERENCES}[name]({"zh": scene}, 2)["zh"]
        assert (made[~np.isnan(made)] == 0).mean() > 0.2, name
    sprog = REFERENCES["sprog"]({"zh": scene}, 2)["zh"]
    assert not ((sprog > 0) & (sprog < 15)).any()


def test_the_ensembles_mean_is_that_of_rain_rates_and_the_same_each_time(monkeypatch):
    told = []

    def two_members(*fields, **settings):
        told.append(settings["seed"])
        return np.stack([np.full((2, 64, 64), 40.0), np.full((2, 64, 64), 10.0)])  # 10 dBZ is STEPS's word for dry

    monkeypatch.setattr(references, "nowcast_method", lambda name: two_members)
    made = [steps_mean_forecast({"zh": moving_scene(10)}, 2)["zh"] for _ in range(2)]
    assert told[0] == told[1] is not None
    rain = (10 ** (40 / 10) / 200) ** (1 / 1.6) / 2  # Marshall and Palmer, half of the members dry
    np.testing.assert_allclose(made[0], 10 * np.log10(200 * rain**1.6))


def test_the_ensemble_moves_with_the_scene():
    scene = moving_scene(13)
    made = steps_mean_forecast({"zh": scene[:10]}, 3)["zh"][2]
    inner = (slice(16, 48), slice(16, 48))
    assert np.nanmean(np.abs(made - scene[12])[inner]) < np.mean(np.abs(scene[9] - scene[12])[inner])
