"""Quality control of polar volumes: one plain function a step, each gives flags (ray, gate); flags add up.

Nothing is taken away by a step: a volume and what was found in it meet in `cleaned`. A domain's YAML says which steps
are done and with which settings (stormcycle.domain.Quality); `checked` does them in their order.
"""

from stormcycle.radar.quality.attenuation import path_attenuation
from stormcycle.radar.quality.blockage import beam_blockage, read_terrain
from stormcycle.radar.quality.clutter import non_meteorological, speckle, static_clutter
from stormcycle.radar.quality.control import checked, cleaned, needed_moments, read_files
from stormcycle.radar.quality.flags import GateFlag, rejected_for
from stormcycle.radar.quality.limits import noise_floor, range_limit
from stormcycle.radar.quality.outliers import outlier_gates, read_mask

__all__ = [
    "GateFlag",
    "beam_blockage",
    "checked",
    "cleaned",
    "needed_moments",
    "noise_floor",
    "non_meteorological",
    "outlier_gates",
    "path_attenuation",
    "range_limit",
    "read_files",
    "read_mask",
    "read_terrain",
    "rejected_for",
    "speckle",
    "static_clutter",
]
