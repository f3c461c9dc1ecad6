"""The nowcast of a network that stands in the frame that moves with the echoes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stormcycle.nowcast.lagrangian import displacements, forecast, mirrored, moving_frames, moving_sprog
from stormcycle.nowcast.variables import Fields
from stormcycle.states import dry_filled

FRAMES = LEADS = 10
MULTIPLE = 32
"""Networks take rows and columns that are multiples of this."""
BORDER = 32
"""Pixels of mirror image around a field: at its edge a convolution sees nothing beyond, and made false lines of strong echo there."""

Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Frames (1, variable x time, y, x; physical units) and masks (1, variable, y, x) in, the change of each variable and lead
(1, variable x lead, y, x) out; all float32, variable-major."""


def neural_forecast(
    frames: Mapping[str, np.ndarray],
    velocity: np.ndarray,
    leads: int,
    mask: np.ndarray,
    network: Network,
    variables: Sequence[str] = ("zh",),
    sprog_share: Sequence[float] = (),
) -> Fields:
    """A network's nowcast of each variable that is there and that it knows: (lead, y, x), `zh` in dBZ and at least 0.

    frames: ten (time, y, x) of each variable (stormcycle.nowcast.variables), `zh` among them, NaN where not observed or
    without echo; velocity: their motion (2, y, x; pixels a step); mask: (y, x) where a radar sees the newest frame;
    beyond it, and where the air comes from beyond it, the forecast is NaN. variables: what the network takes, in order; one that is not
    in `frames` is masked, as in its training. sprog_share: by lead, the weight of S-PROG in what is told of `zh`.
    Beyond LEADS its own nowcast, where it is known, serves as its frames: it has never seen its own blur in training, so what is rolled is an
    illustration. Raises ValueError for other than ten frames, and what the network raises.
    """
    counts = {word: len(values) for word, values in frames.items()}
    if set(counts.values()) != {FRAMES}:
        raise ValueError(f"The network takes {FRAMES} frames of each variable; here are {', '.join(f'{n} of {word}' for word, n in counts.items())}.")
    made = _ahead(frames, velocity, min(leads, LEADS), mask, network, variables, sprog_share)
    while (done := len(made["zh"])) < leads:
        newest = {word: values[-FRAMES:] for word, values in made.items()}
        further = _ahead(newest, velocity, min(leads - done, LEADS), ~np.isnan(newest["zh"][-1]), network, variables, list(sprog_share[-1:]) * LEADS)
        made = {word: np.concatenate([values, further[word]]) for word, values in made.items()}
    return made


def _ahead(
    frames: Mapping[str, np.ndarray],
    velocity: np.ndarray,
    leads: int,
    mask: np.ndarray,
    network: Network,
    variables: Sequence[str],
    sprog_share: Sequence[float],
) -> Fields:
    """What the network is asked once for, at most LEADS."""
    known = [word for word in variables if word in frames]
    paths = displacements(velocity, max(leads, FRAMES - 1))  # also as far back as the oldest frame
    seen = {word: np.where(mask, dry_filled(frames[word]), 0.0) for word in known}
    nothing, dark = np.zeros((FRAMES, *mask.shape), "float32"), np.zeros(mask.shape, bool)
    moving = {word: moving_frames(seen[word], paths) if word in known else nothing for word in variables}
    masks = np.stack([mask if word in known else dark for word in variables]).astype("float32")
    asked = [mirrored(fields, BORDER, MULTIPLE)[None] for fields in (np.concatenate(list(moving.values())), masks)]
    answer = network(*asked)[0, :, BORDER : BORDER + mask.shape[0], BORDER : BORDER + mask.shape[1]]
    change = dict(zip(variables, np.split(answer, len(variables)), strict=True))
    made = {word: forecast(seen[word][-1], change[word][:leads], paths[:leads], mask) for word in known}
    made["zh"] = np.maximum(made["zh"], 0.0)
    if any(sprog_share[:leads]):
        share = np.asarray(sprog_share[:leads])[:, None, None]
        made["zh"] = share * np.maximum(moving_sprog(moving["zh"], paths[:leads], mask), 0.0) + (1.0 - share) * made["zh"]
    return made
