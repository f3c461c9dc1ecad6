"""`stormcycle background-errors` on an archive of GRIB runs: the pairs that it finds, and what it says of too few."""

from pathlib import Path

import numpy as np
import pytest
from cycle.command_line import stormcycle
from sky import SEED, Sky, put, sky_domain
from typer.testing import CliRunner

from flows.cli import app
from stormcycle.assimilation.errors import read_errors
from stormcycle.background.statistics import StatisticsError, forecast_errors
from stormcycle.domain import load_domain
from stormcycle.domain.assimilation import SHIPPED_ERRORS, Analysis
from stormcycle.simulator import background_fields
from stormcycle.simulator.instruments.model import model_run
from stormcycle.simulator.making import model_grid_of
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.writers import grib
from stormcycle.times import parse_time

OLDER, NEWER, VALID = (parse_time(f"2026-07-01T{hour:02d}:00Z") for hour in (0, 6, 6))


@pytest.fixture
def runs(sky: Sky) -> Sky:
    """A bucket with two runs alone: a forecast of 6 h, and the analysis of the same time."""
    domain = sky_domain()
    for path in sky.bucket.glob("nwp_aladin/**/*.bz2"):
        path.unlink()
    for base, leads in ((OLDER, (5, 6)), (NEWER, (0, 1))):
        run = model_run(world_of(domain, SEED), domain.grid.projection, model_grid_of(domain), base, SEED, leads)
        for channel, key in grib.run_keys(base).items():
            put(sky.bucket / key, grib.field_bytes(run, channel))
    return sky


def test_forecast_minus_analysis_is_what_the_simulated_model_says(runs: Sky, tmp_path: Path) -> None:
    domain = load_domain("sky")
    found = list(forecast_errors(domain, parse_time("2026-07-01T00:00Z"), parse_time("2026-07-01T12:00Z"), tmp_path / "cache", lambda _: None))
    assert [str(time) for time, _ in found] == ["2026-07-01T06:00:00"]
    expected = background_fields(domain, SEED, OLDER, VALID)["state"].values - background_fields(domain, SEED, NEWER, VALID)["state"].values
    difference = found[0][1] - expected
    for channels, close in ((slice(0, 4), 0.1), (slice(4, 12), 0.3), (slice(12, 16), 2.0), (slice(18, 19), 20.0)):
        assert np.sqrt((difference[channels] ** 2).mean()) < close


def test_too_few_pairs_are_said_in_a_sentence_and_nothing_is_written(runs: Sky, tmp_path: Path) -> None:
    span = ("--from", "2026-07-01T00:00Z", "--to", "2026-07-01T12:00Z")
    told = stormcycle("background-errors", "--domain", "sky", *span, "--file", str(tmp_path / "b.nc"))
    assert told.code == 1
    assert "1 pairs of forecast and analysis are too few" in told.err
    assert not (tmp_path / "b.nc").exists()


def test_a_domain_without_a_model_has_no_errors(sky: Sky, tmp_path: Path) -> None:
    sky.settings(background=None, satellite=None)
    with pytest.raises(StatisticsError, match="has no background"):
        list(forecast_errors(load_domain("sky"), OLDER, VALID, tmp_path, lambda _: None))


def test_seasons_want_files_of_their_own(sky: Sky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    times = [parse_time(f"2026-{month:02d}-{day:02d}T00:00Z") for month in (5, 7) for day in range(1, 22)]
    monkeypatch.setattr("stormcycle.background.statistics.forecast_errors", lambda *_: iter([(time, random.normal(size=(19, 33, 33))) for time in times]))
    asked = ["background-errors", "--domain", "sky", "--from", "2026-05-01T00:00Z", "--to", "2026-07-21T00:00Z", "--file"]
    one = CliRunner().invoke(app, [*asked, str(tmp_path / "one.nc")])
    assert one.exit_code == 2
    each = CliRunner().invoke(app, [*asked, str(tmp_path / "of_{season}.nc")])
    assert each.exit_code == 0
    assert {path.name for path in tmp_path.glob("*.nc")} == {"of_MAM.nc", "of_JJA.nc"}
    assert read_errors(tmp_path / "of_JJA.nc").attrs["n_pairs"] == 21
    settings = Analysis(background_errors=str(tmp_path / "of_{season}.nc"))
    assert settings.errors_file(times[0]) == tmp_path / "of_MAM.nc"
    assert Analysis(background_errors="simulated").errors_file(times[0]) == SHIPPED_ERRORS / "simulated.nc"
    (tmp_path / "bad.nc").write_bytes(b"no netCDF")
    with pytest.raises(ValueError, match=r"bad\.nc cannot be read"):
        read_errors(tmp_path / "bad.nc")
