"""What every stage shares: the hour it works for, the granules that travel, the wrapping as a Prefect task."""

import functools
import logging
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.utilities.annotations import quote

from stormcycle.cycle import Granule, Reference, cycle_folder, failure_kept
from stormcycle.states import Degradation, GranuleState
from stormcycle.times import parse_time

log = logging.getLogger("stormcycle")
log.setLevel(logging.INFO)  # a served run has no command line that says so
RETRY_DELAY_S = 2.0
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Hour:
    """One run of one cycle: the domain, the cycle time, the run's fencing token, the revision of the pinned inputs."""

    domain: str
    cycle_time: str
    token: int
    revision: int

    @property
    def time(self) -> np.datetime64:
        """The cycle time as a number."""
        return parse_time(self.cycle_time)

    @property
    def folder(self) -> Path:
        """The work folder of the cycle."""
        return cycle_folder(self.domain, self.time)


@dataclass(frozen=True)
class Item:
    """A granule on its way through the stages: what became of it, what the last stage made of it, how the gates judged it."""

    granule: Granule
    state: GranuleState
    note: str = ""
    reference: Reference | None = None
    flags: Reference | None = None
    slot: int | None = None
    nominal_time: str = ""
    gates: list[dict[str, Any]] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether the next stage can work on it."""
        return self.state in (GranuleState.OK, GranuleState.PARTIAL, GranuleState.LATE)


@dataclass(frozen=True)
class Product:
    """A product of the cycle: its fields in the work store (None: there is none), why it is not what it could be, how the gates
    judged it, what the run decided for it (a fallback).
    """

    name: str
    reference: Reference | None
    degraded: list[Degradation] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Branch:
    """What a branch beside the radar's made: the granules that it looked at, its product (None: the domain has no such branch)."""

    items: list[Item]
    product: Product | None


def _drawn(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as the UI's graph shall see them: an arrow from what a stage works on, not from the hour beside it."""
    return tuple(quote(item) if isinstance(item, Hour) and len(args) > 1 else item for item in args)


def _told(name: str, args: tuple[Any, ...]) -> AbstractContextManager[None]:
    """What keeps a stage's failure for `stormcycle health`; a stage that works for no hour (`pin` does so itself) keeps none."""
    hours = [item for item in args if isinstance(item, Hour)]
    return failure_kept(hours[0].folder, hours[0].token, name) if hours else nullcontext()


def _held(flow_run: FlowRunContext, result: object) -> None:
    """Keep a stage's result as long as its run. Prefect knows a list again by its address alone: one that is gone lends its
    address to another stage's, and the UI's graph would draw arrows that do not exist.
    """
    weakref.finalize(flow_run, lambda _: None, result)


def stage(*, retries: int = 0) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a stage of a function: in a flow run a Prefect task of its name, elsewhere the function itself.

    Prefect neither caches nor keeps results: the work store decides what is done. Tasks have no tags: with one they ask
    Prefect for a slot before they begin, and could not begin when it is gone.
    """

    def wrap(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        name = function.__name__
        as_task: Any = task(
            name=name,
            task_run_name=name,
            persist_result=False,
            cache_policy=NO_CACHE,
            retries=retries,
            retry_delay_seconds=RETRY_DELAY_S,
        )
        prefect_task = as_task(function)

        @functools.wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            begun = time.perf_counter()
            flow_run = FlowRunContext.get()
            with _told(name, args):
                result = function(*args, **kwargs) if flow_run is None else prefect_task(*_drawn(args), **kwargs)
            if flow_run is not None:
                _held(flow_run, result)
            log.info("%s: %.1f s", name, time.perf_counter() - begun)
            return result

        return call

    return wrap
