"""The radar operator: its sizes, any height and width, its loss against plain loops and scikit-free closed forms."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter
from scipy.ndimage import sobel as scipy_sobel

from stormcycle.networks import build
from stormcycle.networks.radar_operator import loss

PARAMETERS = {"small": 2_048_569, "paper": 8_175_713}
"""As the specification counts them (section 7)."""


def random_field(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.0, 4.0, (1, 1, *shape)))


@pytest.mark.parametrize("size", list(PARAMETERS))
def test_it_has_the_parameters_of_the_specification(size):
    assert sum(parameter.numel() for parameter in build("radar_operator", size=size).parameters()) == PARAMETERS[size]


def test_another_size_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match="no size 'large'; known are small, paper"):
        build("radar_operator", size="large")


@pytest.mark.parametrize("shape", [(97, 97), (96, 96), (33, 47), (64, 101)])
@torch.no_grad()
def test_it_answers_on_any_grid_and_a_padded_field_is_one_that_was_reflected_before(shape):
    torch.manual_seed(3)
    network = build("radar_operator").eval()
    state = torch.randn(1, 19, *shape)
    made = network(state)
    assert made.shape == (1, 1, *shape)
    down, right = (-shape[0]) % 16, (-shape[1]) % 16
    whole = np.pad(state.numpy(), ((0, 0), (0, 0), (down // 2, down - down // 2), (right // 2, right - right // 2)), mode="reflect")
    expected = network(torch.from_numpy(whole))[..., down // 2 :, right // 2 :][..., : shape[0], : shape[1]]
    torch.testing.assert_close(made, expected)


@torch.no_grad()
def test_hours_of_a_batch_do_not_know_each_other():
    network = build("radar_operator").eval()
    states = torch.randn(3, 19, 48, 48)
    torch.testing.assert_close(network(states)[1:2], network(states[1:2]), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_states_are_standardised_by_what_is_kept_with_the_weights():
    torch.manual_seed(1)
    network = build("radar_operator").eval()
    state = torch.randn(1, 19, 32, 32)
    plain = network(state)
    network.mean += 280.0
    network.deviation *= 7.0
    torch.testing.assert_close(network(state * 7.0 + 280.0), plain, atol=1e-3, rtol=1e-3)


def test_huber_is_the_plain_function_under_the_weights():
    made, truth, weight = random_field(0, 9, 11), random_field(1, 9, 11), random_field(2, 9, 11)
    error = (made - truth).abs().numpy()
    by_hand = np.where(error <= 0.5, error**2 / 2, 0.5 * (error - 0.25))
    assert float(loss.huber_loss(made, truth, weight)) == pytest.approx((weight.numpy() * by_hand).mean(), rel=1e-12)


def test_sobel_is_scipys():
    field = random_field(4, 20, 17)
    expected = np.stack([scipy_sobel(field[0, 0].numpy(), axis, mode="mirror") / 8.0 for axis in (1, 0)])
    np.testing.assert_allclose(loss.sobel(field)[0].numpy(), expected, atol=1e-12)


def test_the_ring_about_rain_is_what_dilation_adds_and_erosion_takes():
    rain = np.zeros((40, 40))
    rain[12:30, 8:25] = 2.0
    square = np.ones((7, 7), bool)
    ring = binary_dilation(rain > 0, square) & ~binary_erosion(rain > 0, square)
    np.testing.assert_array_equal(loss.boundary_weight(torch.from_numpy(rain[None, None]))[0, 0].numpy(), np.where(ring, 4.0, 1.0))


def test_similarity_is_one_of_a_field_with_itself_and_the_closed_form_elsewhere():
    one, other = random_field(5, 30, 30), random_field(6, 30, 30)
    assert torch.allclose(loss.similarity(one, one), torch.ones_like(one))
    blur = lambda values: gaussian_filter(values, 1.5, mode="mirror", radius=5)  # noqa: E731
    a, b = one[0, 0].numpy(), other[0, 0].numpy()
    first, second = 0.06**2, 0.18**2
    mean_a, mean_b = blur(a), blur(b)
    variances, covariance = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2, blur(a * b) - mean_a * mean_b
    expected = (2 * mean_a * mean_b + first) * (2 * covariance + second) / ((mean_a**2 + mean_b**2 + first) * (variances + second))
    np.testing.assert_allclose(loss.similarity(one, other)[0, 0].numpy(), expected, atol=1e-9)


def test_the_radars_weight_is_one_near_it_has_no_jump_and_ends_with_the_disc():
    distance = torch.tensor([0.0, 50.0, 50.001, 130.0, 160.0, 160.1])
    expected = [1.0, 1.0, 1.0, np.exp(-0.5), np.exp(-(110.0**2) / (2 * 80.0**2)), 0.0]
    np.testing.assert_allclose(loss.radar_weight(distance), expected, atol=1e-6)


def test_weights_have_the_mean_one_and_are_nothing_where_nothing_is_known():
    truth = random_field(7, 24, 24)
    known = torch.ones_like(truth, dtype=torch.bool)
    known[..., :5] = False
    weight = loss.weight_map(truth, known, torch.full((24, 24), 60.0))
    assert float(weight.mean()) == pytest.approx(1.0)
    assert not weight[..., :5].any()


def test_what_was_not_observed_neither_costs_nor_pulls():
    observed = random_field(8, 24, 24) * 10.0
    observed[..., :8] = torch.nan
    made = (random_field(9, 24, 24) * 10.0).requires_grad_(True)
    loss.edge_aware_loss(made, observed, torch.zeros(24, 24)).backward()
    assert made.grad is not None and not made.grad[..., :8].any() and made.grad[..., 8:].any()


def test_a_perfect_answer_costs_nothing():
    observed = random_field(10, 24, 24) * 10.0
    assert float(loss.edge_aware_loss(observed, observed, torch.zeros(24, 24))) == pytest.approx(0.0, abs=1e-9)
