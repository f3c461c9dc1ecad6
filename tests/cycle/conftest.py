"""What the tests of the satellite and the model branch share: one simulated bucket, one undisturbed cycle, a house for each test."""

from pathlib import Path

import pytest
from house import FIRST
from sky import Sky, fill_bucket, quick_children, sky_house

from flows.cycle import cycle
from tasks.release import Outcome


@pytest.fixture(scope="session")
def sky_bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the feeds of the domain `sky` hold for the cycle of 13 UTC."""
    folder = tmp_path_factory.mktemp("sky") / "bucket"
    fill_bucket(folder)
    return folder


@pytest.fixture
def sky(tmp_path: Path, sky_bucket: Path, monkeypatch: pytest.MonkeyPatch) -> Sky:
    """A house with the domain `sky` and its bucket."""
    quick_children(monkeypatch)
    return sky_house(tmp_path, sky_bucket, monkeypatch)


@pytest.fixture(scope="session")
def clear_sky(tmp_path_factory: pytest.TempPathFactory, sky_bucket: Path) -> tuple[Sky, Outcome]:
    """The house of a cycle with nothing spoiled, each reader in a process of its own as at run time, and how it ended."""
    with pytest.MonkeyPatch.context() as patch:
        house = sky_house(tmp_path_factory.mktemp("clear"), sky_bucket, patch)
        return house, cycle.fn("sky", FIRST)
