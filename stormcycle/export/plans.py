"""TensorRT plans for the machine that serves: built there, from FP16 graphs, into a repository that Triton loads.

A plan holds for one TensorRT, GPU and driver: they are recorded in `manifest.json` beside the digests of weights, graph and
plan, and a plan whose record is what would be built is left alone.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stormcycle.cycle.digests import file_digest
from stormcycle.cycle.files import json_bytes, replace_file
from stormcycle.export.engines import LARGEST, SMALLEST, build_engine, tensorrt_module
from stormcycle.export.errors import ExportError
from stormcycle.export.served import export_half, stamped_config
from stormcycle.serving.cards import read_card
from stormcycle.serving.contract import declared_contract

MANIFEST = "manifest.json"
REMEDY = "Plans are built on the machine that serves them: install the TensorRT of its Triton there (`pip install tensorrt==...`) and run this again."
NO_GPU = "No NVIDIA GPU answers here ({}): a plan holds for the GPU that it is built on. Run this on the machine that serves."


@dataclass(frozen=True)
class Key:
    """What a plan holds for and is made from."""

    model: str
    weights_sha256: str
    graph_sha256: str
    tensorrt: str
    gpu: str
    driver: str


@dataclass(frozen=True)
class Plan(Key):
    """A plan that was built: its digest, size and building time, and the sizes of fields (rows, columns) that it takes."""

    plan_sha256: str
    bytes: int
    seconds: float
    sizes: tuple[int, int]


def build_plans(models: Sequence[str], to: Path) -> list[Plan]:
    """Build the plans of models into the repository `to`: <model>/1/model.plan, config.pbtxt and the graph, and one manifest.json for all.

    Raises ExportError where TensorRT or a GPU is lacking or TensorRT refuses a graph, and what export_half raises.
    """
    trt = tensorrt_module("tensorrt", REMEDY)
    gpu, driver = gpu_and_driver()
    there = {plan.model: plan for plan in read_manifest(to)}
    for model in models:
        card, graph = read_card(model), export_half(model, to)
        key = Key(model, card.weights_sha256, file_digest(graph), trt.__version__, gpu, driver)
        path = to / model / "1" / "model.plan"
        if not (model in there and _is_of(there[model], key, path)):
            began = time.perf_counter()
            plan = build_engine(trt, graph.read_bytes(), declared_contract(model))
            seconds = round(time.perf_counter() - began, 2)
            replace_file(path, plan)
            there[model] = Plan(**asdict(key), plan_sha256=hashlib.sha256(plan).hexdigest(), bytes=len(plan), seconds=seconds, sizes=(SMALLEST, LARGEST))
        replace_file(to / model / "config.pbtxt", stamped_config(card, "configs/tensorrt.pbtxt"))
        replace_file(to / MANIFEST, json_bytes({"plans": [asdict(there[name]) for name in sorted(there)]}))
    return [there[model] for model in models]


def read_manifest(folder: Path) -> list[Plan]:
    """The plans that a repository's manifest names; none where there is no manifest. Raises ExportError for one that cannot be read."""
    path = folder / MANIFEST
    if not path.is_file():
        return []
    try:
        return [Plan(**{**plan, "sizes": tuple(plan["sizes"])}) for plan in json.loads(path.read_bytes())["plans"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"The {MANIFEST} of the plans cannot be read ({error!r}); remove it, and the plans are built again.") from None


def gpu_and_driver() -> tuple[str, str]:
    """The name of the first GPU and the driver's version, as nvidia-smi tells them. Raises ExportError where there is none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ExportError(NO_GPU.format(error)) from None
    name, comma, driver = told.stdout.partition("\n")[0].partition(", ")
    if not comma:
        raise ExportError(NO_GPU.format("nvidia-smi lists none"))
    return name.strip(), driver.strip()


def _is_of(plan: Plan, key: Key, path: Path) -> bool:
    """Whether a recorded plan is what would be built, and lies there as it was built."""
    same = {name: value for name, value in asdict(plan).items() if name in asdict(key)} == asdict(key)
    return same and plan.sizes == (SMALLEST, LARGEST) and path.is_file() and file_digest(path) == plan.plan_sha256
