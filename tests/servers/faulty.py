"""The cycle as a deployment that fails where a file says: a stage's name, in the middle of its work.

Run it as a program to serve it. Every flow run is a process of its own, which loads this file anew.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow, serve

import tasks.decode
import tasks.fetch
import tasks.gate
import tasks.grid
import tasks.models
import tasks.mosaic
import tasks.nowcast
import tasks.pin
import tasks.probability
import tasks.quality
import tasks.release
from flows.cycle import cycle as real_cycle

STAGES: dict[str, tuple[Any, str, int]] = {
    "pin": (tasks.pin, "list_feeds", 0),
    "fetch": (tasks.fetch, "fetch_granule", 7),
    "decode": (tasks.decode, "save", 5),
    "quality": (tasks.quality, "checked", 9),
    "grid": (tasks.grid, "grid_volume", 4),
    "gate_fields": (tasks.gate, "judged", 0),
    "mosaic": (tasks.mosaic, "hour_frames", 0),
    "models": (tasks.models, "load_domain", 0),
    "nowcast": (tasks.nowcast, "nowcast_fields", 0),
    "probability": (tasks.probability, "exceedance", 0),
    "gate_products": (tasks.gate, "judged", 1),
    "release": (tasks.release, "publish", 0),
}
"""For each stage the function of the library that fails, and how many of its calls succeed before."""


def failing(stage: str, function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The function, but for the call at which the named stage is to fail."""
    calls = iter(range(10**6))

    def call(*args: Any, **kwargs: Any) -> Any:
        if Path(os.environ["FAIL_AT"]).read_text() == stage and next(calls) >= after:
            raise RuntimeError(f"made to fail in {stage}")
        return function(*args, **kwargs)

    return call


for name, (module, attribute, after) in STAGES.items() if "FAIL_AT" in os.environ else ():
    setattr(module, attribute, failing(name, getattr(module, attribute), after))


@flow(name="cycle", flow_run_name="{domain}-{cycle_time}", persist_result=False)
def cycle(domain: str, cycle_time: str | None = None, revise: bool = False) -> Any:
    """The real cycle."""
    return real_cycle.fn(domain, cycle_time, revise)


if __name__ == "__main__":
    serve(cycle.to_deployment("small", parameters={"domain": sys.argv[1]}), print_starting_message=False, pause_on_shutdown=False)
