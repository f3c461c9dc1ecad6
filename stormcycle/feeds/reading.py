"""Reading in child processes: HDF5, netCDF and GRIB libraries are not safe in threads, and bad files can crash them.

Every reader of the project runs through `read_each`: a file that kills its process costs that file alone.
"""

import multiprocessing
import os
import resource
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")
MAX_READER_BYTES = 8 * 2**30
"""Memory that a reading process may ask for; the largest volume at hand uses less than 1 GB, but xradar asks for 4 GiB where a control word is no size."""


@dataclass(frozen=True)
class ReadFailure:
    """Why a file could not be read, in a sentence, and the name of the exception that said so."""

    reason: str
    error: str = ""


def read_each(function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], workers: int | None = None) -> list[Result | ReadFailure]:
    """Call a function of the library in spawned processes, once for each tuple of arguments; results in their order.

    An exception becomes a ReadFailure with its sentence. When a child dies (a crash inside a C library), the calls
    that were not finished are repeated one by one, each in a process of its own, so that only the guilty file fails.
    """
    if not arguments:
        return []
    context = multiprocessing.get_context("spawn")
    results: dict[int, Result | ReadFailure] = {}
    with ProcessPoolExecutor(min(workers or os.cpu_count() or 1, len(arguments)), mp_context=context, initializer=_confined) as pool:
        futures = []
        for items in arguments:
            try:
                futures.append(pool.submit(function, *items))
            except BrokenProcessPool:
                break  # a child died already; what is not submitted is read alone below
        for index, future in enumerate(futures):
            try:
                results[index] = future.result()
            except BrokenProcessPool:
                continue
            except Exception as error:
                results[index] = ReadFailure(_sentence(error), type(error).__name__)
    return [results[index] if index in results else _read_alone(function, items, context) for index, items in enumerate(arguments)]


def _confined() -> None:
    """Bound what a file can make its reader allocate (packed records inside a file are unpacked by the libraries), and
    keep readers quiet: they warn of what we report as states and notes, and Py-ART greets.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_READER_BYTES, MAX_READER_BYTES))
    warnings.simplefilter("ignore")
    os.environ["PYART_QUIET"] = "1"


def _read_alone(function: Callable[..., Result], items: tuple[Any, ...], context: Any) -> Result | ReadFailure:
    with ProcessPoolExecutor(1, mp_context=context, initializer=_confined) as pool:
        try:
            return pool.submit(function, *items).result()
        except BrokenProcessPool:
            return ReadFailure("The reading library crashed on this file.")
        except Exception as error:
            return ReadFailure(_sentence(error), type(error).__name__)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    return text if type(error).__module__.startswith("stormcycle") else f"{type(error).__name__}: {text}"
