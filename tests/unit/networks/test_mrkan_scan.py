"""The selective scan against the plain recurrence, token by token in double precision, forwards and backwards."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from stormcycle.networks.mrkan.selective_scan import selective_scan

LENGTHS = (1, 5, 16, 17, 100, 1000, 4096)
NAMES = ("u", "dt", "a", "b", "c")

Inputs = tuple[torch.Tensor, ...]


def inputs(tokens: int, harder: float = 1.0, fields: int = 2, seed: int = 0) -> Inputs:
    """u, dt, a, b, c in double precision, with time steps as a network makes them, or `harder` times as long."""
    random = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    dt = functional.softplus(drawn(fields, 3, tokens, 4) - 3.0) * harder
    a = -torch.arange(1.0, 6.0, dtype=torch.float64) * torch.ones(3, 4, 1, dtype=torch.float64)
    return drawn(fields, 3, tokens, 4), dt, a, drawn(fields, 3, tokens, 5), drawn(fields, 3, tokens, 5)


def recurrence(u: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The definition: h = exp(dt a) h + dt u b, y = c . h, one token after the other."""
    keep = torch.exp(dt[..., None] * a[None, :, None])
    come = (dt * u)[..., None] * b[..., None, :]
    state, told = torch.zeros_like(keep[:, :, 0]), []
    for kept, came, looked in zip(keep.unbind(2), come.unbind(2), c.unbind(2), strict=True):
        state = kept * state + came
        told.append((state * looked[:, :, None]).sum(-1))
    return torch.stack(told, 2)


def with_gradients(scan, parts: Inputs, **settings: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What a scan tells, and the gradient of a weighted sum of it for each input."""
    leaves = [part.clone().requires_grad_() for part in parts]
    y = scan(*leaves, **settings)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(y.dtype)
    (y * weights).sum().backward()
    return y.detach(), [leaf.grad for leaf in leaves]


@cache
def told_by_recurrence(tokens: int, harder: float) -> tuple[torch.Tensor, list[torch.Tensor]]:
    return with_gradients(recurrence, inputs(tokens, harder))


def difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    assert torch.isfinite(found).all()
    assert found.shape == wanted.shape
    return float((found.double() - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("chunk", [4, 16, 32])
@pytest.mark.parametrize("tokens", LENGTHS)
def test_it_is_the_recurrence_forwards_and_for_the_gradients_of_all_five_inputs(tokens: int, chunk: int):
    wanted, wanted_gradients = told_by_recurrence(tokens, 1.0)
    found, gradients = with_gradients(selective_scan, tuple(part.float() for part in inputs(tokens)), chunk=chunk)
    assert found.dtype == torch.float32
    assert difference(found, wanted) < 1e-6
    for name, gradient, expected in zip(NAMES, gradients, wanted_gradients, strict=True):
        if tokens == 1 and name == "a":  # the first token has nothing to forget
            assert not gradient.any() and not expected.any()
        else:
            assert difference(gradient, expected) < 2e-6, name


@pytest.mark.parametrize("tokens", [100, 1000])
def test_hard_steps_that_forget_all_at_once_are_right(tokens: int):
    """exp(dt a) reaches 0 here; a form that divides by it, or takes exp of what is above 0, breaks."""
    parts = inputs(tokens, 20.0)
    assert (parts[1][..., None] * parts[2][:, None]).min() < -70
    wanted, wanted_gradients = told_by_recurrence(tokens, 20.0)
    found, gradients = with_gradients(selective_scan, tuple(part.float() for part in parts))
    assert difference(found, wanted) < 2e-6
    assert max(difference(gradient, expected) for gradient, expected in zip(gradients, wanted_gradients, strict=True)) < 5e-6


@pytest.mark.parametrize("harder", [0.0, 1e-4, 1.0, 100.0])
def test_a_very_long_sequence_stays_finite_and_right(harder: float):
    """65 536 tokens, a field of 1024 x 1024 at a quarter of its resolution; the recurrence in Python's own numbers."""
    random = np.random.default_rng(2)
    u, dt, b, c = random.normal(size=65536), random.uniform(size=65536) * harder, random.normal(size=65536), random.normal(size=65536)
    wanted, state = [], 0.0
    for keep, come, looked in zip(np.exp(-dt).tolist(), (dt * u * b).tolist(), c.tolist(), strict=True):
        state = keep * state + come
        wanted.append(looked * state)
    with torch.no_grad():
        parts = [torch.as_tensor(part, dtype=torch.float32).reshape(1, 1, -1, 1) for part in (u, dt, b, c)]
        found = selective_scan(parts[0], parts[1], -torch.ones(1, 1, 1), *parts[2:])
    if harder:
        assert difference(found.flatten(), torch.tensor(wanted, dtype=torch.float64)) < 1e-5
    else:
        assert not found.any()


def test_halves_go_in_and_the_state_is_float32():
    """Rounding the inputs costs 5e-4; a state in half precision would cost 100 times as much."""
    parts = inputs(4096, fields=1)
    with torch.no_grad():
        wanted = recurrence(*parts)
        found = selective_scan(*(part.half() for part in parts))
        rounded = recurrence(*(part.half().double() for part in parts))
    assert found.dtype == torch.float32
    assert difference(found, wanted) < 1e-3
    assert difference(found, rounded) < 1e-6  # all of it is the rounding of the inputs


def test_autocast_keeps_it_in_float32():
    parts = tuple(part.float() for part in inputs(100))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = selective_scan(*parts)
    assert torch.equal(found, selective_scan(*parts))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.sampled_from([1, 2, 3, 7, 16, 64]), st.floats(0.0, 50.0), st.integers(0, 1000))
def test_any_length_chunk_and_step_gives_the_recurrence(tokens: int, chunk: int, harder: float, seed: int):
    parts = inputs(tokens, harder, fields=1, seed=seed)
    wanted, found = recurrence(*parts), selective_scan(*(part.float() for part in parts), chunk=chunk)
    assert torch.allclose(found.double(), wanted, rtol=0.0, atol=2e-6 * float(wanted.abs().max()) + 1e-30)


def test_what_comes_later_changes_nothing_before():
    parts = tuple(part.float() for part in inputs(100))
    later = tuple(part if name == "a" else torch.cat([part[:, :, :60], part[:, :, 60:] + 1.0], 2) for name, part in zip(NAMES, parts, strict=True))
    assert torch.equal(selective_scan(*parts)[:, :, :60], selective_scan(*later)[:, :, :60])
