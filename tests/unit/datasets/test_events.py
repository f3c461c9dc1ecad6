from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from stormcycle.datasets.events import Event, at_step, brought, coarsened, read_event


def drifting(count: int, step: float, pixels_a_minute: float = 0.5) -> np.ndarray:
    """Echoes that drift eastward, a frame every step minutes."""
    rows, columns = np.indices((96, 128))
    return np.stack(
        [
            sum(45.0 * np.exp(-((rows - y) ** 2 + (columns - x - pixels_a_minute * step * index) ** 2) / 50.0) for y, x in ((30, 30), (60, 50), (70, 25)))
            for index in range(count)
        ]
    ).astype("float32")


def test_joined_pixels_hold_the_mean_of_z_and_no_echo_counts_as_none(rng: np.random.Generator) -> None:
    frames = rng.uniform(5, 50, (2, 6, 8)).astype("float32")
    frames[0, :2, :2] = -32.0
    frames[1, 0, 0] = -32.0
    frames[1, 4, 4] = np.nan
    made = coarsened(frames, 2)
    assert made.shape == (2, 3, 4)
    assert made[0, 0, 0] == -32.0
    assert np.isnan(made[1, 2, 2])
    for frame, row, column in ((0, 1, 1), (1, 0, 0), (1, 1, 3)):
        block = frames[frame, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype("float64")
        assert made[frame, row, column] == pytest.approx(10 * np.log10(sum(10 ** (value / 10) if value > -32 else 0 for value in block.flat) / 4), abs=1e-4)


def test_another_step_is_reached_along_the_motion_and_not_by_renaming() -> None:
    made, wanted = at_step(drifting(13, 5), 5, 6), drifting(11, 6)
    assert len(made) == 11
    apart = np.abs(np.where(made > 0, made, 0) - wanted)
    renamed = np.abs(drifting(13, 5)[:11] - wanted)
    assert apart.mean() < 0.25 * renamed.mean()
    assert apart[5:].max() < 6.0 < renamed[5:].max()


def test_an_event_says_what_was_done_to_it(tmp_path: Path) -> None:
    values = np.round(drifting(26, 5) / 0.1).astype("int16")
    times = np.datetime64("2016-01-01T00:00") + np.arange(26) * np.timedelta64(5, "m")
    field = xr.Dataset({"dbz": (("time", "y", "x"), values, {"units": "dBZ", "scale_factor": 0.1})}, coords={"time": times})
    field.to_netcdf(tmp_path / "event.nc", engine="h5netcdf")
    event = Event(name="event", file="event.nc", frames=(1, 24), coarsen=2)
    (run,) = read_event(tmp_path, event)
    made = brought(run, event, 6)
    assert (made.sizes["time"], made.sizes["y"], made.attrs["step_minutes"]) == (20, 48, 6)
    assert made.attrs["step"].startswith("5 min carried along the motion to 6 min")
    assert made.attrs["pixels"] == "2 x 2 joined, mean of Z"
    assert made.attrs["selection"] == "frames 0 to 25 of 26, of these 1 to 24"


def test_a_dual_polarisation_event_at_the_networks_step_and_pixel_is_left_as_it_is(samples: Path) -> None:
    event = Event(name="nju", file="radar/nju_cpol/nju_cpol_001_3.0km.nc", frames=(0, 20))
    (run,) = read_event(samples, event)
    made = brought(run, event, 6)
    assert list(made) == ["reflectivity", "zdr", "kdp"]
    for name in made:
        np.testing.assert_array_equal(made[name].values, run[name].values.astype("float32"))
    assert list(brought(run, event.model_copy(update={"coarsen": 2}), 6)) == ["reflectivity"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "one of file, folder and domain"),
        ({"file": "a.nc", "domain": "demo", "hours": ("2026-07-01T00:00Z", "2026-07-01T03:00Z")}, "one of file, folder and domain"),
        ({"folder": "NJU_CPOL_update2308"}, "folder goes with sequence"),
        ({"domain": "demo"}, "domain with hours"),
    ],
)
def test_an_event_has_one_source(source: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Event(name="event", **source)


def test_what_may_not_both_teach_and_choose_is_told_apart_by_source() -> None:
    assert Event(name="a", folder="NJU_CPOL_update2308", sequence=7).source == "NJU_CPOL_update2308/007"
    hours = ("2026-07-01T00:00Z", "2026-07-01T03:00Z")
    assert Event(name="a", domain="demo", hours=hours).source == "demo 2026-07-01T00:00Z to 2026-07-01T03:00Z"
