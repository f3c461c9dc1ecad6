"""Gates: is what was made possible at all, and is it usual? Judged by Great Expectations before it is released.

`summaries` reduces a dataset to a row of statistics a variable; `judged` holds rows against the limits of
schemas/expectations/*.json and gives small plain results; `blocking` and `warning` are those that failed. Great
Expectations runs in a short-lived child process: it is slow to import, grows, and shares one context (its issue 12209).
This room knows arrays, neither feeds nor radars. The limits and what they were measured on: docs/gates.md.
"""

from stormcycle.gates.judging import GateError, blocking, judge, judged, prepare, sentence, verdict, warning
from stormcycle.gates.suites import suite, suite_names
from stormcycle.gates.summary import summaries

__all__ = ["GateError", "blocking", "judge", "judged", "prepare", "sentence", "suite", "suite_names", "summaries", "verdict", "warning"]
