"""The radar operator: a residual U-Net with squeeze-and-excitation from the model's state to hourly reflectivity (Stefanelli et al., arXiv 2512.18289).

`blocks` are its parts, `network` the whole, `loss` what it learns by. In an analysis its Jacobian leads from radar back to the state.
"""

from stormcycle.networks.radar_operator.loss import edge_aware_loss
from stormcycle.networks.radar_operator.network import STATE_CHANNELS, RadarOperator

__all__ = ["STATE_CHANNELS", "RadarOperator", "edge_aware_loss"]
