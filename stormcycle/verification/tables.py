"""The tables of an evaluation, as the MRKAN paper has them: rows of a result of `evaluate_sequence`, and the paper's own rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from stormcycle.verification.paper import DOI, mrkan_paper

Row = dict[str, Any]
EVENTS = ("zh 30", "zh 35", "zh 40", "zdr 0.5", "kdp 0.2")
"""What counts as an event in the paper's Table 1: at or above dBZ, dB, degree km-1."""
ERRORS = ("pcc", "mae", "rmse", "mae_grey", "rmse_grey")
THEIRS = "the paper's {}"
OTHER_EVENTS = f"The rows of the paper (doi {DOI}) are of its own events, which are others: what differs between its rows and ours is no skill."


def mean_over_leads(values: Sequence[float | None]) -> float | None:
    """The mean of a score over the leads that have one; None where none has."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def events_beside_paper(result: Mapping[str, Any]) -> list[Row]:
    """The rows of `event_rows`, then the paper's of the same events."""
    rows = event_rows(result)
    return [*rows, *paper_event_rows(list(dict.fromkeys(row["event"] for row in rows)))]


def errors_beside_paper(result: Mapping[str, Any]) -> list[Row]:
    """The rows of `error_rows`, then the paper's of the same variables."""
    rows = error_rows(result)
    return [*rows, *paper_error_rows(list(dict.fromkeys(row["variable"] for row in rows)))]


def event_rows(result: Mapping[str, Any]) -> list[Row]:
    """CSI, POD, ETS, FAR and frequency bias by event and method, each the mean over leads of counts pooled over windows."""
    rows = []
    for event in EVENTS:
        word, threshold = event.split()
        for method, scores in result["methods"].items():
            if word in scores:
                means = {score: mean_over_leads(scores[word][score][threshold]) for score in ("csi", "pod", "ets", "far", "bias")}
                rows.append({"event": event, "method": method, **means})
    return rows


def paper_event_rows(events: Sequence[str]) -> list[Row]:
    """The same of the paper, of some events; it says no bias."""
    scores = mrkan_paper()["scores"]
    return [
        {"event": event, "method": THEIRS.format(method), **dict(zip(("csi", "pod", "ets", "far"), by_event[event], strict=True)), "bias": None}
        for event in events
        for method, by_event in scores.items()
    ]


def lead_rows(result: Mapping[str, Any], score: str, step_minutes: float) -> list[Row]:
    """A score by method, variable, threshold and lead (min), with its mean over leads."""
    return [
        {
            "method": method,
            "event": f"{word} {threshold}",
            **{f"{step_minutes * (lead + 1):g}": value for lead, value in enumerate(values)},
            "mean": mean_over_leads(values),
        }
        for method, by_word in result["methods"].items()
        for word, scores in by_word.items()
        for threshold, values in scores[score].items()
    ]


def chance_rows(document: Mapping[str, Any], score: str, step_minutes: float) -> list[Row]:
    """`brier` (four digits, as text) or `skill` of the probabilities of an evaluation by method, threshold and lead (min), with its mean over leads."""

    def told(value: float | None) -> float | str | None:
        return f"{value:.4f}" if score == "brier" and value is not None else value

    return [
        {
            "method": method,
            "event": f"zh {threshold}",
            **{f"{step_minutes * (lead + 1):g}": told(value) for lead, value in enumerate(values)},
            "mean": told(mean_over_leads(values)),
        }
        for method, scores in document["probabilities"]["methods"].items()
        for threshold, values in scores[score].items()
    ]


def error_rows(result: Mapping[str, Any]) -> list[Row]:
    """PCC, MAE and RMSE by variable and method, in physical units and in grey levels 0-255, mean over leads."""
    return [
        {"variable": word, "method": method, **{score: mean_over_leads(by_word[word][score]) for score in ERRORS}}
        for word in ("zh", "zdr", "kdp")
        for method, by_word in result["methods"].items()
        if word in by_word
    ]


def paper_error_rows(words: Sequence[str]) -> list[Row]:
    """The same of the paper, of some variables: grey levels alone."""
    errors = mrkan_paper()["errors"]
    return [
        {"variable": word, "method": THEIRS.format(method), **dict.fromkeys(ERRORS), **dict(zip(("pcc", "mae_grey", "rmse_grey"), by_word[word], strict=True))}
        for word in words
        for method, by_word in errors.items()
    ]


def cost_rows(costs: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """Parameters, multiplications and latency of our models, then of the paper's methods."""
    ours = [
        {
            "model": name,
            "parameters, M": cost["parameters"] / 1e6,
            "GMAC, conv and linear": cost["gmac"],
            "GMAC, all counted": cost["gmac_all"],
            "ms": 1000 * cost["latency_seconds"],
            "on": "torch, one thread",
        }
        for name, cost in costs.items()
    ]
    theirs = [
        {
            "model": THEIRS.format(name),
            "parameters, M": parameters,
            "GMAC, conv and linear": gmac,
            "GMAC, all counted": None,
            "ms": latency,
            "on": "RTX 3090",
        }
        for name, (parameters, gmac, latency) in mrkan_paper()["costs"].items()
    ]
    return ours + theirs


def interval_rows(intervals: Mapping[str, Any]) -> list[Row]:
    """The intervals of `csi_intervals` by event and method; nothing where there are none."""
    return [
        {"event": f"{word} {threshold}", "method": method, "CSI": _range(ends), "gain": _range(intervals["gain"][word][method][threshold])}
        for word, methods in intervals.get("csi", {}).items()
        for method, thresholds in methods.items()
        for threshold, ends in thresholds.items()
    ]


def brier_interval_rows(intervals: Mapping[str, Any]) -> list[Row]:
    """The intervals of `brier_intervals` by event and method; nothing where there are none."""
    return [
        {"event": f"zh {threshold}", "method": method, "Brier score": _range(ends, 4), "difference": _range(intervals["gain"][method][threshold], 4)}
        for method, thresholds in intervals.get("brier", {}).items()
        for threshold, ends in thresholds.items()
    ]


def _range(ends: Sequence[float | None], digits: int = 3) -> str | None:
    low, high = ends
    return None if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"
