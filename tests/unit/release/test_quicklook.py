import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from PIL import Image

from stormcycle.grids import area, geolocated
from stormcycle.release import drawing, quicklook
from stormcycle.release.quicklook import draw_animation, draw_quicklook
from stormcycle.states import NO_ECHO_DBZ

T = np.datetime64("2015-07-12T23:00", "ns")
LEADS = np.arange(1, 11) * np.timedelta64(6, "m").astype("timedelta64[ns]")


def release(shape=(64, 64), frames=10, leads=LEADS, shift=0, **attributes):
    """A release with a cell that moves east, an unobserved western edge, and dry elsewhere."""
    grid = area("toy", "+proj=aeqd +lat_0=31.95 +lon_0=118.8", shape, 4000, (0, 0))
    y, x = np.mgrid[: shape[0], : shape[1]]

    def field(step):
        cell = 55 - np.hypot(y - shape[0] / 2, x - 10 - shift - step) * 4
        return np.where(x < 5, np.nan, np.where(cell > 5, cell, NO_ECHO_DBZ)).astype("float32")

    seen = np.stack([field(step) for step in range(frames)])
    attributes = {
        "title": "A toy domain for $5 and $6",
        "domain": "toy",
        "cycle_time": "2015-07-12T23:00:00Z",
        "state": "complete",
        "degraded": "",
        "providers": "nobody",
        "licence": "CC0-1.0",
        "sites": json.dumps({"toy": [0.0, 0.0]}),
        **attributes,
    }
    radar = xr.Dataset(
        {"reflectivity": (("valid_time", "y", "x"), seen), "observed": (("valid_time", "y", "x"), np.isfinite(seen)), "hourly_sum": (("y", "x"), seen[-1])},
        coords={"valid_time": T - np.arange(frames)[::-1] * np.timedelta64(6, "m")},
        attrs=attributes,
    )
    made = np.stack([field(frames + step) for step in range(len(leads))])
    nowcast = xr.Dataset({"reflectivity": (("lead_time", "y", "x"), made)}, coords={"lead_time": leads}, attrs={"model": "toy", "model_version": "1"})
    chance = np.stack([np.where(np.isnan(made), np.nan, made >= threshold) for threshold in (20, 30)])
    probability = xr.Dataset(
        {"observed": (("lead_time", "y", "x"), np.isfinite(made)), "exceedance": (("threshold", "lead_time", "y", "x"), chance)},
        coords={"threshold": [20.0, 30.0], "lead_time": leads},
    )
    return {name: geolocated(fields, grid, nominal=True) for name, fields in (("radar", radar), ("nowcast", nowcast), ("probability", probability))}


def picture(products, path: Path, truth=None) -> np.ndarray:
    draw_quicklook(products, path, truth)
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert set(image.info) <= {"dpi"}  # no time, no software: the same input gives the same bytes
        return np.asarray(image.convert("RGB"))


def count(pixels: np.ndarray, colour: str) -> int:
    return int((pixels == np.rint(255 * np.array(to_rgb(colour)))).all(axis=-1).sum())


def test_the_picture_is_legibly_large_and_the_same_for_the_same_input(tmp_path):
    pixels = picture(release(), tmp_path / "a.png")
    assert 1000 < pixels.shape[0] < 1500 and 1200 < pixels.shape[1] < 1800
    picture(release(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_picture_follows_the_data(tmp_path):
    assert (picture(release(), tmp_path / "a.png") != picture(release(shift=3), tmp_path / "b.png")).any()


def test_truth_changes_the_second_row_only(tmp_path):
    products = release()
    then = dict.fromkeys((30, 60), products["radar"]["reflectivity"].values[0])
    without, with_truth = picture(products, tmp_path / "a.png"), picture(products, tmp_path / "b.png", then)
    half = without.shape[0] // 2
    assert (without[:half] == with_truth[:half]).mean() > 0.999 and (without[half:] != with_truth[half:]).any()


def test_not_observed_and_no_echo_have_different_colours(tmp_path):
    products = release()
    products = {"radar": products["radar"].drop_vars("hourly_sum")}
    pixels = {}
    for name, value in (("dry", NO_ECHO_DBZ), ("unseen", np.nan)):
        radar = products["radar"].copy(deep=True)
        radar["reflectivity"][:] = value
        pixels[name] = picture({"radar": radar}, tmp_path / f"{name}.png")
    assert count(pixels["dry"], drawing.DRY) > 100_000 > 2_000 > count(pixels["dry"], drawing.UNSEEN)
    assert count(pixels["unseen"], drawing.UNSEEN) > 60_000 > 2_000 > count(pixels["unseen"], drawing.DRY)


@pytest.mark.parametrize("truth", [None, {30: np.zeros((64, 64), "float32")}])
def test_a_release_without_nowcast_is_drawn_with_its_reason(tmp_path, truth):
    radar = release(state="degraded", degraded="8 of 10 frames are missing; no nowcast: too few frames")["radar"]
    silent = radar.assign_attrs(degraded="8 of 10 frames are missing")
    assert (picture({"radar": radar}, tmp_path / "a.png", truth) != picture({"radar": silent}, tmp_path / "b.png", truth)).any()


def test_an_hour_without_any_radar_is_drawn(tmp_path):
    radar = release(state="degraded", degraded="all radars are missing")["radar"]
    radar["reflectivity"][:] = np.nan
    radar["hourly_sum"][:] = np.nan
    picture({"radar": radar}, tmp_path / "a.png")
    draw_animation({"radar": radar}, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 10


def test_a_nowcast_that_ends_early_and_bare_attributes_are_drawn(tmp_path):
    products = release(leads=LEADS[:6])
    products["radar"].attrs = {}
    picture(products, tmp_path / "a.png")
    draw_animation(products, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == products["radar"].sizes["valid_time"] + 6


def test_the_animation_shows_every_frame_rests_at_t_and_is_the_same_for_the_same_input(tmp_path):
    leads = np.arange(1, 13) * np.timedelta64(5, "m").astype("timedelta64[ns]")
    for name in ("a", "b"):
        draw_animation(release(leads=leads), tmp_path / f"{name}.gif")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.gif").stat().st_size < 1_500_000
    durations = []
    with Image.open(tmp_path / "a.gif") as image:
        assert image.format == "GIF" and image.n_frames == 22
        assert max(image.size) < 700 and min(image.size) > 600
        for index in range(image.n_frames):
            image.seek(index)
            durations.append(image.info["duration"])
    assert [index for index, duration in enumerate(durations) if duration > quicklook.FRAME_MS] == [9, 21]


@pytest.mark.parametrize("shape", [(72, 48), (48, 72)])
def test_grids_need_not_be_square(tmp_path, shape):
    products = release(shape)
    pixels = picture(products, tmp_path / "a.png")
    draw_animation(products, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 20
        assert (image.height > image.width) == (shape[0] > shape[1]) == (pixels.shape[0] > pixels.shape[1])
