"""Reading in child processes: HDF5, netCDF and GRIB libraries are not safe in threads, and bad files can crash them.

Every reader of the project runs through `read_each`: a file that kills its process costs that file alone.
"""

import multiprocessing
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class ReadFailure:
    """Why a file could not be read, in a sentence."""

    reason: str


def read_each(function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], workers: int | None = None) -> list[Result | ReadFailure]:
    """Call a function of the library in spawned processes, once for each tuple of arguments; results in their order.

    An exception becomes a ReadFailure with its sentence. When a child dies (a crash inside a C library), the calls
    that were not finished are repeated one by one, each in a process of its own, so that only the guilty file fails.
    """
    if not arguments:
        return []
    context = multiprocessing.get_context("spawn")
    count = min(workers or os.cpu_count() or 1, len(arguments))
    results: list[Result | ReadFailure | None] = [None] * len(arguments)
    with ProcessPoolExecutor(count, mp_context=context, initializer=_quiet) as pool:
        futures = [pool.submit(function, *items) for items in arguments]
        for index, future in enumerate(futures):
            try:
                results[index] = future.result()
            except BrokenProcessPool:
                results[index] = None
            except Exception as error:
                results[index] = ReadFailure(_sentence(error))
    return [result if result is not None else _read_alone(function, items, context) for result, items in zip(results, arguments, strict=True)]


def _quiet() -> None:
    """Readers warn of what we report as states and notes."""
    warnings.simplefilter("ignore")


def _read_alone(function: Callable[..., Result], items: tuple[Any, ...], context: Any) -> Result | ReadFailure:
    with ProcessPoolExecutor(1, mp_context=context, initializer=_quiet) as pool:
        try:
            return pool.submit(function, *items).result()
        except BrokenProcessPool:
            return ReadFailure("The reading library crashed on this file.")
        except Exception as error:
            return ReadFailure(_sentence(error))


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    return text if type(error).__module__.startswith("stormcycle") else f"{type(error).__name__}: {text}"
