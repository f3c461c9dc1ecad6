"""`make baselines`: docs/baselines.md, the reference methods on real storms; needs the real samples (STORMCYCLE_DATA)."""

import os
from pathlib import Path
from typing import Any

from flows.cycle import cycle
from flows.studies.tables import markdown
from flows.verify import verify
from stormcycle.datasets import read_sequence
from stormcycle.verification import REFERENCES, evaluate_sequence
from stormcycle.verification.pictures import draw_score_curves
from tasks.verify import csi_rows, period_scores

DOCUMENT = Path(__file__).parents[2] / "docs" / "baselines.md"
SEQUENCE = "radar/nju_cpol/nju_cpol_001_3.0km.nc"
HOURS = ("2015-07-12T01:00:00Z", "2015-07-12T02:00:00Z")


def main() -> None:
    """Measure and write the document and its picture."""
    reflectivity = read_sequence(Path(os.environ["STORMCYCLE_DATA"]) / SEQUENCE)
    result = evaluate_sequence(reflectivity, REFERENCES)
    draw_score_curves(result, DOCUMENT.parent / "pictures" / "baselines.png", float(reflectivity.attrs["step_minutes"]))
    for hour in HOURS:
        cycle.fn("nanjing", hour)
    scores = period_scores(verify.fn("nanjing"))
    assert scores is not None  # the second hour observed what the first forecast
    lines = [
        "# Baselines on real storms",
        "",
        "Made by `make baselines`. CSI by lead in minutes; counts pooled over windows; a dash where nothing was observed or forecast.",
        "Few windows of one event are a reference, not a climate: no interval can be had from them.",
        "S-PROG, a smoothed field with matched probabilities, scores above the extrapolation that is released at most leads: it is what a model has to beat.",
        "",
        f"## NJU-CPOL sequence 001, 3 km, {result['windows']} windows of 10 + 10 frames (`stormcycle evaluate sprog --sequence ...`)",
        "",
        *markdown(_rows(result)),
        "",
        "![CSI by lead](pictures/baselines.png)",
        "",
        f"## The domain `nanjing`, cycle {HOURS[0]}, verified by what the next cycle observed (`stormcycle verify --domain nanjing`)",
        "",
        "Only pixels inside the radar's disc count. `nowcast` is what was released: extrapolation.",
        "",
        *markdown(csi_rows(scores)),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"method": method, "dBZ": threshold, **{str(6 * (lead + 1)): value for lead, value in enumerate(values)}}
        for method, scores in result["methods"].items()
        for threshold, values in scores["zh"]["csi"].items()
    ]


if __name__ == "__main__":
    main()
