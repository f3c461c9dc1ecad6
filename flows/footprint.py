"""What a piece of work costs: wall time by step, and the peak memory of this process and all it started."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


class Footprint:
    """Wall times (s) of named steps, and the peak of the summed memory (MB, shared pages counted once) of all processes."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.peak_mb = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = time.perf_counter() - begun


@contextmanager
def measured(interval_s: float = 0.25) -> Iterator[Footprint]:
    """Measure what happens inside: a thread looks at the memory of all processes every `interval_s`."""
    footprint, done = Footprint(), threading.Event()

    def watch() -> None:
        while not done.wait(interval_s):
            footprint.peak_mb = max(footprint.peak_mb, memory_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield footprint
    finally:
        done.set()
        watcher.join()


def memory_mb() -> float:
    """The proportional set size (MB) of this process and all its descendants."""
    this = psutil.Process()
    total = 0
    for process in [this, *this.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it ended between being listed and being asked
    return total / 2**20
