"""`stormcycle innovations`: the operator that Triton serves, asked of released backgrounds."""

from pathlib import Path

import numpy as np
import pytest
from bad_input.spoiling import product
from cycle.command_line import stormcycle
from cycle.test_analysis import with_analysis
from house import FIRST
from sky import fill_bucket, quick_children, sky_house
from tiny_models import Triton

from flows.cycle import cycle
from stormcycle.export import export_model
from stormcycle.serving import reload_model

pytestmark = pytest.mark.server


def test_the_served_operator_says_what_the_analysis_said(triton_server: Triton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORMCYCLE_MODELS", raising=False)
    export_model("radar_operator", triton_server.served)
    reload_model(triton_server.url, "radar_operator")
    fill_bucket(tmp_path / "bucket")
    quick_children(monkeypatch)
    with_analysis(sky_house(tmp_path / "house", tmp_path / "bucket", monkeypatch))
    made = product(cycle.fn("sky", FIRST), "analysis")
    asked = ("innovations", "--domain", "sky", "--from", FIRST, "--to", FIRST)
    assert "TRITON_URL is not set" in stormcycle(*asked).err
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    said = stormcycle(*asked, "--json")
    assert said.code == 0, said.err
    (row,) = said.document["hours"]
    seen = made["hourly_sum"].values
    apart = (np.maximum(seen, 13.5) - np.maximum(made["hourly_sum_background"].values, 13.5))[~np.isnan(seen)]
    assert row["mean"] == pytest.approx(apart.mean(), abs=0.01)
    assert row["rmse"] == pytest.approx(np.sqrt((apart**2).mean()), abs=0.01)
    assert (row["lead_hours"], row["observations"]) == (7.0, int((~np.isnan(seen)).sum()))
    assert said.document["version"] == made.attrs["operator_version"]
