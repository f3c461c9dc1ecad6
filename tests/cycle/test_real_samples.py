"""Whole cycles of the shipped domains on real samples."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from flows.cycle import cycle
from stormcycle.domain import SHIPPED
from stormcycle.states import Provenance
from tasks.release import Outcome


@pytest.fixture
def home(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house of one's own for the shipped domains and the real samples."""
    monkeypatch.delenv("STORMCYCLE_DOMAINS", raising=False)
    monkeypatch.setenv("STORMCYCLE_DATA", str(samples))
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def fields(outcome: Outcome, name: str) -> xr.Dataset:
    return xr.open_zarr(outcome.url, group=name, consolidated=False).load()


def told(outcome: Outcome) -> dict:
    return json.loads((Path(outcome.url).parent / "manifest.json").read_text())


def test_hytop_starts_from_a_volume_half_an_hour_old(home: Path) -> None:
    made = cycle.fn("khtx", "2008-04-11T19:00Z")
    assert made.state == "degraded"
    assert {"frames_missing", "extrapolated_from_old_frames"} <= {reason.code for reason in made.degraded}
    manifest = told(made)
    assert set(manifest["products"]) == {"radar", "nowcast", "probability"}
    assert all(len(item["sha256"]) == 64 and item["state"] in ("ok", "partial") for item in manifest["inputs"])
    radar, nowcast = fields(made, "radar"), fields(made, "nowcast")
    assert np.isnan(radar["hourly_sum"].values).all()
    assert 40.0 < np.nanmax(radar["reflectivity"].values) < 80.0
    assert nowcast["valid_time"].values[0] == np.datetime64("2008-04-11T19:05:00", "ns")
    assert abs(nowcast["actual_time"].values - np.datetime64("2008-04-11T18:34:03", "ns")) < np.timedelta64(60, "s")
    assert (nowcast["reflectivity"].values[0] >= 20.0).mean() > 0.01


def test_sweden_is_a_mosaic_of_eleven_radars_without_a_nowcast(home: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cycle.fn("sweden", "2014-08-12T12:00Z")
    assert made.state == "degraded"
    assert [reason.code for reason in made.degraded] == ["frames_missing", "no_nowcast"]
    manifest = told(made)
    assert manifest["products"] == ["radar"]
    assert [item["state"] for item in manifest["inputs"]] == ["ok"] * 11
    whole = fields(made, "radar")["observed"].values[-1]

    bucket, domains = tmp_path / "bucket", tmp_path / "domains"
    shutil.copytree(samples / "radar/odim_h5/sweden_20140812T1200", bucket)
    (bucket / "sekir.h5").unlink()
    domains.mkdir()
    text = (SHIPPED / "sweden.yaml").read_text().replace("name: sweden", "name: ten-radars")
    (domains / "ten-radars.yaml").write_text(text.replace("${STORMCYCLE_DATA}/radar/odim_h5/sweden_20140812T1200", str(bucket)))
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(domains))
    without = cycle.fn("ten-radars", "2014-08-12T12:00Z")
    missing = [reason.detail for reason in without.degraded if reason.code == "radar_missing"]
    assert len(missing) == 1
    assert missing[0].startswith("sekir")
    rest = fields(without, "radar")["observed"].values[-1]
    assert not (rest & ~whole).any()
    assert 0.6 < rest.sum() / whole.sum() < 0.99


def test_feldberg_is_a_complete_hour_of_two_neighbouring_radars_without_its_clutter(home: Path) -> None:
    made = cycle.fn("feldberg", "2008-06-02T17:00Z")
    assert (made.state, made.degraded) == ("complete", ())
    manifest = told(made)
    assert set(manifest["products"]) == {"radar", "nowcast", "probability"}
    assert [item["state"] for item in manifest["inputs"]] == ["ok"] * 24
    radar = fields(made, "radar")
    flags = radar["provenance"].values
    assert radar["observed"].values.any(axis=(1, 2)).all()
    assert not (flags & Provenance.FILLED_BY_ADVECTION).any()
    cluttered = (flags & Provenance.STATIC_CLUTTER) > 0
    assert (cluttered.mean(axis=(1, 2)) > 0.001).all()
    assert (cluttered.mean(axis=(1, 2)) < 0.1).all()
    assert ((flags[cluttered] & Provenance.REJECTED_BY_QUALITY_CONTROL) > 0).all()
    assert 45.0 < np.nanmax(radar["reflectivity"].values) < 70.0
    assert np.nanmax(radar["hourly_sum"].values) > 40.0
