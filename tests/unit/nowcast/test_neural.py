import numpy as np
import pytest

from stormcycle.nowcast.extrapolation import extrapolation, motion
from stormcycle.nowcast.lagrangian import displacements, moving_frames, moving_sprog
from stormcycle.nowcast.neural import Finish, Pool, neural_exceedance, neural_forecast
from stormcycle.nowcast.probability import neighbourhood


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
    made = neural_forecast({"zh": frames}, motion(frames[-3:]), 10, mask, nothing)["zh"]
    known = ~np.isnan(made)
    np.testing.assert_array_equal(made[known], extrapolation(frames, range(1, 11))[known])
    assert not known[:, ~mask].any()
    assert known[0, :55].mean() > 0.9


def test_a_network_is_asked_with_finite_fields_of_a_size_it_takes_and_its_mask(frames: np.ndarray) -> None:
    asked = {}

    def look(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
        asked.update(moving=moving, mask=mask)
        return np.zeros_like(moving)

    neural_forecast({"zh": frames}, motion(frames[-3:]), 10, ~np.isnan(frames[-1]), look)
    assert (asked["moving"].shape, asked["mask"].shape) == ((1, 10, 160, 192), (1, 1, 160, 192))
    assert (asked["moving"].dtype, asked["mask"].dtype) == ("float32", "float32")
    assert np.isfinite(asked["moving"]).all()
    assert set(np.unique(asked["mask"])) == {0.0, 1.0}
    np.testing.assert_array_equal(asked["mask"][0, 0, 32:102, 32:132], ~np.isnan(frames[-1]))


def test_fewer_leads_are_the_first_of_more(frames: np.ndarray) -> None:
    mask = ~np.isnan(frames[-1])

    def ramp(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.arange(1.0, 11.0, dtype="float32")[None, :, None, None] * np.ones_like(moving)

    whole = neural_forecast({"zh": frames}, motion(frames[-3:]), 10, mask, ramp)["zh"]
    np.testing.assert_array_equal(neural_forecast({"zh": frames}, motion(frames[-3:]), 4, mask, ramp)["zh"], whole[:4])


def test_reflectivity_is_asked_alone_moments_together_and_what_is_not_there_is_masked(frames: np.ndarray) -> None:
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def look(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
        asked.append((moving, mask))
        change = np.repeat(np.array([1.0, 0.2, 0.1], "float32"), 10)
        return np.broadcast_to(change[None, :, None, None], (1, 30, *moving.shape[2:]))

    mask, velocity, words = ~np.isnan(frames[-1]), motion(frames[-3:]), ("zh", "zdr", "kdp")
    zdr = np.where(frames > 0, 0.02 * frames, np.nan)
    made = neural_forecast({"zh": frames, "zdr": zdr}, velocity, 10, mask, look, words)
    assert list(made) == ["zh", "zdr"]
    assert [mask.max(axis=(0, 2, 3)).tolist() for _, mask in asked] == [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    assert [int(np.flatnonzero(moving.any(axis=(0, 2, 3)))[-1]) for moving, _ in asked] == [9, 19]
    assert np.nanmax(made["zdr"][0]) == pytest.approx(0.2 + 0.02 * (np.nanmax(made["zh"][0]) - 1.0), abs=1e-4)
    alone = neural_forecast({"zh": frames}, velocity, 10, mask, look, words)
    assert list(alone) == ["zh"]
    assert len(asked) == 3
    np.testing.assert_array_equal(alone["zh"], made["zh"])


def test_the_share_of_sprog_is_by_lead(frames: np.ndarray) -> None:
    mask, velocity = ~np.isnan(frames[-1]), motion(frames[-3:])
    alone = neural_forecast({"zh": frames}, velocity, 10, mask, nothing)["zh"]
    shared = neural_forecast({"zh": frames}, velocity, 10, mask, nothing, finish=Finish([0.0, 1.0] + [0.5] * 8))["zh"]
    paths = displacements(velocity, 10)
    sprog = np.maximum(moving_sprog(moving_frames(np.where(mask, np.maximum(np.nan_to_num(frames), 0), 0.0), paths), paths, mask), 0.0)
    np.testing.assert_array_equal(shared[0], alone[0])
    np.testing.assert_allclose(shared[1], sprog[1], atol=1e-5)
    np.testing.assert_allclose(shared[5], (sprog[5] + alone[5]) / 2, atol=1e-5)


def test_an_offset_is_added_to_echoes_by_lead_and_not_to_what_is_rolled_from_them(frames: np.ndarray) -> None:
    mask, velocity = ~np.isnan(frames[-1]), motion(frames[-3:])
    alone = neural_forecast({"zh": frames}, velocity, 14, mask, nothing)["zh"]
    more = neural_forecast({"zh": frames}, velocity, 14, mask, nothing, finish=Finish((), [0.0, 2.0] + [1.0] * 8))["zh"]
    np.testing.assert_array_equal(more[0], alone[0])
    np.testing.assert_allclose((more - alone)[1][alone[1] >= 15.0], 2.0)
    np.testing.assert_array_equal((more - alone)[:10][alone[:10] <= 10.0], 0.0)
    between = (alone > 10.0) & (alone < 15.0)
    np.testing.assert_allclose((more - alone)[1][between[1]], 2.0 * (alone[1][between[1]] - 10.0) / 5.0)
    strong = alone[12] > 20.0
    assert 0.5 < (more - alone)[12][strong].mean() < 1.5  # the frames that it is rolled from had it


def test_other_than_ten_frames_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="takes 10 frames of each variable; here are 6 of zh"):
        neural_forecast({"zh": frames[-6:]}, motion(frames[-3:]), 10, ~np.isnan(frames[-1]), nothing)


def test_a_nowcast_is_rolled_from_its_own_leads_as_far_as_it_is_known(frames: np.ndarray) -> None:
    mask, velocity = ~np.isnan(frames[-1]), motion(frames[-3:])
    made = neural_forecast({"zh": frames}, velocity, 14, mask, nothing)["zh"]
    assert made.shape[0] == 14
    np.testing.assert_array_equal(made[:10], neural_forecast({"zh": frames}, velocity, 10, mask, nothing)["zh"])
    known = ~np.isnan(made)
    assert (known[:-1] | ~known[1:]).mean() > 0.99  # what is unknown stays so, but for what moves on
    whole = extrapolation(frames, range(1, 15))
    inside = known[13] & ~np.isnan(whole[13])
    assert inside.mean() > 0.5
    assert np.abs(made[13] - np.maximum(whole[13], 0))[inside].mean() < 0.1


def surer(moving: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Of 20 and 30 dBZ a probability that grows with the lead where there is such an echo now."""
    reached = np.stack([moving[0, 9] >= threshold for threshold in (20.0, 30.0)])
    return (reached[:, None] * np.linspace(0.1, 1.0, 10)[:, None, None]).reshape(1, 20, *moving.shape[2:]).astype("float32")


def test_probabilities_move_with_the_echoes_and_are_unknown_where_the_nowcast_is(frames: np.ndarray) -> None:
    mask, velocity = ~np.isnan(frames[-1]), motion(frames[-3:])
    made = neural_exceedance({"zh": frames}, velocity, 10, mask, surer, ("zh",), (20.0, 30.0), (30.0, 20.0))
    assert made.shape == (2, 10, 70, 100)
    known = ~np.isnan(made)
    np.testing.assert_array_equal(known, np.broadcast_to(~np.isnan(neural_forecast({"zh": frames}, velocity, 10, mask, nothing)["zh"]), known.shape))
    assert (made[0][known[0]] <= made[1][known[1]]).all()  # 30 dBZ was asked for first
    assert np.nanmax(made[1], axis=(1, 2)) == pytest.approx(np.linspace(0.1, 1.0, 10))
    carried = extrapolation(frames, range(1, 11))[6]
    both = known[1, 6] & ~np.isnan(carried)
    agree = (made[1, 6] > 0.35) == (carried >= 20.0)
    assert agree[both].mean() > 0.99


def test_probabilities_are_pooled_with_the_neighbourhood_by_lead(frames: np.ndarray) -> None:
    mask, velocity = ~np.isnan(frames[-1]), motion(frames[-3:])
    asked = ({"zh": frames}, velocity, 10, mask, surer, ("zh",), (20.0, 30.0), (20.0,))
    alone, shared = (neural_exceedance(*asked, Pool(share, 4.0))[0] for share in ((), [0.0, 1.0] + [0.5] * 8))
    near = neighbourhood(np.where(mask, np.maximum(np.nan_to_num(frames[-1]), 0.0), np.nan), velocity, 10, (20.0,), 4.0)[0]
    known = ~np.isnan(alone)
    np.testing.assert_array_equal(~np.isnan(shared), known)
    np.testing.assert_array_equal(shared[0], alone[0])
    both = known & ~np.isnan(near)
    assert both[:, 10:50, 30:80].all()
    np.testing.assert_allclose(shared[1][both[1]], near[1][both[1]], atol=1e-6)
    np.testing.assert_allclose(shared[6][both[6]], (0.5 * near + 0.5 * alone)[6][both[6]], atol=1e-6)


@pytest.mark.parametrize(
    ("count", "leads", "threshold", "sentence"),
    [
        (10, 12, 20.0, "tells probabilities 10 steps ahead, not 12"),
        (10, 10, 45.0, "tells the probabilities of 20, 30 dBZ, not of 45"),
        (6, 10, 20.0, "takes 10 frames of each variable; here are 6 of zh"),
    ],
)
def test_probabilities_that_a_network_cannot_tell_are_refused(frames: np.ndarray, count: int, leads: int, threshold: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        neural_exceedance({"zh": frames[-count:]}, motion(frames[-3:]), leads, ~np.isnan(frames[-1]), surer, ("zh",), (20.0, 30.0), (threshold,))
