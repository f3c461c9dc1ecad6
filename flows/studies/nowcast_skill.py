"""`make nowcast-study`: docs/nowcast_skill.md, learned nowcasts on events withheld from their training, with intervals; needs the real samples.

One event has few windows, so the recipes are followed again without two of their longest events, with the same budget of steps
for every network, and judged there. Trainings take hours on two cores; they are kept below $STORMCYCLE_HOME/training and go on
where they were interrupted.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr
from rich.console import Console
from rich.progress import Progress

from flows.studies.learning import derived, learned
from flows.studies.peers import matched, offset_sprog, sprog_offset
from flows.studies.tables import markdown
from stormcycle.datasets.events import Event, brought, read_event
from stormcycle.export.costs import costs_of, network_costs
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.networks import build
from stormcycle.serving import nowcast_names
from stormcycle.training import read_recipe
from stormcycle.verification import (
    CHANCE_REFERENCES,
    REFERENCES,
    SEEN_REFERENCES,
    brier_intervals,
    chance_sums,
    chances_result,
    csi_intervals,
    result_of,
    window_sums,
)
from stormcycle.verification.chances import ChanceMethod
from stormcycle.verification.pictures import draw_reliability, draw_score_curves
from stormcycle.verification.references import Method
from stormcycle.verification.tables import brier_interval_rows, chance_rows, cost_rows, event_rows, interval_rows, lead_rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "nowcast_skill.md"
WITHHELD = ("nju_cpol_005", "knmi_rap_20100826")
STEPS = {"smaat_unet": 300, "conv_lstm": 300, "mrkan_direct": 150, "mrkan": 600}
"""What two cores had time for; a step of the paper's form takes several times as long as one of the others."""
DIRECT = {"network": "mrkan_direct", "size": "small"}
STEP_MINUTES = 6
SHOWN = "mrkan"
"""What the others are compared with."""
Found = TypeVar("Found")


def main() -> None:
    """Train, measure and write the document and its pictures."""
    data = Path(os.environ["STORMCYCLE_DATA"])
    methods, chances, lines = followed(data)
    for name in WITHHELD:
        lines += judged(name, data, methods, chances)
    DOCUMENT.write_text("\n".join([*lines, *costs()]) + "\n")


def followed(data: Path) -> tuple[dict[str, Method], dict[str, ChanceMethod], list[str]]:
    """The nowcasts and the probabilities of all networks, trained, beside the references; what is said of them as lines of Markdown."""
    methods: dict[str, Method] = {**REFERENCES, **SEEN_REFERENCES}
    chances: dict[str, ChanceMethod] = {**CHANCE_REFERENCES}
    trained = []
    for name, steps in STEPS.items():
        recipe = read_recipe(SHOWN if name == "mrkan_direct" else name)
        made = learned(name, derived(recipe, steps, WITHHELD, DIRECT if name == "mrkan_direct" else None), data)
        methods[name] = made.alone
        told = {"share of S-PROG by lead": "", "offset by lead, dB": ""}
        if name == SHOWN:
            offsets = sprog_offset(made.chosen)
            told = dict(zip(told, map(_listed, (made.finish.sprog_share, made.finish.offset_db)), strict=True))
            methods |= {"sprog_offset": offset_sprog(offsets), f"{name}_alone": made.alone, f"{name}_shared": made.shared}
            methods |= {f"{name}_matched": matched(made.method), name: made.method}
        chances |= made.chances
        scores = {"score before": made.first_score, "best score": made.best_score}
        trained.append({"network": name, "steps": made.steps, **scores, **told})
    lines = [
        "# Nowcasts on events withheld from training",
        "",
        f"Made by `make nowcast-study`. Every network was trained again without {' and '.join(WITHHELD)}, for the steps below: what two cores had time for,",
        "chosen on the events on which the shipped one is chosen, and judged on what was withheld. Scores are means over leads, their counts pooled over",
        "windows; intervals (95 %) by moving blocks of 20 windows: three blocks are few, so that they are rough themselves. `mrkan` is blended with S-PROG and",
        "has an offset, by lead, fitted on the events that choose; `mrkan_alone` has neither, `mrkan_shared` no offset; `mrkan_matched` is `mrkan` brought",
        "to the last observed distribution; `mrkan_direct` is the paper's own form, which sees frames as they are and says the forecast itself. `_disc` and",
        f"`sprog_offset` are cut to where the radar sees; the latter has an offset by lead that was fitted on the events that choose: {_listed(offsets)} dB.",
        "Frequency bias (1 is right) stands beside every CSI: part of a gain in CSI is bias.",
        "",
        *markdown(trained),
        "",
    ]
    return methods, chances, lines


def judged(name: str, data: Path, methods: Mapping[str, Method], chances: Mapping[str, ChanceMethod]) -> list[str]:
    """The tables of one withheld event as lines of Markdown; draws its pictures."""
    (event,) = (event for event in read_recipe(SHOWN).events if event.name == name)
    sequence = _sequence(event, data)
    return [*_nowcasts(name, sequence, methods), *_probabilities(name, sequence, chances)]


def costs() -> list[str]:
    """What all networks cost, the paper's own size too, as lines of Markdown."""
    forms = {f"mrkan_direct, {size}": build("mrkan_direct", size=size).eval() for size in ("small", "paper")}
    spent = {**{name: costs_of(name) for name in nowcast_names()}, **{name: network_costs(network, 3) for name, network in forms.items()}}
    return ["## Costs at 256 x 256", "", *markdown(cost_rows({name: asdict(cost) for name, cost in spent.items()}))]


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _sequence(event: Event, data: Path) -> xr.Dataset:
    """The frames of a withheld event at the step and pixel of the networks."""
    (runs,) = read_each(read_event, [(data, event)])
    if isinstance(runs, ReadFailure):
        raise ValueError(runs.reason)
    (run,) = runs
    return brought(run, event, STEP_MINUTES)


def _watched(name: str, sums: Callable[..., list[Found]], sequence: xr.Dataset, methods: Mapping[str, Any]) -> list[Found]:
    """The sums of every window, with a bar."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"windows of {name}", total=None)
        return sums(sequence, methods, lambda done, total: bar.update(task, completed=done, total=total))


def _nowcasts(name: str, sequence: xr.Dataset, methods: Mapping[str, Method]) -> list[str]:
    """The tables of nowcasts of one withheld event as lines of Markdown; draws its picture."""
    windows = _watched(name, window_sums, sequence, methods)
    result = result_of(windows)
    picture = f"pictures/nowcast_skill_{name}.png"
    drawn = {**result, "methods": {method: result["methods"][method] for method in result["methods"] if not method.endswith(("_matched", "_disc"))}}
    draw_score_curves(drawn, DOCUMENT.parent / picture, STEP_MINUTES)
    intervals = csi_intervals(windows, SHOWN)
    done = "; ".join(f"{key}: {sequence.attrs[key]}" for key in ("conversion", "selection", "step") if key in sequence.attrs)
    return [
        f"## {name}: {result['windows']} windows",
        "",
        f"{done}.",
        "",
        *markdown(event_rows(result)),
        "",
        f"![CSI by lead]({picture})",
        "",
        f"### Intervals of the mean CSI, and of what `mrkan` gains over each method ({intervals.get('blocks')} blocks)",
        "",
        *(markdown(interval_rows(intervals)) if "csi" in intervals else [intervals["why_none"]]),
        "",
        "### CSI by lead (min)",
        "",
        *markdown(lead_rows(result, "csi", STEP_MINUTES)),
        "",
    ]


def _probabilities(name: str, sequence: xr.Dataset, methods: Mapping[str, ChanceMethod]) -> list[str]:
    """The tables of probabilities of one withheld event as lines of Markdown; draws its picture."""
    windows = _watched(f"{name}, probabilities", chance_sums, sequence, methods)
    result = chances_result(windows)
    picture = f"pictures/reliability_{name}.png"
    draw_reliability(result, DOCUMENT.parent / picture)
    intervals = brier_intervals(windows, SHOWN)
    document = {"probabilities": result}
    return [
        "### Probabilities: Brier score by lead (min), where every method knows something",
        "",
        *markdown(chance_rows(document, "brier", STEP_MINUTES)),
        "",
        "Skill, one minus the ratio to the Brier score of the observed share:",
        "",
        *markdown(chance_rows(document, "skill", STEP_MINUTES)),
        "",
        f"Intervals, and what `mrkan` has more than each method (below 0: it is better; {intervals.get('blocks')} blocks):",
        "",
        *(markdown(brier_interval_rows(intervals)) if "brier" in intervals else [intervals["why_none"]]),
        "",
        f"![Reliability]({picture})",
        "",
    ]


if __name__ == "__main__":
    main()
