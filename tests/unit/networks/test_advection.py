import numpy as np
import torch
from scipy import ndimage

from stormcycle.networks.advection import carried_along, forecast, moving_frames
from stormcycle.nowcast import lagrangian

SHAPE = (40, 56)


def some(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return rng.uniform(0, 50, SHAPE), rng.normal(0, 8, (3, *SHAPE)), rng.normal(0, 6, (3, 2, *SHAPE)), rng.random(SHAPE) > 0.3


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values[None], dtype=torch.float32)


def test_torch_carries_as_numpy_does_inside_and_beyond_the_edge(rng: np.random.Generator) -> None:
    field, _, paths, _ = some(rng)
    at_edge = carried_along(tensor(field[None]), tensor(paths[0]), edge=True)[0, 0].numpy()
    wanted = ndimage.map_coordinates(field, np.indices(SHAPE) + paths[0][::-1], order=1, mode="nearest")
    np.testing.assert_allclose(at_edge, wanted, atol=2e-3)
    rows, columns = np.indices(SHAPE) + paths[0][::-1]
    inside = (rows > 0) & (rows < SHAPE[0] - 1) & (columns > 0) & (columns < SHAPE[1] - 1)  # at the border SciPy cuts and torch fades
    without = carried_along(tensor(field[None]), tensor(paths[0]))[0, 0].numpy()
    np.testing.assert_allclose(without[inside], lagrangian.carried_along(field, paths[0])[inside], atol=2e-3)


def test_what_is_trained_is_what_is_released(rng: np.random.Generator) -> None:
    newest, change, paths, mask = some(rng)
    paths = np.broadcast_to(np.round(paths.mean(axis=(2, 3), keepdims=True)), paths.shape)
    both = forecast(tensor(np.stack([newest, newest[::-1]])), tensor(np.stack([change, 2 * change])), tensor(paths), tensor(mask))[0].numpy()
    trained, released = both[0], lagrangian.forecast(newest, change, paths, mask)
    other = lagrangian.forecast(newest[::-1], 2 * change, paths, mask)
    np.testing.assert_allclose(both[1][~np.isnan(other)], other[~np.isnan(other)], atol=2e-3)
    known = ~np.isnan(released)
    assert known[:, 5:-5, 5:-5][:, mask[5:-5, 5:-5]].mean() > 0.6
    np.testing.assert_allclose(trained[known], released[known], atol=2e-3)
    assert (trained[:, ~mask] == 0).all()


def test_frames_are_carried_to_the_newest_as_a_cycle_does_it(rng: np.random.Generator) -> None:
    frames = rng.uniform(0, 50, (2, 4, *SHAPE))  # two variables, four times
    paths = np.broadcast_to(np.round(rng.normal(0, 4, (3, 2, 1, 1))), (3, 2, *SHAPE))
    carried = moving_frames(tensor(frames), tensor(paths))[0].numpy()
    for variable in range(2):
        np.testing.assert_allclose(carried[variable][:, 1:-1, 1:-1], lagrangian.moving_frames(frames[variable], paths)[:, 1:-1, 1:-1], atol=2e-3)


def test_a_loss_on_the_forecast_reaches_the_change() -> None:
    change = torch.zeros(1, 1, 2, *SHAPE, requires_grad=True)
    paths = torch.zeros(1, 2, 2, *SHAPE)
    forecast(torch.ones(1, 1, *SHAPE), change, paths, torch.ones(1, *SHAPE)).sum().backward()
    assert change.grad is not None
    assert torch.allclose(change.grad, torch.ones_like(change))
