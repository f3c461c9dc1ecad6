"""An hour's sum on a coarser grid against a plain block mean in linear units, its three states kept apart."""

import numpy as np
import pytest

from stormcycle.grids import area
from stormcycle.radar.hourly import superobbed

PROJECTION = "+proj=laea +lat_0=46 +lon_0=15 +datum=WGS84 +units=m +no_defs"
FINE = area("fine", PROJECTION, (40, 40), 1000.0, (0.0, 0.0))
COARSE = area("coarse", PROJECTION, (10, 10), 4000.0, (0.0, 0.0))


def blocks(field: np.ndarray) -> np.ndarray:
    return field.reshape(10, 4, 10, 4).transpose(0, 2, 1, 3).reshape(10, 10, 16)


def test_it_is_the_mean_of_blocks_in_linear_units():
    field = np.random.default_rng(0).uniform(14.0, 55.0, (40, 40))
    field[5:9, 5:9] = 0.0
    linear = np.where(field > 0, 10 ** (field / 10), 0.0)
    expected = 10 * np.log10(blocks(linear).mean(axis=-1))
    np.testing.assert_allclose(superobbed(field, FINE, COARSE), expected, atol=1e-3)


def test_dry_stays_dry_and_what_was_hardly_seen_is_not_observed():
    field = np.full((40, 40), 0.0)
    field[:4, :4] = np.nan  # nothing known
    field[:4, 4:6] = np.nan  # half known
    field[:4, 8:9] = np.nan  # three quarters known
    field[20, 20] = 14.0  # a drop whose mean is below the floor
    found = superobbed(field, FINE, COARSE)
    assert np.isnan(found[0, :2]).all()
    assert not np.isnan(found[0, 2:]).any()
    assert found[5, 5] == 0.0


def test_pixels_beyond_the_finer_grid_are_not_observed():
    wide = area("wide", PROJECTION, (20, 20), 4000.0, (0.0, 0.0))
    found = superobbed(np.full((40, 40), 30.0), FINE, wide)
    assert (~np.isnan(found)).sum() == 100
    assert not np.isnan(found[5:15, 5:15]).any()


def test_a_finer_target_is_refused():
    with pytest.raises(ValueError, match="only be brought to a coarser grid"):
        superobbed(np.zeros((10, 10)), COARSE, FINE)
