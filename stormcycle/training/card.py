"""What a card says to people: what the model is, what it learned from, how the training went, what it scored."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stormcycle.datasets.events import Event
from stormcycle.training.loop import Progress
from stormcycle.training.recipe import Recipe

THRESHOLDS = ("20", "30", "35", "40")


def card_body(model: str, recipe: Recipe, progress: Progress, shown: Mapping[str, dict[str, Any]]) -> str:
    """The card's text in Markdown; shown: for each sequence that was neither learned from nor chosen on, its evaluation."""
    best = max(progress.history, key=lambda look: look["score"])
    start = progress.history[0]
    made = (
        f"Made by `stormcycle train {model}` from recipe.yaml: {progress.step} of {recipe.schedule.steps} steps, batches of {recipe.schedule.batch} "
        f"whole fields, weights of step {best['step']} (running mean). Score on the events that choose: {start['score']:.4f} before the first step "
        f"(that is extrapolation), {best['score']:.4f} at the best."
    )
    lines = [
        f"# {model}",
        "",
        recipe.about.strip(),
        "",
        made,
        "",
        "## Learned from",
        "",
        *_events(recipe.events),
        "",
        "## Chosen on (in sample too)",
        "",
        *_events(recipe.choosing),
    ]
    for name, result in shown.items():
        lines += ["", f"## Scored on {name}: {result['windows']} windows, never learned from, never chosen on", "", *_scores(result)]
    return "\n".join(lines)


def _events(events: list[Event]) -> list[str]:
    rows = ["| event | file | frames | what was done | seen | weight |", "|---|---|---|---|---|---|"]
    for event in events:
        frames = "all" if event.frames is None else f"{event.frames[0]} to {event.frames[1]}"
        done = [f"{event.coarsen} x {event.coarsen} pixels joined"] if event.coarsen > 1 else []
        done += [f"{event.crops} squares a window"] if event.crops > 1 else []
        seen = "whole square" if event.disc_radius_px is None else f"disc of {event.disc_radius_px:g} px"
        rows.append(f"| {event.name} | {event.file} | {frames} | {', '.join(done) or '-'} | {seen} | {event.weight:g} |")
    return [*rows, "", "Files of another step are brought to 6 min: each frame is the nearest one, carried along the motion."]


def _scores(result: dict[str, Any]) -> list[str]:
    """CSI, mean over leads and at the last, with the frequency bias beside it."""
    rows = [f"| method | {' | '.join(f'{value} dBZ: CSI mean, last; bias' for value in THRESHOLDS)} |", f"|---|{'---|' * len(THRESHOLDS)}"]
    for method, scores in result["methods"].items():
        cells = [
            f"{_mean(scores['zh']['csi'][value]):.3f}, {_number(scores['zh']['csi'][value][-1]):.3f}; {_mean(scores['zh']['bias'][value]):.2f}"
            for value in THRESHOLDS
        ]
        rows.append(f"| {method} | {' | '.join(cells)} |")
    return [*rows, "", "Overlapping windows of one event: no interval can be had, and differences below .02 say nothing. Part of a gain in CSI is bias."]


def _mean(values: list[float | None]) -> float:
    return float(np.nanmean([_number(value) for value in values]))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
