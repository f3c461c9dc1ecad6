"""Whether the errors that an analysis assumed were right: chi-square, Desroziers' ratios, fits (specification, section 5)."""

import numpy as np

from stormcycle.assimilation.analysis import Outcome


def diagnostics(outcome: Outcome, observed: np.ndarray) -> dict[str, float]:
    """Figures of an analysis, over the observations that it used.

    chi_square: 2 J / p, near 1 where the assumed errors are right. observation_ratio: Desroziers' estimate of the observation error,
    sqrt(mean((y - H(xa)) (y - H(xb)))), over the assumed one; background_error_db: his sqrt(mean((H(xa) - H(xb)) (y - H(xb)))). Both follow what was
    assumed: they diagnose and do not tune. innovation_rmse, residual_rmse and their means (dB).
    """
    seen = np.maximum(np.nan_to_num(observed), outcome.floor_dbz)[outcome.used]
    before, after = (seen - np.maximum(said, outcome.floor_dbz)[outcome.used] for said in (outcome.said_before, outcome.said_after))
    return {
        "observations": int(outcome.used.sum()),
        "chi_square": 2.0 * outcome.minimum.cost.total / max(int(outcome.used.sum()), 1),
        "observation_ratio": _root(float((after * before).mean())) / outcome.error_db,
        "background_error_db": _root(float(((before - after) * before).mean())),
        "innovation_rmse": float(np.sqrt((before**2).mean())),
        "residual_rmse": float(np.sqrt((after**2).mean())),
        "innovation_mean": float(before.mean()),
        "residual_mean": float(after.mean()),
        "evaluations": outcome.minimum.evaluations,
        "gradient": outcome.minimum.gradients[-1],
    }


def _root(value: float) -> float:
    """The root of a mean product, which sampling can make negative: then it is not a number."""
    return float(np.sqrt(value)) if value >= 0 else float("nan")
