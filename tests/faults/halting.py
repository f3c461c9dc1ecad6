"""The cycle as a deployment that halts where a file says, in the middle of a stage's work, until the file is gone.

Run it as a program to serve it. Who halts writes the number of its process to the file `halted` beside HALT_AT.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faulty import STAGES
from prefect import flow, serve

import tasks.neural
from flows.cycle import cycle as real_cycle

HALTS = {**STAGES, "models, nowcast": (tasks.neural, "neural_forecast", 0)}
"""Where a run can halt: in each stage, and between a model's canary and the question that matters."""


def halting(stage: str, function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The function, but for the call at which the named stage is to halt."""
    calls = iter(range(10**6))

    def call(*args: Any, **kwargs: Any) -> Any:
        halt_at = Path(os.environ["HALT_AT"])
        if _text(halt_at) == stage and next(calls) >= after:
            halt_at.with_name("halted").write_text(str(os.getpid()))
            while _text(halt_at) == stage:
                time.sleep(0.05)
        return function(*args, **kwargs)

    return call


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


for name, (module, attribute, after) in HALTS.items() if "HALT_AT" in os.environ else ():
    setattr(module, attribute, halting(name, getattr(module, attribute), after))


@flow(name="cycle", flow_run_name="{domain}-{cycle_time}", persist_result=False)
def cycle(domain: str, cycle_time: str | None = None, revise: bool = False) -> Any:
    """The real cycle."""
    return real_cycle.fn(domain, cycle_time, revise)


if __name__ == "__main__":
    deployed = cycle.to_deployment("small", parameters={"domain": sys.argv[1]})
    serve(deployed, print_starting_message=False, pause_on_shutdown=False, limit=4)
