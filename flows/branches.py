"""The branches of a cycle that run beside the radar's: what begins them, and the deadline by which they must end."""

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from stormcycle.domain import load_domain
from stormcycle.states import Degradation
from tasks.imagery import imagery
from tasks.lightning import lightning
from tasks.satellite import satellite
from tasks.seam import Branch, Hour, Product, log


@dataclass(frozen=True)
class Begun:
    """A branch that runs in a thread of its own, and since when."""

    hour: Hour
    future: "Future[Branch]"
    since: float


def satellite_branch(hour: Hour) -> Branch:
    """The satellite branch, stage by stage."""
    return satellite(hour, imagery(hour), lightning(hour))


def beside(branch: Callable[[Hour], Branch], hour: Hour) -> Begun:
    """Begin a branch in a thread of its own, in this run's context. It does not keep the run alive when the run has ended."""
    future: Future[Branch] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(branch, hour))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=f"{getattr(branch, '__name__', 'branch')} {hour.cycle_time}", daemon=True).start()
    return Begun(hour, future, time.monotonic())


def by_deadline(begun: Begun, product: str) -> Branch:
    """What a branch made; where it misses its deadline, a product that is left out, which the run's decisions tell.

    Raises what the branch raised: its trouble fails the run as any stage's does.
    """
    domain = load_domain(begun.hour.domain)
    settings = domain.satellite if product == "satellite" else domain.background
    if settings is None:
        return begun.future.result()
    try:
        return begun.future.result(max(0.0, begun.since + settings.deadline_seconds - time.monotonic()))
    except TimeoutError:
        if begun.future.done():  # the branch's own, or it ended just now
            return begun.future.result()
    reason = f"The {product} branch was not done after {settings.deadline_seconds:g} s; the release goes without it. --revise tries again."
    log.warning(reason)
    decision = {"stage": product, "decision": "deadline_missed", "reason": reason}
    return Branch([], Product(product, None, [Degradation(product, "deadline_missed", reason)], decisions=[decision]))


def made_by(*branches: Branch) -> list[Product]:
    """The products of branches that the domain has."""
    return [branch.product for branch in branches if branch.product is not None]
