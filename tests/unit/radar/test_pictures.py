"""Pictures of quality control: each draws what it is given."""

from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from stormcycle.radar.pictures import draw_quality
from stormcycle.radar.quality import GateFlag


def volume(seed: int = 3) -> xr.Dataset:
    random = np.random.default_rng(seed)
    reflectivity = random.uniform(5, 50, (360, 60)).astype("float32")
    return xr.Dataset(
        {"reflectivity": (("ray", "gate"), reflectivity)},
        coords={
            "azimuth": ("ray", np.arange(360) + 0.5),
            "elevation": ("ray", np.full(360, 0.5)),
            "sweep": ("ray", np.zeros(360, "int16")),
            "first_gate_m": ("sweeps", [500.0]),
            "gate_m": ("sweeps", [1000.0]),
            "gates": ("sweeps", [60]),
        },
    )


def drawn(folder: Path, flags: np.ndarray) -> np.ndarray:
    path = folder / "picture.png"
    draw_quality(volume(), flags, volume().where(flags == 0), "a title", path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_what_was_rejected_is_seen_in_its_colour_and_is_gone_after(tmp_path: Path):
    nothing, some = np.zeros((360, 60), "uint8"), np.zeros((360, 60), "uint8")
    some[40:80] = GateFlag.STATIC_CLUTTER
    before, after = drawn(tmp_path, nothing), drawn(tmp_path, some)
    orange = np.array([0xD9, 0x5F, 0x02])
    assert (np.abs(after - orange).sum(axis=-1) < 12).sum() > (np.abs(before - orange).sum(axis=-1) < 12).sum() + 500
    third = before.shape[1] // 3
    assert np.array_equal(before[:, : third - 40], after[:, : third - 40])
    assert not np.array_equal(before[:, 2 * third :], after[:, 2 * third :])
