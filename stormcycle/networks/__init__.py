"""The neural networks: torch modules, one folder a paper; `build` makes one from the architecture that its card names."""

from typing import Any

from torch import nn

from stormcycle.networks.baselines.conv_lstm import ConvLSTM
from stormcycle.networks.baselines.smaat_unet import SmaAtUNet
from stormcycle.networks.mrkan import DirectMRKAN, ExceedingMRKAN, MovingMRKAN
from stormcycle.networks.radar_operator import RadarOperator

NETWORKS: dict[str, type[nn.Module]] = {
    "conv_lstm": ConvLSTM,
    "mrkan": MovingMRKAN,
    "mrkan_direct": DirectMRKAN,
    "mrkan_exceedance": ExceedingMRKAN,
    "radar_operator": RadarOperator,
    "smaat_unet": SmaAtUNet,
}

__all__ = ["NETWORKS", "build"]


def build(network: str, **settings: Any) -> nn.Module:
    """A network with fresh weights. Raises ValueError for a name that is not known."""
    if network not in NETWORKS:
        raise ValueError(f"There is no network {network!r}; known are {', '.join(NETWORKS)}.")
    return NETWORKS[network](**settings)
