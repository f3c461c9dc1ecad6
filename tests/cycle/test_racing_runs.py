"""Two runs of one cycle at once: one release, one pointer, and the loser says that it was overtaken."""

import json
import multiprocessing
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from bad_input.spoiling import undisturbed
from cycle.command_line import finished, start
from house import FIRST, House

import tasks.release
from stormcycle.cycle import LostToken, dataset_digest, load, save, take_token
from stormcycle.release.store import read_product
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.grid import grid
from tasks.models import models
from tasks.mosaic import mosaic
from tasks.nowcast import nowcast
from tasks.pin import pin
from tasks.probability import probability
from tasks.quality import quality
from tasks.release import Outcome, release
from tasks.seam import Hour, Item, Product


def computed() -> tuple[Hour, list[Item], list[Product]]:
    """Everything before the release, by the same tasks that the flow calls."""
    hour = pin("small", FIRST, False)
    grids = grid(hour, quality(hour, decode(hour, fetch(hour))))
    radar = mosaic(hour, grids)
    served = models(hour)
    return hour, grids, [radar, nowcast(hour, radar, served), probability(hour, radar, served)]


def test_two_processes_leave_one_release_and_the_pointer_at_it(house: House, simulated_bucket: Path) -> None:
    runs = [start("cycle", "--domain", "small", "--time", FIRST) for _ in range(2)]
    said = [finished(run) for run in runs]
    folder = house.home / "releases/small"
    url = str(folder / "2026/07/01T13Z/v1/release.zarr")
    for item in said:
        assert item.code in (0, 1)
        assert item.out.rstrip("\n").endswith(url) if item.code == 0 else "was overtaken by run" in item.err, item.err
    assert 0 in {item.code for item in said}
    assert [str(path.relative_to(folder)) for path in folder.rglob("manifest.json")] == ["2026/07/01T13Z/v1/manifest.json"]
    assert json.loads((folder / "latest.json").read_text())["url"] == url
    digest = json.loads((folder / "2026/07/01T13Z/v1/manifest.json").read_text())["digest"]
    assert digest == undisturbed(simulated_bucket).digest


def test_a_run_that_lost_its_token_cannot_publish_neither_before_nor_while_it_writes(house: House) -> None:
    hour, grids, products = computed()
    newer = replace(hour, token=take_token(hour.folder))
    with pytest.raises(LostToken, match=f"Run {hour.token} of this cycle was overtaken by run {newer.token}"):
        release(hour, grids, products)
    assert not list((house.home / "releases").rglob("*.json"))
    forked = multiprocessing.get_context("fork")
    outcome, written, overtaken = forked.Queue(), forked.Event(), forked.Event()
    older = forked.Process(target=_released, args=(newer, grids, products, outcome, written, overtaken))
    older.start()
    assert written.wait(timeout=60)
    newest = replace(hour, token=take_token(hour.folder))
    made = release(newest, grids, products)
    overtaken.set()
    said = outcome.get(timeout=60)
    older.join()
    assert said.startswith("LostToken"), said
    assert (made.new, made.version) == (True, 1)
    released = {name: xr.open_zarr(made.url, group=name, consolidated=False).load() for name in ("radar", "nowcast", "probability")}
    assert all(len(fields.data_vars) for fields in released.values())
    assert Path(made.quicklook).stat().st_size > 10_000


def _released(hour: Hour, grids: list[Item], products: list[Product], said: "Queue[str]", written: Event, overtaken: Event) -> None:
    """Release as ever, but between writing the store and checking it wait until another run has overtaken this one."""

    def read_late(*args: Any) -> xr.Dataset:
        written.set()
        assert overtaken.wait(timeout=60)
        return read_product(*args)

    tasks.release.read_product = read_late
    try:
        made: Outcome = release(hour, grids, products)
        said.put(f"released {made.url}")
    except Exception as error:
        said.put(f"{type(error).__name__}: {error}")


def test_what_a_racing_run_saves_again_can_be_read_all_the_while(tmp_path: Path) -> None:
    fields = xr.Dataset({"reflectivity": (("y", "x"), np.arange(256.0 * 256.0).reshape(256, 256))})
    kept = save(tmp_path, "grid", "key", fields)
    racing = multiprocessing.get_context("fork").Process(target=_save_often, args=(tmp_path, fields))
    racing.start()
    read, trouble = 0, []
    while racing.is_alive():
        try:
            trouble += ["other values"] if dataset_digest(load(tmp_path, kept)) != kept.digest else []
        except Exception as error:
            trouble.append(type(error).__name__)
        read += 1
    racing.join()
    assert (racing.exitcode, read > 10, trouble) == (0, True, [])


def _save_often(folder: Path, fields: xr.Dataset) -> None:
    for _ in range(100):
        save(folder, "grid", "key", fields)
