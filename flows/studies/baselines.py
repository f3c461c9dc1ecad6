"""`make baselines`: docs/baselines.md, the reference methods and every model on real storms; needs the real samples (STORMCYCLE_DATA)."""

import os
from dataclasses import asdict
from pathlib import Path

import xarray as xr

from flows.cycle import cycle
from flows.studies.tables import markdown
from flows.triton import start_triton, stop_triton
from flows.verify import verify
from stormcycle.datasets import read_sequence
from stormcycle.export import export_model
from stormcycle.export.costs import costs_of
from stormcycle.export.in_process import exceedance_forecaster, forecaster
from stormcycle.serving import nowcast_names, read_card, served_repository
from stormcycle.verification import (
    CHANCE_REFERENCES,
    ENSEMBLE_CHANCES,
    ENSEMBLE_REFERENCES,
    REFERENCES,
    SEEN_REFERENCES,
    chance_sums,
    chances_result,
    evaluate_sequence,
)
from stormcycle.verification.pictures import draw_reliability, draw_score_curves
from stormcycle.verification.tables import OTHER_EVENTS, chance_rows, cost_rows, errors_beside_paper, events_beside_paper, lead_rows
from tasks.verify import csi_rows, period_scores

DOCUMENT = Path(__file__).parents[2] / "docs" / "baselines.md"
SEQUENCE = "radar/nju_cpol/nju_cpol_001_3.0km.nc"
HOURS = ("2015-07-12T01:00:00Z", "2015-07-12T02:00:00Z")


def main() -> None:
    """Measure and write the document and its picture."""
    data = Path(os.environ["STORMCYCLE_DATA"])
    models = {name: forecaster(name) for name in nowcast_names() if not read_card(name).saw(SEQUENCE)}
    sequence = read_sequence(data / SEQUENCE)
    result = evaluate_sequence(sequence, {**REFERENCES, **SEEN_REFERENCES, **ENSEMBLE_REFERENCES, **models})
    step = float(sequence.attrs["step_minutes"])
    draw_score_curves(result, DOCUMENT.parent / "pictures" / "baselines.png", step)
    versions = ", ".join(f"{name} {read_card(name).version}" for name in models)
    lines = [
        "# Baselines and models on real storms",
        "",
        "Made by `make baselines`. CSI by lead in minutes; counts pooled over windows; a dash where nothing was observed or forecast.",
        "Few windows of one event are a reference, not a climate: no interval can be had from them, and differences below .02 say nothing.",
        "Events are values at or above dBZ (zh), dB (zdr), degree km-1 (kdp). Motion is that of zh; S-PROG and the mean of the STEPS ensemble (8",
        "members, rain rates) are of zh, their zdr and kdp are the extrapolation. `_disc`: the same method cut to the disc that the radar sees, which a model",
        "knows too; part of a model's gain is this. Part is frequency bias (1 is right), which stands below. No model was trained or chosen on this event",
        f"({versions}).",
        "",
        f"## NJU-CPOL sequence 001, 3 km, {result['windows']} windows of 10 + 10 frames (`stormcycle evaluate MODEL --sequence ...`)",
        "",
        *markdown(lead_rows(result, "csi", step)),
        "",
        "![CSI by lead](pictures/baselines.png)",
        "",
        "## Frequency bias, the same",
        "",
        *markdown(lead_rows(result, "bias", step)),
        "",
        "## Mean over leads, the MRKAN paper's figures below ours",
        "",
        OTHER_EVENTS,
        "",
        *markdown(events_beside_paper(result)),
        "",
        "## Errors, mean over leads: physical units, and grey levels 0-255",
        "",
        OTHER_EVENTS,
        "",
        *markdown(errors_beside_paper(result)),
        "",
        *_probabilities(sequence, list(models), step),
        "## Costs at 256 x 256",
        "",
        *markdown(cost_rows({name: asdict(costs_of(name)) for name in models})),
        "",
        *_released(),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _probabilities(sequence: xr.Dataset, models: list[str], step: float) -> list[str]:
    """What the probabilities of models are worth beside the references, as lines of Markdown; draws their picture."""
    told = {name: exceedance_forecaster(name) for name in models}
    methods = {**CHANCE_REFERENCES, **ENSEMBLE_CHANCES, **{name: method for name, method in told.items() if method is not None}}
    result = chances_result(chance_sums(sequence, methods))
    draw_reliability(result, DOCUMENT.parent / "pictures" / "reliability.png")
    document = {"probabilities": result}
    return [
        "## Probabilities: Brier score (0 is perfect) by lead in minutes",
        "",
        "`extrapolation` is sure of itself, 0 or 1; `lagrangian` is the share of its neighbourhood, wider by a kilometre a minute (Germann and Zawadzki",
        "2004, by pySTEPS); `steps` the share of an ensemble of 12. Only pixels count where every method knows something.",
        "",
        *markdown(chance_rows(document, "brier", step)),
        "",
        "Skill, one minus the ratio to the Brier score of the observed share (1 is perfect, below 0 the share itself is better):",
        "",
        *markdown(chance_rows(document, "skill", step)),
        "",
        "![Reliability](pictures/reliability.png)",
        "",
    ]


def _released() -> list[str]:
    """What the domain nanjing released, verified, as lines of Markdown."""
    for name in nowcast_names():
        export_model(name, served_repository())
    os.environ["TRITON_URL"] = start_triton(served_repository())
    try:
        made = [cycle.fn("nanjing", hour, revise=True) for hour in HOURS]
    finally:
        stop_triton()
    scores = period_scores(verify.fn("nanjing"))
    assert scores is not None  # the second hour observed what the first forecast
    return [
        f"## The domain `nanjing`, cycle {HOURS[0]}, verified by what the next cycle observed (`stormcycle verify --domain nanjing`)",
        "",
        f"Only pixels inside the radar's disc count. `nowcast` is what was released ({made[0].state}), by the domain's model through Triton.",
        "",
        *markdown(csi_rows(scores)),
    ]


if __name__ == "__main__":
    main()
