"""Does TensorRT's parser take our FP16 graphs? Asked of TensorRT-RTX, which builds ahead of time for GPUs that are not here.

It proves that the parser takes the graph, nothing more: nothing is run, and an engine of TensorRT-RTX is not the plan that
Triton loads.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stormcycle.export.engines import SIZES, USUAL, build_engine, tensorrt_module
from stormcycle.export.errors import ExportError
from stormcycle.export.served import export_half
from stormcycle.serving.contract import declared_contract

TARGETS = ("SM75", "SM80", "SM86", "SM89", "SM120", "SM121")
"""Generations of GPUs that TensorRT-RTX 1.7 builds for; SM90 (H100, H200) is not among them."""
REMEDY = 'Install the extra in the checkout: `pip install --editable ".[tensorrt]"` (tensorrt-rtx, Linux on x86-64); it needs no GPU.'


@dataclass(frozen=True)
class Checked:
    """A graph built for a GPU's generation: sizes in bytes, seconds, the least, usual and largest rows and columns that the engine takes (0 where
    there is none); and what was said against it, or against sizes that are free.
    """

    model: str
    target: str
    graph_bytes: int
    engine_bytes: int = 0
    seconds: float = 0.0
    sizes: tuple[int, int, int] = (0, 0, 0)
    refusal: str = ""


def parser_check(models: Sequence[str], to: Path, targets: Sequence[str] = TARGETS) -> list[Checked]:
    """Build every model's FP16 graph (written under `to`) for every target, for one size where the builder fails at free ones.

    Raises ExportError where tensorrt-rtx is not installed.
    """
    trt = tensorrt_module("tensorrt_rtx", REMEDY)
    rows = []
    for model in models:
        graph, contract = export_half(model, to).read_bytes(), declared_contract(model)
        for target in targets:
            row = Checked(model, target, len(graph))
            for sizes in (SIZES, (USUAL, USUAL, USUAL)):
                began = time.perf_counter()
                try:
                    engine = build_engine(trt, graph, contract, (target,), sizes)
                except ExportError as error:
                    row = replace(row, refusal=row.refusal or str(error))
                    continue
                row = replace(row, engine_bytes=len(engine), seconds=time.perf_counter() - began, sizes=sizes)
                break
            rows.append(row)
    return rows
