"""What `stormcycle evaluate` does: methods brought together, windows scored, the MRKAN paper's tables made."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xarray as xr
import yaml
from rich.markup import escape
from rich.progress import Progress

from flows.cli.answering import fail, said, say, table
from stormcycle.datasets import read_sequence
from stormcycle.export import ExportError
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.home import expand
from stormcycle.nowcast.steps import LONGEST_MIN
from stormcycle.serving import ServingError, models_folder, nowcast_names, read_card
from stormcycle.verification import (
    CHANCE_REFERENCES,
    ENSEMBLE_REFERENCES,
    REFERENCES,
    SEEN_REFERENCES,
    chance_sums,
    chances_result,
    csi_intervals,
    result_of,
    window_sums,
)
from stormcycle.verification.references import Method
from stormcycle.verification.tables import OTHER_EVENTS, chance_rows, cost_rows, errors_beside_paper, events_beside_paper, interval_rows, lead_rows


def shown_sequences(model: str) -> list[Path]:
    """The sequences that a model's recipe shows skill on, below STORMCYCLE_DATA. Raises RecipeError."""
    from stormcycle.training import read_recipe

    data = Path(expand("${STORMCYCLE_DATA}"))
    return [data / name for name in read_recipe(model).shown]


def evaluated(model: str, path: Path, figure: Path | None = None) -> dict[str, Any]:
    """The evaluation of a sequence as plain JSON: `result_of`, its intervals, and which models were made with this event.

    A sequence of another step than a model's is brought to it. Ends the command with a sentence where the sequence cannot be read, or its
    frames are too far apart for a model.
    """
    (sequence,) = read_each(read_sequence, [(path,)])
    if isinstance(sequence, ReadFailure):
        fail(sequence.reason)
    step = float(sequence.attrs["step_minutes"])
    if step > LONGEST_MIN:
        fail(f"{path.name} has a frame every {step:g} min; frames more than {LONGEST_MIN:g} min apart cannot be brought to a model's step.")
    models = _models(model, step)
    methods = {**REFERENCES, **SEEN_REFERENCES, **ENSEMBLE_REFERENCES, **models}
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task(f"windows of {escape(path.name)}", total=None)
        windows = window_sums(sequence, methods, lambda done, total: bar.update(task, completed=done, total=total))
    result = result_of(windows)
    if figure is not None:
        from stormcycle.verification.pictures import draw_score_curves

        draw_score_curves(result, figure, step)
    in_sample = {name: read_card(name).saw(path.name) for name in models}
    return {
        **result,
        "probabilities": _chances(sequence, step, list(models), path.name),
        "step_minutes": step,
        "in_sample": in_sample.get(model, False),
        "in_sample_models": in_sample,
        "intervals": csi_intervals(windows, model),
    }


def _chances(sequence: xr.Dataset, step: float, models: list[str], name: str) -> dict[str, Any]:
    """The scores of the exceedance probabilities that models tell, beside references, as plain JSON."""
    from stormcycle.export.in_process import exceedance_forecaster

    told = {model: exceedance_forecaster(model, step) for model in models}
    methods = {**CHANCE_REFERENCES, **{model: method for model, method in told.items() if method is not None}}
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task(f"probabilities of {escape(name)}", total=None)
        return chances_result(chance_sums(sequence, methods, lambda done, total: bar.update(task, completed=done, total=total)))


def _models(named: str, step: float) -> dict[str, Method]:
    """The named model and every other one, of frames every `step` minutes; one that is broken is said and left out."""
    from stormcycle.export.in_process import forecaster

    found = {}
    for name in sorted(nowcast_names(), key=lambda other: other == named):
        try:
            found[name] = forecaster(name, step)
        except (ServingError, ExportError) as error:
            if name == named:
                raise
            said.print(f"{escape(name)} is left out: {escape(str(error))}", soft_wrap=True)
    return found


def costs(models: Iterable[str]) -> dict[str, dict[str, float]]:
    """What the networks of models cost, by name."""
    from stormcycle.export.costs import costs_of

    return {name: asdict(costs_of(name)) for name in sorted(models)}


def shown_tables(model: str, name: str, document: dict[str, Any]) -> None:
    """The paper's tables of one evaluated sequence on standard output, and the paper's own rows below ours."""
    sample = f"{name}, {document['windows']} windows"
    _rows(f"Mean over leads on {sample}", events_beside_paper(document))
    say(OTHER_EVENTS)
    for title, score in (("CSI", "csi"), ("Frequency bias", "bias")):
        _rows(f"{title} by lead (min) on {sample}", lead_rows(document, score, document["step_minutes"]))
    _rows(f"Errors on {sample}: physical units, and grey levels 0-255", errors_beside_paper(document))
    say(OTHER_EVENTS)
    step = document["step_minutes"]
    _rows(f"Brier score (0 is perfect) of probabilities by lead (min) on {sample}, where every method knows something", chance_rows(document, "brier", step))
    _rows(f"Brier skill (1 is perfect, 0 as good as the observed share) on {sample}", chance_rows(document, "skill", step))
    _interval_table(document["intervals"], sample)
    for one, seen in document["in_sample_models"].items():
        if seen:
            say(f"{one} was made with this event: its score here is in sample and shows no skill.")


def _interval_table(intervals: dict[str, Any], sample: str) -> None:
    if "why_none" in intervals:
        say(intervals["why_none"])
        return
    title = f"CSI, mean over leads, {intervals['level']:.0%} intervals on {sample}, {intervals['blocks']} blocks of {intervals['block']}"
    _rows(f"{title}; gain: of {intervals['against']} over the method", interval_rows(intervals))


def cost_table(spent: dict[str, dict[str, float]]) -> None:
    """Parameters, multiplications and latency of our models at 256 x 256, and the paper's below."""
    _rows("Costs at 256 x 256; ours are measured here, the paper's as printed", cost_rows(spent))


def ablation_table(model: str) -> None:
    """A model's blocks switched off, as `make ablation-study` measured them, beside the paper's; nothing for a model without."""
    path = models_folder() / model / "ablation.yaml"
    if path.is_file():
        _rows("Blocks switched off, an equal budget each: CSI, mean over leads (docs/ablation.md)", yaml.safe_load(path.read_text(encoding="utf-8")))


def _rows(title: str, rows: list[dict[str, Any]]) -> None:
    table(title, list(rows[0]), [list(row.values()) for row in rows])
