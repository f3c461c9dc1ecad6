"""What a model's network costs: parameters, multiplications, seconds."""

import time
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from stormcycle.export.weights import load_network
from stormcycle.nowcast.neural import FRAMES
from stormcycle.serving.cards import read_card

SIDE = 256
REPEATS = 3
LINEAR = ("convolution", "addmm", "mm")


@dataclass(frozen=True)
class Costs:
    """Parameters; 10^9 multiplications with addition of convolutions and linear layers, and of all that torch counts (matrix products of
    attention and scans too, no element-wise work); seconds of one answer by torch with one thread, the least of three."""

    parameters: int
    gmac: float
    gmac_all: float
    latency_seconds: float


def costs_of(model: str) -> Costs:
    """The costs of a model's network for one field of 256 x 256 pixels. Raises CardError and ExportError as `load_network` does."""
    card = read_card(model)
    return network_costs(load_network(card), len(card.variables))


def network_costs(network: torch.nn.Module, variables: int) -> Costs:
    """The costs of a network that takes frames and masks of so many variables, for one field of 256 x 256 pixels."""
    asked = torch.zeros(1, variables * FRAMES, SIDE, SIDE), torch.ones(1, variables, SIDE, SIDE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*asked)
    flops = {str(operation).rpartition(".")[2]: value for operation, value in counter.get_flop_counts()["Global"].items()}
    linear = sum(value for operation, value in flops.items() if operation in LINEAR)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Costs(parameters, linear / 2e9, sum(flops.values()) / 2e9, _latency(network, asked))


def _latency(network: torch.nn.Module, asked: tuple[torch.Tensor, torch.Tensor]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return min(_seconds(network, asked) for _ in range(REPEATS))
    finally:
        torch.set_num_threads(threads)


def _seconds(network: torch.nn.Module, asked: tuple[torch.Tensor, torch.Tensor]) -> float:
    begun = time.perf_counter()
    network(*asked)
    return time.perf_counter() - begun
