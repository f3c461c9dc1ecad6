"""`make nowcast-study`: docs/nowcast_skill.md, learned nowcasts on events withheld from their training, with intervals; needs the real samples.

One event has few windows, so the recipes are followed again without two of their longest events, with the same budget of steps
for every network, and judged there. Trainings take hours on two cores; they are kept below $STORMCYCLE_HOME/training and go on
where they were interrupted.
"""

import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from flows.studies.learning import derived, learned
from flows.studies.tables import markdown
from stormcycle.datasets.events import Event, brought, read_event
from stormcycle.export.costs import costs_of, network_costs
from stormcycle.feeds import ReadFailure, read_each
from stormcycle.networks import build
from stormcycle.serving import model_names
from stormcycle.training import read_recipe
from stormcycle.verification import REFERENCES, SEEN_REFERENCES, csi_intervals, result_of, window_sums
from stormcycle.verification.pictures import draw_score_curves
from stormcycle.verification.references import Method
from stormcycle.verification.tables import cost_rows, event_rows, interval_rows, lead_rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "nowcast_skill.md"
WITHHELD = ("nju_cpol_005", "knmi_rap_20100826")
STEPS = 1000
DIRECT = {"network": "mrkan_direct", "size": "small"}
STEP_MINUTES = 6


def main() -> None:
    """Train, measure and write the document and its pictures."""
    data = Path(os.environ["STORMCYCLE_DATA"])
    methods: dict[str, Method] = {**REFERENCES, **SEEN_REFERENCES}
    trained = []
    for name in ("smaat_unet", "conv_lstm", "mrkan_direct", "mrkan"):
        recipe = read_recipe("mrkan" if name == "mrkan_direct" else name)
        made = learned(name, derived(recipe, STEPS, WITHHELD, DIRECT if name == "mrkan_direct" else None), data)
        with_sprog = name == "mrkan" and any(made.sprog_share)
        methods |= {f"{name}_alone": made.alone, name: made.method} if with_sprog else {name: made.alone}
        share = ", ".join(f"{value:g}" for value in made.sprog_share) if with_sprog else ""
        trained.append(
            {"network": name, "steps": made.steps, "score before": made.first_score, "best score": made.best_score, "share of S-PROG by lead": share}
        )
    events = {event.name: event for event in read_recipe("mrkan").events}
    lines = [
        "# Nowcasts on events withheld from training",
        "",
        f"Made by `make nowcast-study`. Every network was trained again for {STEPS} steps without {' and '.join(WITHHELD)},",
        "chosen on the events on which the shipped one is chosen, and judged on what was withheld. Scores are means over leads, their counts pooled over",
        "windows; intervals (95 %) by moving blocks of 20 windows: three blocks are few, so that they are rough themselves. `mrkan` is blended with S-PROG",
        "by shares fitted on the events that choose, `mrkan_alone` is not; `mrkan_direct` is the paper's own form, which sees frames as they are and says",
        "the forecast itself. Frequency bias (1 is right) stands beside every CSI: part of a gain in CSI is bias.",
        "",
        *markdown(trained),
        "",
    ]
    for name in WITHHELD:
        lines += _judged(events[name], data, methods)
    forms = {f"mrkan_direct, {size}": build("mrkan_direct", size=size).eval() for size in ("small", "paper")}
    costs = {**{name: costs_of(name) for name in model_names()}, **{name: network_costs(network, 3) for name, network in forms.items()}}
    lines += ["## Costs at 256 x 256", "", *markdown(cost_rows({name: asdict(cost) for name, cost in costs.items()}))]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _judged(event: Event, data: Path, methods: dict[str, Method]) -> list[str]:
    """The tables of one withheld event as lines of Markdown; draws its picture."""
    (runs,) = read_each(read_event, [(data, event)])
    if isinstance(runs, ReadFailure):
        raise ValueError(runs.reason)
    (run,) = runs
    sequence = brought(run, event, STEP_MINUTES)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"windows of {event.name}", total=None)
        windows = window_sums(sequence, methods, lambda done, total: bar.update(task, completed=done, total=total))
    result = result_of(windows)
    picture = f"pictures/nowcast_skill_{event.name}.png"
    draw_score_curves(result, DOCUMENT.parent / picture, STEP_MINUTES)
    intervals = csi_intervals(windows, "mrkan")
    done = "; ".join(f"{key}: {sequence.attrs[key]}" for key in ("conversion", "selection", "step") if key in sequence.attrs)
    return [
        f"## {event.name}: {result['windows']} windows",
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


if __name__ == "__main__":
    main()
