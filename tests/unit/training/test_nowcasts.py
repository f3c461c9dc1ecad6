import numpy as np
import pytest
import torch
from torch import nn

from stormcycle.datasets.events import Event
from stormcycle.datasets.windows import Windows
from stormcycle.networks import build
from stormcycle.training.finishing import Unseen, fitted
from stormcycle.training.nowcasts import Batch, draw_batch, forecast_of, loss_of, score, turned, turned_back

CPU = torch.device("cpu")
ZH, ALL = ("zh",), ("zh", "zdr", "kdp")


def windows(weight: float = 1.0, variables: tuple[str, ...] = ZH, side: int = 64) -> Windows:
    """Three windows of one square echo that grows by 1 dB a step and moves 2 pixels to the right; zdr and kdp are a twentieth and a hundredth of it."""
    base = np.zeros((side, side))
    base[20:40, 20:32] = 34.5
    frames = np.stack([np.roll(base, -2 * age, axis=1) for age in range(9, -1, -1)])
    truth = np.stack([np.roll(np.where(base > 0, base + lead, 0), 2 * lead, axis=1) for lead in range(1, 11)])
    frames, truth = (np.stack([part * {"zh": 1.0, "zdr": 0.05, "kdp": 0.01}[word] for word in variables]) for part in (frames, truth))
    paths = np.zeros((10, 2, side, side))
    paths[:, 0] = -2 * np.arange(1, 11)[:, None, None]
    stacked = [np.repeat(part[None].astype("float16"), 3, 0) for part in (frames, truth, paths)]
    return Windows(Event(name="square", file="-", weight=weight), *stacked, np.ones((3, side, side), bool), variables)


class Grown(nn.Module):
    """Knows what the truth does: one decibel a lead."""

    frame = "moving"

    def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.arange(1.0, 11.0)[None, :, None, None] * (frames[:, 9:10] > 0)


def batch(turns: tuple[int, ...] = (0,), variables: tuple[str, ...] = ZH) -> Batch:
    made = windows(variables=variables)
    parts = [torch.as_tensor(np.stack([part[0].astype("float32")] * len(turns))) for part in (made.frames, made.truth, made.displacement, made.mask)]
    return Batch(*parts, variables, turns)


@pytest.mark.parametrize("turn", range(8))
def test_turning_is_undone_and_no_two_turns_are_alike(turn: int) -> None:
    field = torch.arange(12.0).reshape(1, 3, 4)
    assert torch.equal(turned_back(turned(field, turn), turn), field)
    square = torch.arange(9.0).reshape(1, 3, 3)
    assert sum(torch.equal(turned(square, turn), turned(square, other)) for other in range(8)) == 1


def test_an_untrained_network_is_the_extrapolation_however_it_is_turned() -> None:
    network = build("smaat_unet", width=16)
    made = forecast_of(network, batch(tuple(range(8))), ZH)
    assert made.shape == (8, 1, 10, 64, 64)
    for one in made:
        assert torch.equal(one, made[0])
    assert made[0, 0, 4, 30, 35].item() == pytest.approx(34.5)  # carried by 10 pixels from 25


def test_a_network_in_the_moving_frame_sees_echoes_standing_still_and_masks_of_what_is_not_there() -> None:
    seen: dict[str, torch.Tensor] = {}

    class Looking(Grown):
        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            seen.update(frames=frames, mask=mask)
            return torch.zeros(len(frames), 30, *frames.shape[2:])

    made = forecast_of(Looking(), batch(), ALL)
    assert made.shape == (1, 1, 10, 64, 64)
    torch.testing.assert_close(seen["frames"][:, 0], seen["frames"][:, 9], rtol=1e-3, atol=1e-2)
    assert not seen["frames"][:, 10:].any()
    assert seen["mask"].amax((2, 3)).tolist() == [[1.0, 0.0, 0.0]]
    forecast_of(Looking(), batch(variables=ALL), ALL)
    assert seen["mask"].amax((2, 3)).tolist() == [[1.0, 1.0, 1.0]]
    torch.testing.assert_close(seen["frames"][:, 10:20], 0.05 * seen["frames"][:, :10], rtol=1e-3, atol=1e-3)


def test_a_network_in_the_fixed_frame_sees_frames_as_they_are_and_says_the_forecast_itself() -> None:
    class Still(nn.Module):
        frame = "fixed"

        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return frames

    one = batch(variables=ALL)
    assert torch.equal(forecast_of(Still(), one, ALL), one.frames)


def test_who_knows_the_truth_has_the_best_loss_and_score() -> None:
    network = build("smaat_unet", width=16)
    assert loss_of(Grown(), batch(), ZH) < 0.4 * loss_of(network, batch(), ZH)
    assert score(Grown(), [windows()], ZH, CPU) == pytest.approx(1.0)
    # at 35 dBZ extrapolation of 34.5 dBZ misses all; at 20 and 30 it is perfect
    assert score(network, [windows()], ZH, CPU) == pytest.approx((0.5 + 1.0 + 0.5 * 0.0) / 2.0)


def test_moments_that_are_right_lower_the_loss_and_those_of_a_batch_without_them_count_nothing() -> None:
    class Knowing(Grown):
        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            grown = super().forward(frames, mask)
            return torch.cat([grown, 0.05 * grown, 0.01 * grown], 1)

    class Wrong(Knowing):
        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            right = super().forward(frames, mask)
            return torch.cat([right[:, :10], right[:, 10:] - 3.0], 1)

    whole = batch(variables=ALL)
    assert loss_of(Knowing(), whole, ALL) < loss_of(Wrong(), whole, ALL) - 0.1
    assert loss_of(Knowing(), batch(), ALL) == loss_of(Wrong(), batch(), ALL)


def test_of_reflectivity_nothing_is_learned_where_moments_are_shown_but_by_a_network_that_does_not_see_them() -> None:
    class Saying(Grown):
        def __init__(self, change: float) -> None:
            super().__init__()
            self.change = change

        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.full_like(frames[:, :10], self.change), torch.zeros_like(frames[:, 10:])], 1)

    whole = batch(variables=ALL)
    assert loss_of(Saying(0.0), whole, ALL) == loss_of(Saying(9.0), whole, ALL)
    for asked, variables in ((batch(), ALL), (whole, ZH)):
        assert loss_of(Saying(0.0), asked, variables) != loss_of(Saying(9.0), asked, variables)
    assert score(Saying(9.0), [windows(variables=ALL)], ALL, CPU) == score(Saying(9.0), [windows()], ALL, CPU)


def test_events_are_drawn_by_their_weight_and_the_same_step_draws_the_same() -> None:
    rare, common = windows(1.0), windows(3.0)
    rare.frames[:] = 0.0
    drawn = draw_batch([rare, common], 400, CPU, np.random.default_rng(3))
    share = float((drawn.frames.amax((1, 2, 3, 4)) > 0).float().mean())
    assert share == pytest.approx(0.75, abs=0.07)
    again = draw_batch([rare, common], 400, CPU, np.random.default_rng(3))
    assert torch.equal(drawn.frames, again.frames)
    assert drawn.turns == again.turns


def test_a_gain_changes_echoes_of_reflectivity_alone_and_leaves_dry_pixels_dry() -> None:
    drawn = draw_batch([windows()], 50, CPU, np.random.default_rng(4))
    assert (drawn.frames[:, 0, :, 0, 0] == 0).all()
    wet = drawn.frames[:, 0, -1, 30, 25]
    assert 31.5 <= wet.min() < 33.0 < 38.0 < wet.max() <= 39.5
    assert torch.allclose(drawn.truth[:, 0, 0, 30, 27], wet + 1)


def test_calibrated_moments_are_never_changed_and_a_batch_shows_them_or_reflectivity_alone() -> None:
    events = [windows(1.0), windows(3.0, ALL)]
    drawn = [draw_batch(events, 4, CPU, np.random.default_rng(seed)) for seed in range(40)]
    whole = [one for one in drawn if one.variables == ALL]
    assert 8 <= len(whole) <= 24
    assert {one.variables for one in drawn} == {ZH, ALL}
    for one in whole:
        assert one.frames.shape[:2] == (4, 3)
        assert one.frames[:, 0].amax() == 34.5


def test_a_network_that_knows_the_truth_leaves_sprog_no_share_and_one_that_is_lost_leaves_it_all() -> None:
    class Lost(Grown):
        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return -60.0 * torch.ones(len(frames), 10, *frames.shape[2:])

    alone = fitted([Unseen(Grown(), windows())], ZH)
    assert (alone.sprog_share, alone.offset_db) == ([0.0] * 10, [0.0] * 10)
    for unseen in ([Unseen(Lost(), windows())], [Unseen(Grown(), windows()), Unseen(Lost(), windows())]):  # each event with its own network
        assert min(fitted(unseen, ZH).sprog_share) == 1.0


def test_a_network_that_says_too_little_gets_what_it_lacks() -> None:
    """Two decibels below the truth, whose echo passes 35 dBZ at the first lead: without them every lead to the second is missed."""

    class Weak(Grown):
        def forward(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return super().forward(frames, mask) - 2.0 * (frames[:, 9:10] > 0)

    finish = fitted([Unseen(Weak(), windows())], ZH)
    assert finish.sprog_share == [0.0] * 10
    assert 1.5 <= finish.offset_db[0] <= 2.0
