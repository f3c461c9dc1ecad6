"""The edge-aware loss of the radar operator: Huber, Sobel gradients and structural similarity under one weight map (equations 14 to 25 of the specification).

All in units of OUTPUT_DBZ. Where the radar saw nothing `known` is False: no error counts there, and neighbours see the forecast's absence as agreement.
"""

import torch
from torch import nn

from stormcycle.networks.radar_operator.network import OUTPUT_DBZ

PLATEAU_KM, DECAY_KM, DISC_KM = 50.0, 80.0, 160.0
"""The radar's weight: 1 up to the plateau, then a Gaussian of this decay, 0 beyond the disc."""
RING_PX, AMPLIFICATION = 3, 3.0
"""Within so many pixels of the rim of rain an error counts 1 + AMPLIFICATION times."""
HUBER = 0.5
GRADIENT_SHARE, SIMILARITY_SHARE = 0.5, 0.2
WINDOW_PX, WINDOW_SD, STABLE_1, STABLE_2, RANGE = 11, 1.5, 0.01, 0.03, 6.0
"""Of the structural similarity (Wang et al. 2004)."""
LEAST_WEIGHT = 1e-6


def edge_aware_loss(made: torch.Tensor, observed: torch.Tensor, distance_km: torch.Tensor) -> torch.Tensor:
    """The loss (scalar) of hours (n, 1, y, x; dBZ) against what was observed (NaN: nothing), at distances from the nearest radar (y, x)."""
    known = ~torch.isnan(observed)
    truth = torch.nan_to_num(observed) / OUTPUT_DBZ
    answer = torch.where(known, made / OUTPUT_DBZ, truth)
    weight = weight_map(truth, known, distance_km)
    return huber_loss(answer, truth, weight) + GRADIENT_SHARE * gradient_loss(answer, truth, weight) + SIMILARITY_SHARE * similarity_loss(answer, truth, weight)


def weight_map(truth: torch.Tensor, known: torch.Tensor, distance_km: torch.Tensor) -> torch.Tensor:
    """The weights (n, 1, y, x) that all parts share: the radar's times the boundary's, 0 where nothing is known, mean one a sample (equation 20)."""
    weight = radar_weight(distance_km) * boundary_weight(truth) * known
    return weight / weight.mean((-2, -1), keepdim=True).clamp_min(LEAST_WEIGHT)


def radar_weight(distance_km: torch.Tensor) -> torch.Tensor:
    """How much a place counts at a distance from the radar (equation 14, made continuous at the plateau)."""
    beyond = (distance_km - PLATEAU_KM).clamp_min(0.0)
    return torch.exp(-(beyond**2) / (2.0 * DECAY_KM**2)) * (distance_km <= DISC_KM)


def boundary_weight(truth: torch.Tensor) -> torch.Tensor:
    """1, and 1 + AMPLIFICATION in the ring about the rim of rain (equations 15 to 19): dilated but not eroded rain."""
    rain = (truth > 0).to(truth.dtype)
    dilated = nn.functional.max_pool2d(rain, 2 * RING_PX + 1, 1, RING_PX)
    eroded = 1.0 - nn.functional.max_pool2d(1.0 - rain, 2 * RING_PX + 1, 1, RING_PX)
    return 1.0 + AMPLIFICATION * (dilated - eroded)


def huber_loss(made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weighted mean of Huber's function of the error (equations 22 and 23)."""
    return (weight * nn.functional.huber_loss(made, truth, reduction="none", delta=HUBER)).mean()


def gradient_loss(made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weighted mean difference of Sobel gradients, both parts summed (equation 24)."""
    return (weight * (sobel(made) - sobel(truth)).abs().sum(1, keepdim=True)).mean()


def sobel(field: torch.Tensor) -> torch.Tensor:
    """The gradient along x and y (n, 2, y, x) of fields (n, 1, y, x), a pixel, by Sobel's kernels over 8; reflected at the rim."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], dtype=field.dtype, device=field.device) / 8.0
    return nn.functional.conv2d(nn.functional.pad(field, (1, 1, 1, 1), mode="reflect"), torch.stack([across, across.T])[:, None])


def similarity_loss(made: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weighted mean lack of structural similarity (equation 25)."""
    return (weight * (1.0 - similarity(made, truth))).mean()


def similarity(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The map of structural similarity (n, 1, y, x) of two fields of a range RANGE, by a Gaussian window; 1 where they are alike."""
    mean_one, mean_other, square_one, square_other, product = _blurred(torch.cat([one, other, one * one, other * other, one * other], 1)).split(1, 1)
    first, second = (STABLE_1 * RANGE) ** 2, (STABLE_2 * RANGE) ** 2
    luminance = (2.0 * mean_one * mean_other + first) / (mean_one**2 + mean_other**2 + first)
    return luminance * (2.0 * (product - mean_one * mean_other) + second) / (square_one - mean_one**2 + square_other - mean_other**2 + second)


def _blurred(fields: torch.Tensor) -> torch.Tensor:
    """Fields (n, c, y, x) under the Gaussian window, reflected at the rim."""
    channels, half = fields.shape[1], WINDOW_PX // 2
    window = torch.exp(-((torch.arange(WINDOW_PX, dtype=fields.dtype, device=fields.device) - half) ** 2) / (2.0 * WINDOW_SD**2))
    kernel = (window / window.sum()).expand(channels, 1, WINDOW_PX)
    padded = nn.functional.pad(fields, (half, half, half, half), mode="reflect")
    return nn.functional.conv2d(nn.functional.conv2d(padded, kernel[:, :, None, :], groups=channels), kernel[:, :, :, None], groups=channels)
