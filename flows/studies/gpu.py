"""`make gpu-study`: docs/gpu.md, what the networks of the nowcast cost on a GPU, by PyTorch; needs one."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from flows.studies.tables import markdown
from stormcycle.export.weights import load_network
from stormcycle.networks import build
from stormcycle.nowcast.neural import FRAMES
from stormcycle.serving import nowcast_names, read_card
from stormcycle.training import read_recipe
from stormcycle.training.nowcasts import Batch, loss_of
from stormcycle.verification.paper import mrkan_paper

DOCUMENT = Path(__file__).parents[2] / "docs" / "gpu.md"
SIDE, WARM_UPS, REPEATS = 256, 5, 20
DIRECT = {f"mrkan_direct, {size}": ("mrkan_direct", size) for size in ("small", "paper")}
STEPPED = "mrkan"
"""Whose training step is timed."""


def main() -> None:
    """Measure and write the document. Raises RuntimeError where there is no GPU."""
    if not torch.cuda.is_available():
        raise RuntimeError("There is no GPU here: run this study on a machine with one.")
    networks = {name: (load_network(read_card(name)), len(read_card(name).variables)) for name in nowcast_names()}
    networks |= {name: (build(network, size=size).eval(), 3) for name, (network, size) in DIRECT.items()}
    rows = [_row(name, network, variables) for name, (network, variables) in networks.items()]
    theirs = mrkan_paper()["costs"]["MRKAN"]
    lines = [
        "# The networks of the nowcast on a GPU",
        "",
        f"Made by `make gpu-study` on {torch.cuda.get_device_name()}, PyTorch {torch.__version__}: one field of {SIDE} x {SIDE}, ten frames in and ten",
        f"leads out, the median of {REPEATS} after {WARM_UPS}, between CUDA events. A graph is the same kernels replayed without Python between them: what is",
        f"left is the GPU's own time. The paper has {theirs[2]:g} ms for its MRKAN on an RTX 3090. TensorRT was not run.",
        "",
        *markdown(rows),
        "",
        f"A training step of `{STEPPED}` as its recipe has it, in mixed precision: {_step_ms():.0f} ms.",
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _row(name: str, network: nn.Module, variables: int) -> dict[str, Any]:
    """The milliseconds of one network."""
    network = network.cuda()
    asked = torch.zeros(1, variables * FRAMES, SIDE, SIDE, device="cuda"), torch.ones(1, variables, SIDE, SIDE, device="cuda")

    def half() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            network(*asked)

    with torch.no_grad():
        told = {"FP32, ms": _ms(lambda: network(*asked)), "bfloat16, ms": _ms(half), "FP32, a graph, ms": _ms(_graph(lambda: network(*asked)))}
    return {"model": name, "parameters, M": sum(part.numel() for part in network.parameters()) / 1e6, **told}


def _graph(asked: Callable[[], Any]) -> Callable[[], None]:
    """What replays the kernels of a call."""
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own
    with torch.cuda.stream(beside):
        asked()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        asked()
    return graph.replay


def _ms(done: Callable[[], Any]) -> float:
    """The median milliseconds of a call on the GPU."""
    taken: list[float] = []
    for _ in range(WARM_UPS + REPEATS):
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]  # torch's own
        begun.record()
        done()
        ended.record()
        torch.cuda.synchronize()
        taken.append(begun.elapsed_time(ended))
    return median(taken[WARM_UPS:])


def _step_ms() -> float:
    """The milliseconds of a step forwards and backwards, without the drawing of its batch and the optimiser."""
    recipe = read_recipe(STEPPED)
    network, size = build(**recipe.architecture).cuda().train(), recipe.schedule.batch
    echo = 40.0 * torch.rand(size, 1, 2 * FRAMES, SIDE, SIDE, device="cuda")
    paths = torch.zeros(size, FRAMES, 2, SIDE, SIDE, device="cuda")
    batch = Batch(echo[:, :, :FRAMES], echo[:, :, FRAMES:], paths, torch.ones(size, SIDE, SIDE, device="cuda"), ("zh",), (0,) * size)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(network, batch, tuple(recipe.variables))
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    return _ms(step)


if __name__ == "__main__":
    main()
