"""What a card says to people: what the model is, what it learned from, how the training went, what it scored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stormcycle.datasets.windows import Windows
from stormcycle.training.loop import Progress
from stormcycle.training.recipe import Recipe

THRESHOLDS = ("20", "30", "35", "40")


def card_body(
    model: str,
    recipe: Recipe,
    progress: Progress,
    windows: tuple[Sequence[Windows], Sequence[Windows]],
    shown: Mapping[str, dict[str, Any]],
    head: Progress | None = None,
) -> str:
    """The card's text in Markdown.

    windows: learned from, chosen on; shown: for each sequence that was neither learned from nor chosen on, its evaluation, and where
    the recipe has a head that of its `probabilities`; head: where the head's training stands.
    """
    best, start = _best(progress), progress.history[0]
    made = (
        f"Made by `stormcycle train {model}` from recipe.yaml: {progress.step} of {recipe.schedule.steps} steps, batches of {recipe.schedule.batch} "
        f"whole fields, weights of step {best['step']} (running mean). Score on the events that choose: {start['score']:.4f} before the first step "
        f"(that is extrapolation), {best['score']:.4f} at the best."
    )
    if head is not None and recipe.exceedance is not None:
        made += (
            f" The head of probabilities was learned after it and does not change it: {head.step} of {recipe.exceedance.schedule.steps} steps, weights of step "
            f"{_best(head)['step']}; logarithmic score there {-head.history[0]['score']:.4f} before, {-_best(head)['score']:.4f} at the best (less is better)."
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
        *_events(windows[0]),
        "",
        "## Chosen on (in sample too)",
        "",
        *_events(windows[1]),
    ]
    if recipe.crossed:
        lines += [
            "",
            f"Finish and pool are fitted there and on {' and '.join(recipe.crossed)}, each with a network trained without it.",
        ]
    for name, result in shown.items():
        lines += ["", f"## Scored on {name}: {result['windows']} windows, never learned from, never chosen on", "", *_scores(result)]
        if "probabilities" in result:
            lines += ["", *_chances(result["probabilities"])]
    return "\n".join(lines)


def _best(progress: Progress) -> dict[str, float]:
    return max(progress.history, key=lambda look: look["score"])


def _chances(probabilities: Mapping[str, Any]) -> list[str]:
    """Brier scores, mean over leads and at the last, with the skill beside them."""
    rows = [f"| probabilities of | {' | '.join(f'{value} dBZ: Brier mean, last; skill' for value in THRESHOLDS)} |", f"|---|{'---|' * len(THRESHOLDS)}"]
    for method, scores in probabilities["methods"].items():
        told = [(scores["brier"][value], scores["skill"][value]) for value in THRESHOLDS]
        cells = [f"{_mean(brier):.4f}, {_number(brier[-1]):.4f}; {_mean(skill):.2f}" for brier, skill in told]
        rows.append(f"| {method} | {' | '.join(cells)} |")
    return [*rows, "", "Skill: one minus the ratio to the Brier score of the observed share. Only pixels count where every method knows something."]


def _events(windows: Sequence[Windows]) -> list[str]:
    rows = ["| event | source | windows | weight | seen | what was done |", "|---|---|---|---|---|---|"]
    for one in windows:
        event = one.event
        seen = "whole square" if event.disc_radius_px is None else f"disc of {event.disc_radius_px:g} px"
        done = "; ".join(f"{key}: {value}" for key, value in sorted(one.notes.items()))
        rows.append(f"| {event.name} | {event.source} | {len(one)} | {event.weight:g} | {seen} | {done} |")
    return rows


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
