"""The nowcast of a network that stands in the frame that moves with the echoes.

Reflectivity is asked for by itself, zdr and kdp with all that is seen: of few dual-polarised events a network learns which of them it is
shown, as soon as it sees their moments, and then how that event went (docs/models.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stormcycle.nowcast.lagrangian import displacements, forecast, mirrored, moving_frames, moving_sprog
from stormcycle.nowcast.probability import neighbourhood
from stormcycle.nowcast.variables import Fields
from stormcycle.states import dry_filled

FRAMES = LEADS = 10
MULTIPLE = 32
"""Networks take rows and columns that are multiples of this."""
BORDER = 32
"""Pixels of mirror image around a field: at its edge a convolution sees nothing beyond, and made false lines of strong echo there."""

Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Frames (1, variable x time, y, x; physical units) and masks (1, variable, y, x) in, the change of each variable and lead
(1, variable x lead, y, x) or the probability of each threshold and lead (1, threshold x lead, y, x) out; all float32, lead last."""


LEAST_ECHO_DBZ, WHOLE_OFFSET_DBZ = 10.0, 15.0
"""Only what is stronger than the first takes an offset, as what is dry stays dry, and the whole of it from the second on, without a jump between."""


@dataclass(frozen=True)
class Finish:
    """What is done to a network's zh by lead, fitted on events not learned from: the weight of S-PROG in it, then what is added to echoes (dB)."""

    sprog_share: Sequence[float] = ()
    offset_db: Sequence[float] = ()


@dataclass(frozen=True)
class Pool:
    """What a network's probabilities are pooled with: the weight, by lead, of the extrapolation's neighbourhood, and by how many pixels a step that widens."""

    share: Sequence[float] = ()
    reach_px: float = 6.0


AS_IT_IS, ALONE = Finish(), Pool()


def reach_px(step_minutes: float, resolution_m: float) -> float:
    """By how many pixels a step a neighbourhood widens: a kilometre a minute."""
    return 1000.0 * step_minutes / resolution_m


def neural_forecast(
    frames: Mapping[str, np.ndarray],
    velocity: np.ndarray,
    leads: int,
    mask: np.ndarray,
    network: Network,
    variables: Sequence[str] = ("zh",),
    finish: Finish = AS_IT_IS,
) -> Fields:
    """A network's nowcast of each variable that is there and that it knows: (lead, y, x), `zh` in dBZ and at least 0.

    frames: ten (time, y, x) of each variable (stormcycle.nowcast.variables), `zh` among them, NaN where not observed or
    without echo; velocity: their motion (2, y, x; pixels a step); mask: (y, x) where a radar sees the newest frame;
    beyond it, and where the air comes from beyond it, the forecast is NaN. variables: what the network takes, in order; one that is not
    in `frames` is masked, as in its training, and all but `zh` while that is asked for. finish: what is done to `zh` then.
    Beyond LEADS its own nowcast, where it is known, serves as its frames: it has never seen its own blur in training, so what is rolled is an
    illustration. Raises ValueError for other than ten frames, and what the network raises.
    """
    made = _ahead(frames, velocity, min(leads, LEADS), mask, network, variables, finish)
    while (done := len(made["zh"])) < leads:
        newest = {word: values[-FRAMES:] for word, values in made.items()}
        last = Finish(list(finish.sprog_share[-1:]) * LEADS)  # its frames have had their offset
        further = _ahead(newest, velocity, min(leads - done, LEADS), ~np.isnan(newest["zh"][-1]), network, variables, last)
        made = {word: np.concatenate([values, further[word]]) for word, values in made.items()}
    return made


def neural_exceedance(
    frames: Mapping[str, np.ndarray],
    velocity: np.ndarray,
    leads: int,
    mask: np.ndarray,
    network: Network,
    variables: Sequence[str],
    told: Sequence[float],
    thresholds: Sequence[float],
    pool: Pool = ALONE,
) -> np.ndarray:
    """A network's probabilities that reflectivity reaches thresholds (dBZ): (threshold, lead, y, x), NaN where nothing is known.

    network: answers in the moving frame, (1, threshold x lead, y, x) of the thresholds that it has `told`, LEADS each; pool: what they are
    pooled with, linearly; the rest as in `neural_forecast`. Raises ValueError for other than ten frames, more than LEADS, or a threshold that it does not tell.
    """
    if leads > LEADS:
        raise ValueError(f"The network tells probabilities {LEADS} steps ahead, not {leads}: there is no rolling of them.")
    if strange := [threshold for threshold in thresholds if threshold not in told]:
        raise ValueError(f"The network tells the probabilities of {', '.join(f'{one:g}' for one in told)} dBZ, not of {strange[0]:g}.")
    asked = _asked({"zh": frames["zh"]}, velocity, leads, mask, network, variables)
    by_threshold = np.split(asked.answer, len(told))
    nothing = np.zeros(mask.shape)
    made = np.stack([forecast(nothing, by_threshold[told.index(one)][:leads], asked.paths[:leads], mask) for one in thresholds]).clip(0.0, 1.0)
    if any(pool.share[:leads]):
        near = neighbourhood(np.where(mask, asked.seen["zh"][-1], np.nan), velocity, leads, thresholds, pool.reach_px)
        share = np.asarray(pool.share[:leads])[:, None, None]
        made = np.where(np.isnan(near), made, share * near + (1.0 - share) * made)
    return made


@dataclass(frozen=True)
class _Asked:
    """A network's answer (channel, y, x), and what it was asked: the fields that are seen, what moves with them, the paths of each lead."""

    seen: Fields
    moving: Fields
    paths: np.ndarray
    answer: np.ndarray


def _asked(frames: Mapping[str, np.ndarray], velocity: np.ndarray, leads: int, mask: np.ndarray, network: Network, variables: Sequence[str]) -> _Asked:
    """A network asked once, for at most LEADS. Raises ValueError for other than ten frames."""
    counts = {word: len(values) for word, values in frames.items()}
    if set(counts.values()) != {FRAMES}:
        raise ValueError(f"The network takes {FRAMES} frames of each variable; here are {', '.join(f'{n} of {word}' for word, n in counts.items())}.")
    known = [word for word in variables if word in frames]
    paths = displacements(velocity, max(leads, FRAMES - 1))  # also as far back as the oldest frame
    seen = {word: np.where(mask, dry_filled(frames[word]), 0.0) for word in known}
    nothing, dark = np.zeros((FRAMES, *mask.shape), "float32"), np.zeros(mask.shape, bool)
    moving = {word: moving_frames(seen[word], paths) if word in known else nothing for word in variables}
    masks = np.stack([mask if word in known else dark for word in variables]).astype("float32")
    question = [mirrored(fields, BORDER, MULTIPLE)[None] for fields in (np.concatenate(list(moving.values())), masks)]
    return _Asked(seen, moving, paths, network(*question)[0, :, BORDER : BORDER + mask.shape[0], BORDER : BORDER + mask.shape[1]])


def _ahead(
    frames: Mapping[str, np.ndarray],
    velocity: np.ndarray,
    leads: int,
    mask: np.ndarray,
    network: Network,
    variables: Sequence[str],
    finish: Finish,
) -> Fields:
    """At most LEADS: zh from what shows nothing else, the other variables from what shows all."""
    asked = _asked({"zh": frames["zh"]}, velocity, leads, mask, network, variables)
    moments = [word for word in variables if word in frames and word != "zh"]
    together = _asked(frames, velocity, leads, mask, network, variables) if moments else asked

    def carried(asked: _Asked, word: str) -> np.ndarray:
        change = np.split(asked.answer, len(variables))[variables.index(word)]
        return forecast(asked.seen[word][-1], change[:leads], asked.paths[:leads], mask)

    made = {"zh": np.maximum(carried(asked, "zh"), 0.0), **{word: carried(together, word) for word in moments}}
    if any(finish.sprog_share[:leads]):
        share = np.asarray(finish.sprog_share[:leads])[:, None, None]
        made["zh"] = share * np.maximum(moving_sprog(asked.moving["zh"], asked.paths[:leads], mask), 0.0) + (1.0 - share) * made["zh"]
    if any(finish.offset_db[:leads]):
        made["zh"] = with_offset(made["zh"], finish.offset_db[:leads])
    return made


def with_offset(zh: np.ndarray, offset_db: Sequence[float]) -> np.ndarray:
    """A forecast (lead, y, x; dBZ) with something added to its echoes, by lead; NaN stays."""
    share = np.clip((zh - LEAST_ECHO_DBZ) / (WHOLE_OFFSET_DBZ - LEAST_ECHO_DBZ), 0.0, 1.0)
    return zh + share * np.asarray(offset_db)[:, None, None]
