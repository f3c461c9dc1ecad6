"""Verification: what a forecast was worth against what was observed.

`pair_sums` and `probability_sums` reduce one forecast to sums that `merge` adds over any period, `scores_of` divides
once at the end; the score store keeps one record a cycle; `reference_forecasts` are what a model must beat;
`evaluate_sequence` judges methods on a sequence, `chance_sums` their probabilities, `block_intervals` says how far that can be
trusted, tables.py puts it beside the MRKAN paper's figures, `draw_score_curves` (pictures.py) draws it.
Synthetic radar is never truth here: the caller passes the observed mask, and what it leaves out counts nowhere.
"""

from stormcycle.verification.chances import CHANCE_REFERENCES, ENSEMBLE_CHANCES, chance_sums, chances_result
from stormcycle.verification.evaluation import JUDGED, WindowSums, evaluate_sequence, result_of, window_sums
from stormcycle.verification.hourly import hour_sums, hourly_rows, hourly_scores
from stormcycle.verification.intervals import Intervals, TooFewWindowsError, block_intervals, brier_intervals, csi_intervals
from stormcycle.verification.references import ENSEMBLE_REFERENCES, REFERENCES, SEEN_REFERENCES, reference_forecasts
from stormcycle.verification.scores import scores_of
from stormcycle.verification.store import (
    aggregate,
    aggregate_all,
    aggregate_hourly,
    aggregate_moments,
    effective_leads,
    from_json,
    out_of_sample,
    read_scores,
    score_path,
    scores_between,
    to_json,
    write_scores,
)
from stormcycle.verification.sums import merge, of_method, pair_sums, probability_sums

__all__ = [
    "CHANCE_REFERENCES",
    "ENSEMBLE_CHANCES",
    "ENSEMBLE_REFERENCES",
    "JUDGED",
    "REFERENCES",
    "SEEN_REFERENCES",
    "Intervals",
    "TooFewWindowsError",
    "WindowSums",
    "aggregate",
    "aggregate_all",
    "aggregate_hourly",
    "aggregate_moments",
    "block_intervals",
    "brier_intervals",
    "chance_sums",
    "chances_result",
    "csi_intervals",
    "effective_leads",
    "evaluate_sequence",
    "from_json",
    "hour_sums",
    "hourly_rows",
    "hourly_scores",
    "merge",
    "of_method",
    "out_of_sample",
    "pair_sums",
    "probability_sums",
    "read_scores",
    "reference_forecasts",
    "result_of",
    "score_path",
    "scores_between",
    "scores_of",
    "to_json",
    "window_sums",
    "write_scores",
]
