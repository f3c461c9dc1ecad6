"""MRKAN's blocks against plain loops of the paper's equations, in double precision, with weights that are all drawn."""

from collections.abc import Callable
from math import erf, sqrt

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.special import expit
from torch import nn
from torch.nn import functional

from stormcycle.networks.mrkan.csmamba import CSMamba, ScanStage, SelectiveScan, paths, snake, unpaths
from stormcycle.networks.mrkan.gimrbf import GIMRBF
from stormcycle.networks.mrkan.mokan import MOKAN, bspline_bases
from stormcycle.networks.mrkan.msff import MSFF, ChannelAttention, SelfAttention, SpatialAttention
from stormcycle.networks.mrkan.norms import norm

SHAPE = (5, 6)
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def drawn(block: nn.Module) -> nn.Module:
    """A block in double precision with every weight, bias and statistic drawn anew."""
    random = torch.Generator().manual_seed(7)
    block = block.double().eval()
    with torch.no_grad():
        for tensor in (*block.parameters(), *(value for name, value in block.named_buffers() if name.endswith("running_mean"))):
            tensor.add_(torch.randn(tensor.shape, generator=random, dtype=torch.float64) * 0.3)
        for name, value in block.named_buffers():
            if name.endswith("running_var"):
                value.mul_(torch.rand(value.shape, generator=random, dtype=torch.float64) + 0.5)
    return block


def some(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def told(block: nn.Module, *fields: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return block(*fields).numpy()


def numbers(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().numpy()


def silu(x):
    return x * expit(x)


def gelu(x):
    return np.vectorize(lambda value: 0.5 * value * (1 + erf(value / sqrt(2))))(x)


def softplus(x):
    return np.log1p(np.exp(x))


def layer_norm(x: np.ndarray, layer: nn.LayerNorm) -> np.ndarray:
    """Over the first axis of (c, y, x)."""
    scaled = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    return scaled * numbers(layer.weight)[:, None, None] + numbers(layer.bias)[:, None, None]


def batch_norm(x: np.ndarray, layer: nn.BatchNorm2d) -> np.ndarray:
    mean, var, weight, bias = (numbers(part)[:, None, None] for part in (layer.running_mean, layer.running_var, layer.weight, layer.bias))
    return (x - mean) / np.sqrt(var + 1e-3) * weight + bias


def group_norm(x: np.ndarray, layer: nn.GroupNorm) -> np.ndarray:
    """Of (c, ...): each of four groups of channels has one mean and variance."""
    parts = [(part - part.mean()) / np.sqrt(part.var() + 1e-5) for part in np.split(x, 4)]
    along = (slice(None), *[None] * (x.ndim - 1))
    return np.concatenate(parts) * numbers(layer.weight)[along] + numbers(layer.bias)[along]


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """A plain convolution (out, in, k, k) of (in, y, x), zeros beyond the edge."""
    reach = kernel.shape[-1] // 2
    around = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    made = np.empty((kernel.shape[0], *x.shape[1:]))
    for channel, row, column in np.ndindex(made.shape):
        patch = around[:, row : row + kernel.shape[-2], column : column + kernel.shape[-1]]
        made[channel, row, column] = (kernel[channel] * patch).sum() + (0.0 if bias is None else bias[channel])
    return made


# scans


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 1), (4, 6), (5, 7), (6, 5)])
@pytest.mark.parametrize("snaking", [False, True])
def test_paths_and_back_are_four_times_the_field(size, snaking):
    field = some(2, *size, 3)
    tokens = paths(field, snaking)
    assert tokens.shape == (2, 4, size[0] * size[1], 3)
    assert torch.equal(unpaths(tokens, *size, snaking), 4 * field)
    assert torch.equal(snake(snake(field)), field)


@pytest.mark.parametrize("snaking", [False, True])
def test_paths_go_along_rows_and_columns_and_turn_where_they_snake(snaking):
    rows, columns = 3, 4
    field = torch.arange(rows * columns).reshape(1, rows, columns, 1)
    turned = [-1 if snaking and index % 2 else 1 for index in range(columns)]
    along = [columns * row + column for row in range(rows) for column in range(columns)[:: turned[row]]]
    across = [columns * row + column for column in range(columns) for row in range(rows)[:: turned[column]]]
    assert paths(field, snaking)[0, :, :, 0].tolist() == [along, across, along[::-1], across[::-1]]


def test_each_direction_has_its_own_s6():
    """Gu and Dao's algorithm 2 with zero-order hold of A, a token and a channel at a time."""
    block, u = drawn(SelectiveScan(4, 2, 3)), some(1, 4, 7, 4)
    select, widen, step_bias, log_decay, skip = (numbers(part) for part in (block.select, block.widen, block.step_bias, block.log_decay, block.skip))
    wanted = np.zeros((4, 7, 4))
    for direction in range(4):
        state = np.zeros((4, 3))
        for token in range(7):
            values = u[0, direction, token].numpy()
            selected = values @ select[direction]
            dt = softplus(selected[:2] @ widen[direction] + step_bias[direction])
            for channel in range(4):
                a = -np.exp(log_decay[direction, channel])
                state[channel] = np.exp(dt[channel] * a) * state[channel] + dt[channel] * values[channel] * selected[2:5]
                wanted[direction, token, channel] = state[channel] @ selected[5:8] + skip[direction, channel] * values[channel]
    np.testing.assert_allclose(told(block, u)[0], wanted, atol=1e-5)  # the scan itself is in float32


def test_fresh_steps_and_decays_are_those_of_the_reference():
    block = SelectiveScan(64, 4, 8)
    steps = functional.softplus(block.step_bias)
    assert 0.9e-3 < steps.min() < 3e-3 and 0.04 < steps.max() < 0.101
    assert torch.allclose(torch.exp(block.log_decay), torch.arange(1.0, 9.0).expand(4, 64, 8))
    assert (block.skip == 1).all()
    undecayed = {name for name, parameter in block.named_parameters() if getattr(parameter, "undecayed", False)}
    assert undecayed == {"step_bias", "log_decay", "skip"}


def test_a_stage_is_norm_scans_gate_and_residual():
    block, x = drawn(ScanStage(8, 2, 1.5, snaking=True)), some(1, *SHAPE, 8)
    with torch.no_grad():
        z = functional.layer_norm(x, (8,), block.norm.weight, block.norm.bias)
        seen = torch.stack(
            [block.scan(torch.stack([path] * 4, 1))[:, index] for index, path in enumerate(paths(z @ block.enter.weight.T, True)[0][:, None])], 1
        )
        summed = functional.layer_norm(unpaths(seen, *SHAPE, True), (12,), block.inner_norm.weight, block.inner_norm.bias)
        wanted = x + (summed * functional.silu(z @ block.gate.weight.T)) @ block.leave.weight.T
    np.testing.assert_allclose(told(block, x), wanted.numpy(), atol=1e-5)


def test_csmamba_crosses_and_then_snakes():
    block = CSMamba(8, 2, 1.0)
    assert [stage.snaking for stage in block.stages] == [False, True]
    assert told(block.eval(), torch.zeros(2, 8, *SHAPE)).shape == (2, 8, *SHAPE)


# splines


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("intervals", [4, 5])
def test_splines_are_those_of_scipy(degree, intervals):
    u = np.linspace(-0.3, 1.3, 1001)
    made = bspline_bases(torch.tensor(u)[None, None, None, None], degree, intervals)[0, 0, :, 0, 0].numpy()
    assert made.shape == (intervals + degree, 1001)
    knots = np.arange(-degree, intervals + degree + 1) / intervals
    for basis in range(intervals + degree):
        spline = BSpline.basis_element(knots[basis : basis + degree + 2], extrapolate=False)
        np.testing.assert_allclose(made[basis], np.nan_to_num(spline(u)), atol=1e-12)
    inside = (u >= 0) & (u <= 1)
    np.testing.assert_allclose(made.sum(0)[inside], 1.0, atol=1e-12)


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize(("kind", "error"), [(torch.float32, 1e-6), (torch.float16, 5e-3)])
def test_splines_lose_little_in_lower_precision(degree, kind, error):
    u = torch.linspace(0, 1, 1001, dtype=torch.float64).to(kind)[None, None, None, None]
    made, wanted = bspline_bases(u, degree, 4), bspline_bases(u.double(), degree, 4)
    assert made.dtype == kind
    assert (made - wanted).abs().max() < error


# branches


@pytest.mark.parametrize(("kind", "normed"), [("batch", batch_norm), ("group", group_norm)])
def test_mokan_is_its_equations(kind: str, normed: Callable[..., np.ndarray]):
    channels, intervals = 8, 4
    block, x = drawn(MOKAN(channels, intervals, kind)), some(1, channels, *SHAPE)
    field = x[0].numpy()
    u = expit(normed(field, block.norm))
    branches = []
    for degree, size, branch in ((2, 3, block.branches[0]), (3, 5, block.branches[1])):
        knots = np.arange(-degree, intervals + degree + 1) / intervals
        bases = [BSpline.basis_element(knots[j : j + degree + 2], extrapolate=False) for j in range(intervals + degree)]
        made = np.empty_like(field)
        for group in range(4):
            mine = slice(2 * group, 2 * group + 2)
            values = np.stack([np.nan_to_num(basis(channel)) for basis in bases for channel in u[mine]])  # all channels of the first basis, then the next
            assert branch.spline.weight.shape[-2:] == (size, size)
            made[mine] = convolved(values, numbers(branch.spline.weight)[mine]) + convolved(silu(field[mine]), numbers(branch.base.weight)[mine])
        branches.append(gelu(group_norm(made, branch.norm)))
    joined = np.concatenate([np.concatenate([branch[2 * group : 2 * group + 2] for branch in branches]) for group in range(4)])
    wanted = field + gelu(convolved(joined, numbers(block.join.weight), numbers(block.join.bias)))
    np.testing.assert_allclose(told(block, x)[0], wanted, **CLOSE)


@pytest.mark.parametrize(("kind", "normed"), [("batch", batch_norm), ("group", group_norm)])
def test_gimrbf_is_its_equations(kind: str, normed: Callable[..., np.ndarray]):
    channels, bases = 8, 5
    block, x = drawn(GIMRBF(channels, bases, kind)), some(1, channels, *SHAPE) * 2
    z = silu(layer_norm(x[0].numpy(), block.norm))
    gauss, quadric, width, epsilon = (numbers(part) for part in (block.gauss_centres, block.quadric_centres, block.widths, block.epsilons))
    width = softplus(width) + 1e-2
    wanted = np.empty((channels, *SHAPE))
    for group, row, column in np.ndindex(4, *SHAPE):
        values = z[2 * group : 2 * group + 2, row, column]
        features = [np.exp(-(((value - gauss[group, k]) / width[group, k]) ** 2)) for k in range(bases) for value in values]
        features += [((value - quadric[group, k]) ** 2 + epsilon[group, k] ** 2 + 1e-2) ** -0.5 for k in range(bases) for value in values]
        for channel in range(2 * group, 2 * group + 2):
            wanted[channel, row, column] = numbers(block.join.weight)[channel, :, 0, 0] @ features + numbers(block.join.bias)[channel]
    np.testing.assert_allclose(told(block, x)[0], np.maximum(normed(wanted, block.out_norm), 0.0), **CLOSE)


def test_fresh_radial_bases_cover_what_silu_gives():
    block = GIMRBF(8, 8, "group")
    assert torch.allclose(block.gauss_centres, torch.linspace(-1, 3, 8).expand(4, 8))
    assert torch.allclose(functional.softplus(block.widths), torch.tensor(4 / 7))
    assert block.gauss_centres is not block.quadric_centres
    assert (block.epsilons == 0.5).all()


# fusion


def test_channel_attention_is_its_equations():
    block, x = drawn(ChannelAttention(32)), some(1, 32, *SHAPE)
    field = x[0].numpy()
    narrow, wide = (numbers(block.gate[index].weight)[:, :, 0, 0] for index in (0, 2))
    assert narrow.shape == (4, 32)  # at least four, however few channels
    gate = expit(sum(wide @ np.maximum(narrow @ pooled, 0.0) for pooled in (field.mean((1, 2)), field.max((1, 2)))))
    np.testing.assert_allclose(told(block, x)[0], field * gate[:, None, None], **CLOSE)


@pytest.mark.parametrize("pool", [1, 2])
def test_self_attention_is_that_of_torch(pool):
    block, x = drawn(SelfAttention(8, pool)), some(2, 8, 4, 6)
    with torch.no_grad():
        source = torch.stack([x[:, :, i::pool, j::pool] for i in range(pool) for j in range(pool)]).mean(0)
        query, key, value = (layer(field).flatten(2).mT for layer, field in ((block.query, x), (block.key, source), (block.value, source)))
        wanted = functional.scaled_dot_product_attention(query, key, value).mT.reshape(x.shape).numpy()
    assert key.shape[1] == 24 // pool**2
    np.testing.assert_allclose(told(block, x), wanted, **CLOSE)


def test_spatial_attention_is_its_equations():
    block, x = drawn(SpatialAttention(8)), some(1, 8, 10, 12)
    field = x[0].numpy()

    def gate(line: np.ndarray) -> np.ndarray:
        made = np.empty_like(line)
        for group, size in enumerate((3, 5, 7, 9)):
            mine, (deep, point) = slice(2 * group, 2 * group + 2), block.parts[group]
            assert deep.weight.shape == (2, 1, size)
            apart = [
                np.correlate(np.pad(one, size // 2), kernel[0], "valid") + bias
                for one, kernel, bias in zip(line[mine], numbers(deep.weight), numbers(deep.bias), strict=True)
            ]
            made[mine] = numbers(point.weight)[:, :, 0] @ np.stack(apart) + numbers(point.bias)[:, None]
        return expit(group_norm(made, block.norm))

    wanted = field * gate(field.mean(2))[:, :, None] * gate(field.mean(1))[:, None, :]
    np.testing.assert_allclose(told(block, x)[0], wanted, **CLOSE)


def test_fusion_is_its_equations():
    channels = 8
    block = drawn(MSFF(channels, 1, 2, 2, 3, "batch"))
    fields = [some(1, channels, *SHAPE, seed=seed) for seed in range(4)]
    attentions = (block.channel, block.self_attention, block.spatial)
    looked = np.concatenate([told(attention, field)[0] for attention, field in zip(attentions, fields[1:], strict=True)])
    normed, kernel = layer_norm(looked, block.norm), numbers(block.fuse.weight)
    fused = np.concatenate([convolved(normed[12 * half : 12 * half + 12], kernel[4 * half : 4 * half + 4]) for half in range(2)])
    joined = fields[0][0].numpy() + gelu(fused + numbers(block.fuse.bias)[:, None, None])
    wide = convolved(batch_norm(joined, block.out_norm), numbers(block.expand.weight), numbers(block.expand.bias))
    wanted = joined + convolved(gelu(wide), numbers(block.reduce.weight), numbers(block.reduce.bias))
    np.testing.assert_allclose(told(block, *fields)[0], wanted, **CLOSE)


def test_a_norm_that_nobody_knows_is_told():
    with pytest.raises(ValueError, match="no norm 'layer'; known are batch and group"):
        norm(8, "layer")
