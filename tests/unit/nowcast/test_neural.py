import numpy as np
import pytest

from stormcycle.nowcast.extrapolation import extrapolation, motion
from stormcycle.nowcast.neural import neural_forecast


@pytest.fixture
def frames() -> np.ndarray:
    """Ten frames of two echoes that move and grow, 70 x 100, not observed in a corner."""
    rows, columns = np.indices((70, 100))
    made = np.stack([45.0 * np.exp(-((rows - 30 - t) ** 2 + (columns - 40 - 2 * t) ** 2) / 60.0) for t in range(10)])
    made[made < 1] = -32.0
    made[:, 60:, 90:] = np.nan
    return made


def nothing(frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.zeros_like(frames)


def test_a_network_that_sees_no_change_gives_the_extrapolation_where_the_radar_sees(frames: np.ndarray) -> None:
    mask = ~np.isnan(frames[-1])
    made = neural_forecast(frames, motion(frames[-3:]), 10, mask, nothing)
    known = ~np.isnan(made)
    np.testing.assert_array_equal(made[known], extrapolation(frames, range(1, 11))[known])
    assert not known[:, ~mask].any()
    assert known[0, :55].mean() > 0.9


def test_a_network_is_asked_with_finite_fields_of_a_size_it_takes_and_its_mask(frames: np.ndarray) -> None:
    asked = {}

    def look(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
        asked.update(moving=moving, mask=mask)
        return np.zeros_like(moving)

    neural_forecast(frames, motion(frames[-3:]), 10, ~np.isnan(frames[-1]), look)
    assert (asked["moving"].shape, asked["mask"].shape) == ((1, 10, 160, 192), (1, 1, 160, 192))
    assert (asked["moving"].dtype, asked["mask"].dtype) == ("float32", "float32")
    assert np.isfinite(asked["moving"]).all()
    assert set(np.unique(asked["mask"])) == {0.0, 1.0}
    np.testing.assert_array_equal(asked["mask"][0, 0, 32:102, 32:132], ~np.isnan(frames[-1]))


def test_fewer_leads_are_the_first_of_more(frames: np.ndarray) -> None:
    mask = ~np.isnan(frames[-1])

    def ramp(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.arange(1.0, 11.0, dtype="float32")[None, :, None, None] * np.ones_like(moving)

    whole = neural_forecast(frames, motion(frames[-3:]), 10, mask, ramp)
    np.testing.assert_array_equal(neural_forecast(frames, motion(frames[-3:]), 4, mask, ramp), whole[:4])
