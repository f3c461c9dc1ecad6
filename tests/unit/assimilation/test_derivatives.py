"""Tangent and adjoint of every linear piece (dot products), Taylor tests of the cost, the closed form where all is linear."""

import numpy as np
import pytest
import torch
from assimilation_operators import linear, smooth
from scipy.ndimage import gaussian_filter

from stormcycle.assimilation.control import adjoint_increment, increment, root_of
from stormcycle.assimilation.cost import Observations, cost_of, dot
from stormcycle.assimilation.errors import DEVIATIONS
from stormcycle.assimilation.minimiser import minimise
from stormcycle.assimilation.operator import differentiable, floored, radar_operator, shipped_network
from stormcycle.networks import build

SHAPE = (12, 10)
DEVIATION = np.array([0.8, 1.6, 8.0])
CORRELATION = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def root(correlation=CORRELATION, length_km: float | None = 10.0):
    return root_of(DEVIATION, SHAPE, 4.4, length_km, correlation, torch.float64)


@pytest.mark.parametrize("correlation", [None, CORRELATION], ids=["alone", "correlated"])
@pytest.mark.parametrize("length_km", [None, 10.0], ids=["points", "filtered"])
def test_the_adjoint_of_the_root_is_its_transpose(correlation, length_km):
    made = root(correlation, length_km)
    control, change = noise(1, 3, *SHAPE), noise(2, 3, *SHAPE)
    left, right = dot(increment(made, control), change), dot(control, adjoint_increment(made, change))
    assert left == pytest.approx(right, rel=1e-12)


def test_the_root_times_its_transpose_is_the_covariance():
    made = root()
    points = 3 * SHAPE[0] * SHAPE[1]
    columns = torch.stack([increment(made, one.reshape(3, *SHAPE)).flatten() for one in torch.eye(points, dtype=torch.float64)], dim=1)
    assert made.along_y is not None and made.along_x is not None
    space = torch.kron(made.along_y @ made.along_y.T, made.along_x @ made.along_x.T)
    expected = torch.kron(torch.tensor(CORRELATION * np.outer(DEVIATION, DEVIATION)), space)
    torch.testing.assert_close(columns @ columns.T, expected, atol=1e-10, rtol=1e-10)


def test_a_noisy_correlation_becomes_one_that_has_a_root():
    noisy = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    made = root_of(DEVIATION, SHAPE, 4.4, None, noisy, torch.float64)
    assert made.levels is not None
    np.testing.assert_allclose(torch.diag(made.levels @ made.levels.T).numpy(), 1.0, atol=1e-12)


@pytest.mark.parametrize("operator", [smooth(), floored(smooth(), 5.0, torch.arange(120).reshape(SHAPE) % 2 == 0)], ids=["smooth", "floored"])
def test_tangent_and_adjoint_of_an_operator_are_transposes(operator):
    at = operator(noise(3, 3, *SHAPE))
    change, pull = noise(4, 3, *SHAPE), noise(5, *SHAPE)
    assert dot(at.tangent(change), pull) == pytest.approx(dot(change, at.adjoint(pull)), rel=1e-12)


def shipped(dtype: torch.dtype) -> tuple[torch.nn.Module, torch.Tensor]:
    """The shipped operator, and a smooth state like those that it learned from."""
    network = shipped_network().to(dtype)
    smooth_noise = torch.from_numpy(gaussian_filter(noise(6, 19, 33, 35).numpy(), (0, 3, 3)) * 8.0)
    return network, (network.mean[:, None, None] + network.deviation[:, None, None] * smooth_noise).to(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_tangent_and_adjoint_of_the_radar_operator_are_transposes(dtype, tolerance):
    network, state = shipped(dtype)
    change, pull = (noise(seed, *shape).to(dtype) for seed, shape in ((7, (19, 33, 35)), (8, (33, 35))))
    at = radar_operator(network)(state)
    made = at.tangent(change)
    scale = dot(made, made) ** 0.5 * dot(pull, pull) ** 0.5
    assert abs(dot(made, pull) - dot(change, at.adjoint(pull))) < tolerance * scale


def cost(operator, **more):
    observations = Observations(8.0 * noise(9, *SHAPE), torch.full(SHAPE, 2.0, dtype=torch.float64), noise(10, *SHAPE) > -1.0)
    return cost_of(noise(11, 3, *SHAPE), observations, root(), operator, **more)


@pytest.mark.parametrize("more", [{}, {"local": (noise(12, *SHAPE) > 0).double()}], ids=["everywhere", "local"])
def test_the_remainder_of_the_cost_falls_as_the_square_of_the_step(more):
    function = cost(smooth(), **more)
    at, direction = function(0.1 * noise(13, 3, *SHAPE)), noise(14, 3, *SHAPE)
    slope = dot(at.gradient, direction)
    steps = 10.0 ** -np.arange(1.0, 5.01)
    remainders = [abs(function(0.1 * noise(13, 3, *SHAPE) + step * direction).total - at.total - step * slope) for step in steps]
    slopes = np.diff(np.log10(remainders)) / np.diff(np.log10(steps))
    np.testing.assert_allclose(slopes, 2.0, atol=0.1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 5e-3)])
def test_the_gradient_through_the_radar_operator_is_that_of_the_cost(dtype, tolerance):
    network, state = shipped(dtype)
    made = root_of(DEVIATIONS, (33, 35), 4.4, 10.0, dtype=dtype)
    observations = Observations(20.0 + noise(9, 33, 35).to(dtype), torch.full((33, 35), 7.0, dtype=dtype), torch.ones(33, 35, dtype=torch.bool))
    function = cost_of(state, observations, made, radar_operator(network))
    at = function(torch.zeros(19, 33, 35, dtype=dtype))
    direction = -at.gradient / dot(at.gradient, at.gradient) ** 0.5
    slope = dot(at.gradient, direction)
    ratios = [(function(step * direction).total - at.total) / (step * slope) for step in 10.0 ** -np.arange(0.0, 9.0)]
    assert min(abs(ratio - 1.0) for ratio in ratios) < tolerance


def test_the_huber_norm_counts_a_gross_error_linearly():
    plain, tailed = cost(smooth()), cost(smooth(), tail=1e6)
    control = 0.1 * noise(13, 3, *SHAPE)
    assert plain(control).total == pytest.approx(tailed(control).total)
    short = cost(smooth(), tail=0.5)
    direction = noise(14, 3, *SHAPE)
    step = 1e-6
    slope = (short(control + step * direction).total - short(control - step * direction).total) / (2 * step)
    assert slope == pytest.approx(dot(short(control).gradient, direction), rel=1e-6)
    assert short(control).observations < plain(control).observations


def test_the_minimum_of_a_linear_problem_is_the_closed_form():
    shape, channels = (5, 4), 2
    deviation = np.array([1.0, 3.0])
    made = root_of(deviation, shape, 4.4, 8.0, None, torch.float64)
    points = channels * shape[0] * shape[1]
    matrix = noise(20, 20, points)
    background, seen = noise(21, channels, *shape), noise(22, *shape) * 3.0
    observations = Observations(seen, torch.full(shape, 1.5, dtype=torch.float64), torch.ones(shape, dtype=torch.bool))
    found = minimise(cost_of(background, observations, made, linear(matrix, shape)), torch.zeros(channels, *shape, dtype=torch.float64), 500, 1e-12, 0.0)
    columns = torch.stack([increment(made, one.reshape(channels, *shape)).flatten() for one in torch.eye(points, dtype=torch.float64)], dim=1)
    covariance = columns @ columns.T
    innovation = seen.flatten() - matrix @ background.flatten()
    gain = covariance @ matrix.T @ torch.linalg.inv(matrix @ covariance @ matrix.T + 1.5**2 * torch.eye(20, dtype=torch.float64))
    torch.testing.assert_close(increment(made, found.control).flatten(), gain @ innovation, atol=1e-6, rtol=1e-6)


def test_one_observation_makes_the_increment_of_its_column_of_the_covariance():
    shape = (21, 21)
    made = root_of(np.array([2.0]), shape, 4.4, 10.0, None, torch.float64)
    used = torch.zeros(shape, dtype=torch.bool)
    used[10, 10] = True
    observations = Observations(torch.full(shape, 3.0, dtype=torch.float64), torch.full(shape, 1.0, dtype=torch.float64), used)
    function = cost_of(torch.zeros(1, *shape, dtype=torch.float64), observations, made, differentiable(lambda state: state[0]))
    change = increment(made, minimise(function, torch.zeros(1, *shape, dtype=torch.float64), 200, 1e-12, 0.0).control)[0]
    assert made.along_y is not None and made.along_x is not None
    column = 4.0 * torch.outer((made.along_y @ made.along_y.T)[10], (made.along_x @ made.along_x.T)[10])
    torch.testing.assert_close(change, column * 3.0 / (4.0 + 1.0), atol=1e-7, rtol=1e-7)


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match=r"training mode.*call eval"):
        radar_operator(build("radar_operator"))


@pytest.mark.parametrize("deviation", [np.array([1.0, 0.0]), np.array([1.0, np.nan])])
def test_deviations_that_are_none_are_refused(deviation):
    with pytest.raises(ValueError, match="background-errors"):
        root_of(deviation, SHAPE, 4.4, 10.0)
