"""The recursive filter against a plain loop, its own covariance matrix, a Gaussian and the specification's figures."""

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.linalg import toeplitz

from stormcycle.assimilation.recursive_filter import (
    PASSES,
    coefficient,
    filter_matrix,
    matrix_of_length,
    oceanvar_length,
)

SPACING_KM = 4.4


def moment_length(matrix: np.ndarray, spacing_km: float) -> float:
    """The length (km) of the covariance in the middle of an axis, by its second moment."""
    middle = len(matrix) // 2
    row = (matrix @ matrix.T)[middle]
    distance = (np.arange(len(row)) - middle) * spacing_km
    return float(np.sqrt((row * distance**2).sum() / row.sum()))


def half_length(matrix: np.ndarray, spacing_km: float) -> float:
    """The distance (km) at which the covariance in the middle of an axis falls to exp(-1/2), interpolated in squared distance and logarithm."""
    middle = len(matrix) // 2
    row = (matrix @ matrix.T)[middle]
    fallen = row[middle:] / row[middle]
    after = int(np.argmax(fallen < exp(-0.5)))
    (inner, outer), (near, far) = (log(fallen[after - 1]), log(fallen[after])), ((after - 1) ** 2, after**2)
    return float(spacing_km * sqrt(near + (far - near) * (inner + 0.5) / (inner - outer)))


def looped(field: np.ndarray, a: float, passes: int) -> np.ndarray:
    """The filter as it is written down: forward and back, again and again, nothing coming in from outside."""
    values = field.copy()
    for _ in range(passes):
        before = 0.0
        for i in range(len(values)):
            before = values[i] = a * before + (1 - a) * values[i]
        before = 0.0
        for i in reversed(range(len(values))):
            before = values[i] = a * before + (1 - a) * values[i]
    return values


@pytest.mark.parametrize("passes", [1, 4])
def test_the_matrix_is_the_loop_with_rows_of_length_one(passes):
    a, points = 0.4, 31
    columns = np.stack([looped(row, a, passes) for row in np.eye(points)], axis=1)
    expected = columns / np.linalg.norm(columns, axis=1, keepdims=True)
    np.testing.assert_allclose(filter_matrix(points, a, passes), expected, atol=1e-12)


@pytest.mark.parametrize("length_km", [10.0, 20.0, 40.0])
def test_variance_is_one_everywhere_and_the_length_is_the_one_asked_for(length_km):
    matrix = matrix_of_length(151, SPACING_KM, length_km)
    np.testing.assert_allclose(np.diag(matrix @ matrix.T), 1.0, atol=1e-12)
    assert moment_length(matrix, SPACING_KM) == pytest.approx(length_km, rel=0.005)


def test_two_axes_have_the_covariance_of_their_product_on_a_small_grid():
    rows, columns = matrix_of_length(7, SPACING_KM, 9.0), matrix_of_length(6, SPACING_KM, 9.0)
    whole = np.kron(rows @ rows.T, columns @ columns.T)
    root = np.kron(rows, columns)
    np.testing.assert_allclose(root @ root.T, whole, atol=1e-12)
    np.testing.assert_allclose(np.diag(whole), 1.0, atol=1e-12)


@pytest.mark.parametrize(("rule", "coefficient_", "half"), [("ours", 0.20436, 8.65), ("oceanvar", 0.42578, 18.18)])
def test_coefficients_and_lengths_are_those_that_were_measured(rule, coefficient_, half):
    length = 10.0 if rule == "ours" else oceanvar_length(10.0)
    assert coefficient(length, SPACING_KM) == pytest.approx(coefficient_, abs=1e-5)
    assert half_length(matrix_of_length(97, SPACING_KM, length), SPACING_KM) == pytest.approx(half, abs=0.01)


def test_many_passes_come_near_a_gaussian_and_four_are_nearly_isotropic():
    covariance = matrix_of_length(121, SPACING_KM, 30.0, passes=16)
    middle = (covariance @ covariance.T)[60]
    gaussian = toeplitz(np.exp(-((np.arange(121) * SPACING_KM) ** 2) / (2 * 30.0**2)))[60]
    assert np.abs(middle - gaussian).max() < 0.03
    row = (lambda m: (m @ m.T)[48])(matrix_of_length(97, SPACING_KM, 10.0, PASSES))
    axis = half_length(matrix_of_length(97, SPACING_KM, 10.0), SPACING_KM)
    fallen = np.maximum.accumulate((row[48:] ** 2)[::-1])[::-1]  # along a diagonal
    after = int(np.argmax(fallen < np.exp(-0.5)))
    share = (np.log(fallen[after - 1]) + 0.5) / (np.log(fallen[after - 1]) - np.log(fallen[after]))
    diagonal = np.sqrt(2) * SPACING_KM * np.sqrt((after - 1) ** 2 + (after**2 - (after - 1) ** 2) * share)
    assert diagonal / axis == pytest.approx(0.98, abs=0.01)


@pytest.mark.parametrize(("length", "spacing"), [(0.0, 4.4), (-1.0, 4.4), (10.0, 0.0), (float("nan"), 4.4)])
def test_a_length_that_is_none_is_refused(length, spacing):
    with pytest.raises(ValueError, match="must be above 0"):
        coefficient(length, spacing)


def test_no_weight_is_so_small_that_it_is_slow():
    matrix = matrix_of_length(97, SPACING_KM, 10.0)
    assert (np.abs(matrix[matrix != 0]) > np.finfo("float32").tiny).all()
