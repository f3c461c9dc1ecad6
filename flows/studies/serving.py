"""`make serving-study`: latency through Triton beside ONNX Runtime in this process, and the server's memory; docs/serving.md."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime

from flows import triton
from flows.studies.tables import markdown
from stormcycle.serving import declared_contract, infer, model_names, ready_model, reload_model, served_repository
from stormcycle.serving.canary import canary_question

DOCUMENT = Path(__file__).parents[2] / "docs" / "serving.md"
SIZE, REPEATS = 256, 31
CYCLES, EVERY = 200, 20
DEADLINE_S = 60.0


def main() -> None:
    """Measure on a server of the study's own, and write the document."""
    models, repository = model_names(), served_repository()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STORMCYCLE_HOME"] = folder
        try:
            url, started = _timed(lambda: triton.start_triton(repository))
            memory = growth(url, models)
            latencies = [latency(url, repository, model) for model in models]
            loads = {model: _timed(lambda model=model: reload_model(url, model))[1] for model in models}  # type: ignore[misc]
            after = triton.server_memory_mb()
        finally:
            _, stopped = _timed(triton.stop_triton)
    first, last = memory[1], memory[-1]
    lines = [
        "# Serving, measured",
        "",
        f"Made by `make serving-study`: Triton on the CPU, one thread a model, {SIZE} x {SIZE} pixels, the field of the canary's question.",
        "",
        "## Latency",
        "",
        f"Medians of {REPEATS}, Triton and ONNX Runtime in turn; Triton by gRPC on loopback, with the checks of arrays on both ends. Ready: contract, weights",
        "and canary of a sound model, as once a cycle.",
        "",
        *markdown(latencies),
        "",
        "## Starting, loading, stopping",
        "",
        f"Start with {_counted(models)}: {started:.1f} s, till it answers and they are loaded; stop: {stopped:.1f} s. Unload and load:",
        "",
        *markdown([{"model": model, "seconds": f"{seconds:.1f}"} for model, seconds in loads.items()]),
        "",
        f"## Memory over {CYCLES} cycles",
        "",
        f"Of the server with its models' processes (proportional share), each cycle one canary and one nowcast of {_counted(models)}.",
        f"From cycle {first['cycles']} to {last['cycles']}: {last['MB'] - first['MB']:+d} MB. After every model was loaded again: {after:.0f} MB.",
        f"Above {triton.MEMORY_LIMIT_MB:.0f} MB they are loaded again by the next cycle on the machine of the server (`flows.triton.watched`).",
        "",
        *markdown(memory),
        "",
        "## What was found out about Triton",
        "",
        "With explicit model control; tests/servers/test_triton.py and test_served_models.py hold it:",
        "",
        "- `load` takes up a changed file, and so does unload + load. `load` does nothing when no file has changed: a dead process stays dead.",
        "- A broken file put in the place of the old one, or a broken new version beside it, leaves the old one serving until it is unloaded.",
        "- A model whose process was killed says ready, and every request fails; unload + load repairs it (seen: it says",
        "  `UNLOADING` for ever, loads all the same, and makes the server's stop wait for its exit timeout).",
        "- A killed server's model processes live on for a while and leave 16 MB each in /dev/shm: ended and swept by the next start or stop.",
        "- A space in the path of the repository or of STORMCYCLE_HOME keeps model processes from starting, without a word: refused before the start.",
        "- A passed deadline reaches the backend as a cancelled request, and the run in ONNX Runtime is ended there.",
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def latency(url: str, repository: Path, model: str) -> dict[str, Any]:
    """One model's row: through Triton, in process, their ratio and difference."""
    contract = declared_contract(model)
    question = canary_question(contract, SIZE)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(contract.parameters.get("intra_op_thread_count", "1"))
    session = onnxruntime.InferenceSession(str(repository / model / "1" / "model.onnx"), options, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in contract.outputs]

    def served() -> dict[str, np.ndarray]:
        return infer(url, contract, question, DEADLINE_S)

    def own() -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, question), strict=True))

    apart = max(float(np.abs(served()[name] - own()[name]).max()) for name in names)
    pairs = [(_timed(served)[1], _timed(own)[1]) for _ in range(REPEATS)]
    through, inside = (median(times) * 1e3 for times in zip(*pairs, strict=True))
    ready = median(_timed(lambda: ready_model(url, model, DEADLINE_S))[1] for _ in range(5)) * 1e3
    return {
        "model": model,
        "Triton, ms": f"{through:.1f}",
        "ONNX Runtime, ms": f"{inside:.1f}",
        "ratio": f"{through / inside:.2f}",
        "largest difference": f"{apart:g}",
        "ready, ms": f"{ready:.0f}",
    }


def growth(url: str, models: list[str]) -> list[dict[str, Any]]:
    """The server's memory (MB) by every EVERY cycles' worth of requests."""
    rows = [_memory(0)]
    questions = {model: canary_question(declared_contract(model), SIZE) for model in models}
    for cycle in range(1, CYCLES + 1):
        for model in models:
            ready = ready_model(url, model, DEADLINE_S)
            infer(url, ready.contract, questions[model], DEADLINE_S)
        if cycle % EVERY == 0:
            rows.append(_memory(cycle))
    return rows


def _memory(cycles: int) -> dict[str, Any]:
    return {"cycles": cycles, "MB": round(triton.server_memory_mb())}


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    return call(), time.perf_counter() - begun


def _counted(models: list[str]) -> str:
    return f"{len(models)} models" if len(models) != 1 else "1 model"


if __name__ == "__main__":
    main()
