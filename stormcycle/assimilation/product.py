"""The released product `analysis`: the corrected state, what it was corrected from and by how much, what the radar said of both."""

import numpy as np
import xarray as xr

from stormcycle.assimilation.analysis import Outcome
from stormcycle.background.product import AT_SURFACE, LEVELS_HPA, ON_LEVELS
from stormcycle.states import Provenance


def analysis_product(outcome: Outcome, background: xr.Dataset, observed: np.ndarray) -> xr.Dataset:
    """The fields of `analysis` of an hour from its outcome, the product `background`, and what radars summed up on the analysis grid (y, x; dBZ).

    By quantity the analysis (`air_temperature` ...), the background (`air_temperature_background`) and the increment (`air_temperature_increment`);
    `hourly_sum`; what the operator says of the background and of the analysis (dBZ); `innovation` and `residual`, observed minus said, where the
    observation was `assimilated`; the minimisation's `cost` and `gradient` by step. All is made by a model: `provenance` says so.
    """
    fields: dict[str, object] = {}
    place = 0
    for name in ON_LEVELS.values():
        fields |= _three(name, ("level", "y", "x"), outcome.state[place : place + len(LEVELS_HPA)], background[name].values)
        place += len(LEVELS_HPA)
    for name in AT_SURFACE.values():
        fields |= _three(name, ("y", "x"), outcome.state[place], background[name].values)
        place += 1
    minimum = outcome.minimum
    shape = observed.shape
    said = {"hourly_sum_background": outcome.said_before, "hourly_sum_analysis": outcome.said_after}
    known = np.where(outcome.used, np.maximum(np.nan_to_num(observed), outcome.floor_dbz), np.nan)
    innovation, residual = (known - np.maximum(values, outcome.floor_dbz) for values in said.values())
    return xr.Dataset(
        {
            **fields,
            "hourly_sum": (("y", "x"), observed.astype("float32")),
            **{name: (("y", "x"), np.maximum(values, 0.0).astype("float32")) for name, values in said.items()},
            "innovation": (("y", "x"), innovation.astype("float32")),
            "residual": (("y", "x"), residual.astype("float32")),
            "assimilated": (("y", "x"), outcome.used),
            "cost": ("iteration", np.asarray(minimum.costs, "float64")),
            "gradient": ("iteration", np.asarray(minimum.gradients, "float64")),
            "observed": (("y", "x"), np.ones(shape, bool)),
            "provenance": (("y", "x"), np.full(shape, int(Provenance.MADE_BY_A_MODEL), "uint16")),
        },
        coords={
            "level": np.asarray(LEVELS_HPA, "float32"),
            "iteration": np.arange(len(minimum.costs), dtype="int16"),
            "valid_time": background["valid_time"].values,
            "forecast_reference_time": background["forecast_reference_time"].values,
        },
        attrs={"lead_hours": float(background.attrs["lead_hours"]), "minimisation": minimum.ended, "evaluations": minimum.evaluations},
    )


def _three(name: str, dims: tuple[str, ...], analysis: np.ndarray, background: np.ndarray) -> dict[str, object]:
    values = {name: analysis, f"{name}_background": background, f"{name}_increment": analysis - background}
    return {key: (dims, field.astype("float32")) for key, field in values.items()}
