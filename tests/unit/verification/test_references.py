"""References on ordinary, short, dry, half-dry and unchanging scenes."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification.references import REFERENCES, reference_forecasts


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
