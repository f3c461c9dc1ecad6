import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from stormcycle.simulator.nature import texture as module
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.nature.interpolation import BLOCK, bilinear, floor_and_rest
from stormcycle.simulator.nature.texture import textures
from stormcycle.simulator.nature.world import carried

ANY = {"any": range(7)}


def _plainly(world, seed, purpose, seconds, x, y, octaves):
    """The same, one purpose, one octave, one generation at a time, read by SciPy."""
    amplitudes = {octave: 2.0 ** (0.4 * octave) for octave in octaves}
    total = np.zeros(x.shape)
    for octave, amplitude in amplitudes.items():
        life, spacing = 1500.0 * 2.0 ** (0.8 * octave), 4e3 * 2.0**octave / 8
        first = math.floor(seconds / life)
        for generation in (first, first + 1):
            age = seconds - generation * life
            at_x, at_y = carried(world, x, y, -age)
            if octave >= 3:
                turn = math.atan2(world.velocity[1], world.velocity[0])
                at_x, at_y = (math.cos(turn) * at_x + math.sin(turn) * at_y) / 2.0, math.cos(turn) * at_y - math.sin(turn) * at_x
            tile = module._tile(seed, purpose, octave, generation)
            read = map_coordinates(tile.astype("float64"), (at_y / spacing, at_x / spacing), order=1, mode="grid-wrap")
            total += amplitude * math.cos(math.pi / 2 * age / life) * read
    return total / math.sqrt(sum(amplitude**2 for amplitude in amplitudes.values()))


def test_textures_together_are_each_texture_read_plainly(domain):
    world = replace(world_of(domain, 7), noise_seed=99)
    x, y = np.random.default_rng(1).uniform(-3e5, 3e5, (2, 40, 50))
    together = textures(world, 1.75e9, x, y, shown={"a": range(3, 7), "b": range(2)}, hidden={"a of noise": range(5)})
    for purpose, seed, octaves in (("a", 7, range(3, 7)), ("b", 7, range(2)), ("a of noise", 99, range(5))):
        np.testing.assert_allclose(together[purpose], _plainly(world, seed, purpose, 1.75e9, x, y, octaves), atol=2e-5)
        assert together[purpose].shape == x.shape and together[purpose].dtype == np.float32


def test_points_beyond_one_block_are_read_like_the_first(domain):
    world = world_of(domain, 7)
    x, y = np.random.default_rng(2).uniform(-3e5, 3e5, (2, 2 * BLOCK + 5))
    whole = textures(world, 1e9, x, y, ANY)["any"]
    np.testing.assert_array_equal(whole[-7:], textures(world, 1e9, x[-7:], y[-7:], ANY)["any"])


def test_only_hidden_textures_change_with_the_noise(domain):
    world = world_of(domain, 7)
    x, y = np.meshgrid(np.linspace(-1e5, 1e5, 20), np.linspace(-1e5, 1e5, 20))
    first, second = (textures(replace(world, noise_seed=noise), 1e9, x, y, shown={"a": range(4)}, hidden={"b": range(4)}) for noise in (1, 2))
    np.testing.assert_array_equal(first["a"], second["a"])
    assert abs(np.corrcoef(first["b"].ravel(), second["b"].ravel())[0, 1]) < 0.5


def test_long_structures_lie_along_the_flow(domain):
    """A step along the flow changes the texture less than one across it."""
    changes = []
    for seed in range(12):
        world = world_of(domain, seed)
        u, v = np.array(world.velocity) / np.hypot(*world.velocity)
        x, y = np.random.default_rng(seed).uniform(-4e5, 4e5, (2, 500))
        here, along, across = (
            textures(world, 1e9, x + step * dx, y + step * dy, {"any": range(4, 6)})["any"] for step, dx, dy in ((0, u, v), (2e4, u, v), (2e4, -v, u))
        )
        changes.append((np.mean((along - here) ** 2), np.mean((across - here) ** 2)))
    assert np.mean([along < across for along, across in changes]) > 0.8


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_bilinear_is_that_of_scipy(rows, columns, seed):
    random = np.random.default_rng(seed)
    field = random.standard_normal((rows, columns))
    row, column = random.uniform(0, rows - 1.001, 30), random.uniform(0, columns - 1.001, 30)
    (low_x, right), (low_y, down) = floor_and_rest(column), floor_and_rest(row)
    read = bilinear((low_x, low_y), (right, down), field.shape) @ field.reshape(-1, 1)
    np.testing.assert_allclose(read[:, 0], map_coordinates(field, (row, column), order=1), atol=1e-5)


def test_the_flow_carries_many_points_for_as_many_spans(domain):
    world = world_of(domain, 7)
    spans, places = np.array([0.0, -600.0, 4000.0]), np.array([1e4, -2e4, 3e4])
    x, y = carried(world, places, 2 * places, spans)
    for i, span in enumerate(spans):
        assert (x[i], y[i]) == pytest.approx(carried(world, places[i], 2 * places[i], float(span)))
