"""What tests share: a small simulated domain with its bucket, a house of one's own, the real samples where they are."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from house import SCAN, SMALL, House

import stormcycle  # noqa: F401  (pyproj first)
from stormcycle.domain import parse_domain
from stormcycle.simulator import simulate
from stormcycle.times import parse_time


@pytest.fixture(scope="session")
def simulated_bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of volumes of the domain `small`: (12:00, 14:00] UTC."""
    folder = tmp_path_factory.mktemp("bucket")
    simulate(parse_domain(SMALL, "small.yaml"), parse_time("2026-07-01T12:00Z"), 2, 7, folder, scan=SCAN)
    return folder


@pytest.fixture
def house(tmp_path: Path, simulated_bucket: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with the domain `small` and a copy of its bucket."""
    made = House(tmp_path / "home", tmp_path / "domains", tmp_path / "home/buckets/small")
    made.domains.mkdir(parents=True)
    (made.domains / "small.yaml").write_text(SMALL)
    shutil.copytree(simulated_bucket, made.bucket)
    monkeypatch.setenv("STORMCYCLE_HOME", str(made.home))
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(made.domains))
    for name in ("PREFECT_API_URL", "TRITON_URL"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real samples; tests that need it skip where there is none."""
    folder = os.environ.get("STORMCYCLE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("STORMCYCLE_DATA names no folder of real samples on this machine.")
    return Path(folder)


@pytest.fixture
def rng() -> Iterator[np.random.Generator]:
    """A generator with a fixed seed."""
    yield np.random.default_rng(20150712)
