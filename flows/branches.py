"""The branches of a cycle that run beside the radar's: what begins them, and the deadline by which they must end."""

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from stormcycle.domain import load_domain
from stormcycle.feeds import FeedError
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
    """Begin a branch in a thread of its own, in this run's context. One that is late is not waited for, but for what its reading process has begun."""
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

    A feed that fails while its granules are fetched costs its branch alone, as one that cannot be listed does. Raises what else the
    branch raised: its trouble fails the run as any stage's does.
    """
    domain = load_domain(begun.hour.domain)
    settings = domain.satellite if product == "satellite" else domain.background
    if settings is None:
        return begun.future.result()
    try:
        wait([begun.future], max(0.0, begun.since + settings.deadline_seconds - time.monotonic()))
        if begun.future.done():
            return begun.future.result()
    except FeedError as error:
        log.warning("%s The hour goes on without %s.", error, product)
        return _left_out(product, "feed_unreachable", f"A feed of the {product} branch failed while it was fetched. --revise tries again.")
    return _left_out(product, "deadline_missed", f"The {product} branch was not done after {settings.deadline_seconds:g} s. --revise tries again.")


def _left_out(product: str, code: str, reason: str) -> Branch:
    """A branch that this run decided to do without."""
    log.warning(reason)
    return Branch([], Product(product, None, [Degradation(product, code, reason)], decisions=[{"stage": product, "decision": code, "reason": reason}]))


def made_by(*branches: Branch) -> list[Product]:
    """The products of branches that the domain has."""
    return [branch.product for branch in branches if branch.product is not None]
