"""The shipped domain `nanjing` on real storms, its nowcast by the shipped model through a real Triton."""

import json
from pathlib import Path

import pytest
from tiny_models import Triton

from flows.cycle import cycle
from flows.verify import verify
from stormcycle.export import export_model
from stormcycle.serving import model_names, read_card, ready_model, reload_model
from stormcycle.verification import read_scores
from tasks.verify import csi_rows, period_scores

pytestmark = pytest.mark.server


@pytest.fixture
def shipped(triton_server: Triton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Triton:
    """The Triton server of the tests with every shipped model, in a house of one's own."""
    for name in ("STORMCYCLE_DOMAINS", "STORMCYCLE_MODELS", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRITON_URL", triton_server.url)
    for model in model_names():
        export_model(model, triton_server.served)
        reload_model(triton_server.url, model)
    return triton_server


def test_every_shipped_model_is_what_its_card_says_and_answers_its_canary(shipped: Triton) -> None:
    for model in model_names():
        ready = ready_model(shipped.url, model, 30.0)
        assert (ready.version, ready.repaired) == (read_card(model).version, False)


def test_nanjing_is_complete_by_the_model_and_verified_against_its_second_hour(shipped: Triton, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMCYCLE_DATA", str(samples))
    first, second = cycle.fn("nanjing", "2015-07-12T01:00Z"), cycle.fn("nanjing", "2015-07-12T02:00Z")
    assert (first.state, first.degraded, second.state) == ("complete", (), "complete")
    manifest = json.loads((Path(first.url).parent / "manifest.json").read_text())
    assert set(manifest["products"]) == {"radar", "nowcast", "probability"}
    assert {"product": "nowcast", "name": "mrkan", "version": read_card("mrkan").version} in manifest["models"]
    verified = verify.fn("nanjing")
    assert {item.cycle_time: item.state for item in verified} == {"2015-07-12T01:00:00Z": "verified", "2015-07-12T02:00:00Z": "waiting"}
    assert not read_scores(Path(verified[0].path))["in_sample"]
    rows = csi_rows(period_scores(verified))
    scores = {row["method"]: float(row["6"]) for row in rows if row["dBZ"] == "20"}
    assert {"nowcast", "smaat_unet", "extrapolation", "persistence", "sprog"} <= set(scores)
    assert scores["persistence"] < scores["nowcast"] <= 1.0
