"""`make nowcast-study`: docs/nowcast_skill.md, learned nowcasts on events withheld from their training, with intervals; needs the real samples.

One event has few windows, so every recipe is followed again without each of its two longest events, and judged there. The trainings take
minutes on a GPU and a day on two cores; they are kept below $STORMCYCLE_HOME/training and go on where they were interrupted.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
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
from stormcycle.training.nowcasts import SCORE_WEIGHTS
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
from stormcycle.verification.tables import brier_interval_rows, chance_rows, cost_rows, event_rows, interval_rows, lead_rows, mean_over_leads

DOCUMENT = Path(__file__).parents[2] / "docs" / "nowcast_skill.md"
WITHHELD = ("nju_cpol_005", "knmi_rap_20100826")
NETWORKS = ("smaat_unet", "conv_lstm", "mrkan_direct", "mrkan")
DIRECT, DIRECT_STEPS = {"network": "mrkan_direct", "size": "small"}, 600
"""The paper's own form, which no recipe has."""
STEP_MINUTES = 6
SHOWN = "mrkan"
"""What the others are compared with."""
INTRODUCTION = f"""# Nowcasts on events withheld from training

Made by `make nowcast-study`. For each event below every network was trained again without it, as its recipe says (the paper's own form
`mrkan_direct`, which sees frames as they are and says the forecast itself, for {DIRECT_STEPS} steps), and chosen on the events on which the shipped one is.
Scores are means over leads, their counts pooled over windows; intervals (95 %) by moving blocks of 20 windows: three blocks are few, so that they
are rough themselves. `mrkan` is what is shipped, made again without the event: blended with S-PROG, with an offset, by lead, both fitted on the
events that choose and on the other event of this page with a network that saw neither of the two. `mrkan_alone` has neither, `mrkan_shared` no
offset; `mrkan_matched` is `mrkan` brought to the last observed distribution. `_disc` and `sprog_offset` are cut to where the radar sees; the latter
has an offset by lead that was fitted where that of `mrkan` was.
Frequency bias (1 is right) stands beside every CSI: part of a gain in CSI is bias.
"""
Found = TypeVar("Found")


def main() -> None:
    """Train, measure and write the document and its pictures."""
    data = Path(os.environ["STORMCYCLE_DATA"])
    told = {name: judged(name, data) for name in WITHHELD}
    lines = [INTRODUCTION, *overall({name: result for name, (_, result) in told.items()}), *(line for part, _ in told.values() for line in part)]
    DOCUMENT.write_text("\n".join([*lines, *costs()]) + "\n")


def overall(results: Mapping[str, dict[str, Any]]) -> list[str]:
    """What a method is worth on every event, the best first, by the score that chooses checkpoints and finish, as lines of Markdown."""
    whole = sum(weight for _, weight in SCORE_WEIGHTS)
    rows: list[dict[str, Any]] = []
    for method in next(iter(results.values()))["methods"]:
        csi = {name: result["methods"][method]["zh"]["csi"] for name, result in results.items()}
        scores = {name: sum(weight * (mean_over_leads(one[f"{dbz:g}"]) or 0.0) for dbz, weight in SCORE_WEIGHTS) / whole for name, one in csi.items()}
        rows.append({"method": method, **scores, "mean": mean(scores.values())})
    weights = ", ".join(f"{weight:g} at {dbz:g}" for dbz, weight in SCORE_WEIGHTS)
    told = f"Weighted CSI of zh (weights {weights} dBZ), mean over leads: what chooses checkpoints and finish, on events that none of them saw."
    return ["## Which is best", "", told, "", *markdown(sorted(rows, key=lambda row: -row["mean"])), ""]


def judged(name: str, data: Path) -> tuple[list[str], dict[str, Any]]:
    """The tables of one withheld event as lines of Markdown, and the result of the nowcasts there; draws its pictures."""
    (event,) = (event for event in read_recipe(SHOWN).events if event.name == name)
    methods, chances, trained = followed(name, data)
    sequence = _sequence(event, data)
    nowcasts, result = _nowcasts(name, sequence, methods)
    return [f"## {name}", "", *markdown(trained), "", *nowcasts, *_probabilities(name, sequence, chances)], result


def followed(withheld: str, data: Path) -> tuple[dict[str, Method], dict[str, ChanceMethod], list[dict[str, Any]]]:
    """The nowcasts and the probabilities of all networks, trained without an event, beside the references; a row for each that says how that went."""
    methods: dict[str, Method] = {**REFERENCES, **SEEN_REFERENCES}
    chances: dict[str, ChanceMethod] = {**CHANCE_REFERENCES}
    trained = []
    for name in NETWORKS:
        recipe = read_recipe(SHOWN if name == "mrkan_direct" else name).without(withheld)
        made = learned(name, derived(recipe, DIRECT_STEPS, DIRECT) if name == "mrkan_direct" else recipe, data)
        methods[name] = made.alone
        told = {"share of S-PROG by lead": "", "offset by lead, dB": "", "offset of `sprog_offset`, dB": ""}
        if name == SHOWN:
            offsets = sprog_offset(made.fitted_on)
            told = dict(zip(told, map(_listed, (made.finish.sprog_share, made.finish.offset_db, offsets)), strict=True))
            methods |= {"sprog_offset": offset_sprog(offsets), f"{name}_alone": made.alone, f"{name}_shared": made.shared}
            methods |= {f"{name}_matched": matched(made.method), name: made.method}
        chances |= made.chances
        scores = {"score before": made.first_score, "best score": made.best_score}
        trained.append({"network": name, "steps": made.steps, **scores, **told})
    return methods, chances, trained


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


def _nowcasts(name: str, sequence: xr.Dataset, methods: Mapping[str, Method]) -> tuple[list[str], dict[str, Any]]:
    """The tables of nowcasts of one withheld event as lines of Markdown, and their result; draws its picture."""
    windows = _watched(name, window_sums, sequence, methods)
    result = result_of(windows)
    picture = f"pictures/nowcast_skill_{name}.png"
    drawn = {**result, "methods": {method: result["methods"][method] for method in result["methods"] if not method.endswith(("_matched", "_disc"))}}
    draw_score_curves(drawn, DOCUMENT.parent / picture, STEP_MINUTES)
    intervals = csi_intervals(windows, SHOWN)
    done = "; ".join(f"{key}: {sequence.attrs[key]}" for key in ("conversion", "selection", "step") if key in sequence.attrs)
    lines = [
        f"{result['windows']} windows; {done}.",
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
    return lines, result


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
