"""Channels 07, 09 and 13, of which no real scene is at hand: simulated files, read as real ones; and cloud tops whose truth is known."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from house import SMALL
from imagery import place_in, square, temperature

from stormcycle.domain import parse_domain
from stormcycle.satellite import read_image
from stormcycle.simulator.instruments.geostationary import window_around
from stormcycle.simulator.instruments.imager import Image, abi_scene, seen_images
from stormcycle.simulator.instruments.imager_channels import ABI, ABI_GRID
from stormcycle.simulator.nature.clouds import clouds
from stormcycle.simulator.nature.world import World, world_of
from stormcycle.simulator.writers.abi import image_bytes, image_name
from stormcycle.times import parse_time

PLACE = (-97.5, 35.3)
AREA = square(PLACE, 96, 2000.0)


@pytest.fixture(scope="module")
def seen() -> tuple[World, dict[int, Image]]:
    world = world_of(parse_domain(SMALL, "small.yaml"), 7)
    scene = replace(abi_scene("M1", "G19", -75.0, *PLACE), window=window_around(ABI_GRID, -75.0, *PLACE, 160, 160))
    return world, seen_images(AREA.crs.to_wkt(), world, parse_time("2026-07-01T12:30Z"), scene, [ABI[number] for number in (7, 9, 13)])


@pytest.mark.parametrize("number", [7, 9, 13])
def test_a_simulated_channel_is_read_as_the_real_ones_are(seen: tuple[World, dict[int, Image]], tmp_path: Path, number: int) -> None:
    image = seen[1][number]
    path = tmp_path / "0f1e2d3c"
    path.write_bytes(image_bytes(image))
    found = read_image(((path, image_name(image)),), "abi_l1b", f"C{number:02d}", AREA, tmp_path)
    values = found["brightness_temperature"].values
    assert found.attrs["satellite"] == "G19"
    assert found.attrs["state"] == "ok"
    assert found.attrs["inside_share"] == 1.0
    longitude, latitude = AREA.get_lonlats()
    checked = 0
    with h5py.File(path) as file:
        for row, column in np.ndindex(24, 24):
            y, x = place_in(file, float(longitude[4 * row, 4 * column]), float(latitude[4 * row, 4 * column]))
            if max(abs(y - round(y)), abs(x - round(x))) < 0.25:
                assert values[4 * row, 4 * column] == pytest.approx(float(temperature(file["Rad"][round(y), round(x)], file)), abs=2e-3, nan_ok=True)
                checked += 1
    assert checked > 60


def test_put_back_tops_agree_better_with_those_that_the_world_has(seen: tuple[World, dict[int, Image]], tmp_path: Path) -> None:
    world, images = seen
    image = images[13]
    path = tmp_path / "0f1e2d3c"
    path.write_bytes(image_bytes(image))
    middle = float((image.start + (image.end - image.start) // 2).astype("int64")) / 1000.0
    truth = clouds(world, middle, *AREA.get_proj_coords())
    high = (truth.top_m > 8000.0) & (truth.emissivity > 0.8)
    agreement = {}
    for parallax in (False, True):
        found = read_image(((path, image_name(image)),), "abi_l1b", "C13", AREA, tmp_path, parallax)["brightness_temperature"].values
        known = ~np.isnan(found)
        cold = found < 245.0
        agreement[parallax] = ((cold & high & known).sum()) / ((cold | high) & known).sum()
    assert 0.02 < high.mean() < 0.9
    assert agreement[True] > agreement[False] + 0.05, agreement
