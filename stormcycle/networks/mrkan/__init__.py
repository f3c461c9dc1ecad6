"""MRKAN (Wang et al. 2026, doi 10.3390/rs18020372): extrapolation of dual-polarisation radar, one file a block.

`csmamba` looks along scans of the whole field, `gimrbf` at the values of a pixel, `mokan` at its neighbours, `msff` joins the
three; `layer` is one MRKAN layer, `network` the encoder and decoder around the layers, `forms` what is trained and
served: the paper's direct form, and the same blocks as a residual network in the frame that moves with the echoes; `exceedance` adds
a head of probabilities to that one.
The paper does not publish code; where it is silent or contradicts itself the docstrings say what we decided.
"""

from stormcycle.networks.mrkan.exceedance import ExceedingMRKAN
from stormcycle.networks.mrkan.forms import DirectMRKAN, MovingMRKAN
from stormcycle.networks.mrkan.network import SIZES, Size

__all__ = ["SIZES", "DirectMRKAN", "ExceedingMRKAN", "MovingMRKAN", "Size"]
