"""The analysis of a domain: how radar corrects the model's state (stormcycle.assimilation)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from stormcycle.domain.sections import Strict
from stormcycle.home import expand
from stormcycle.times import Time, season

SEASON = "{season}"
"""What stands for the season (DJF, MAM, JJA, SON) in the name of a file."""
SHIPPED_ERRORS = Path(__file__).parents[2] / "infra" / "background_errors"


class Analysis(Strict):
    """The 3DVar analysis: which operator, which errors, how far an observation reaches."""

    operator: str = Field(default="radar_operator", description="the model that tells what a radar sums up of a state")
    background_errors: str | None = Field(
        default=None,
        description="a file of infra/background_errors by its name, or a path, {season} in it is replaced; none: one deviation a channel",
    )
    observation_error_db: float | None = Field(default=None, gt=0, description="standard deviation; none: the operator's own error on the hours that chose it")
    inflation: float = Field(default=1.0, ge=1, description="factor of the observation error, for what a pixel of the analysis grid does not represent")
    length_km: float | None = Field(default=10.0, gt=0, description="of the background-error covariance (its kernel's deviation); null: each point alone")
    correlation: Literal["none", "levels", "full"] = Field(
        default="none", description="between channels, from the background errors: none, of a quantity's levels, of all channels"
    )
    dry: Literal["floor", "zero"] = Field(default="floor", description="what a dry pixel says: below the radar's floor, or 0 dBZ (the paper)")
    disc_km: float = Field(default=160.0, gt=0, description="how far from the nearest radar an increment is made")
    rim_km: float = Field(default=20.0, ge=0, description="over so much inside the disc's rim an increment fades; 0: a hard rim, as in the paper")
    gross_db: float | None = Field(default=25.0, gt=0, description="an observation further from the background is left out; null: none is")
    tail: float | None = Field(default=None, gt=0, description="beyond so many deviations a misfit counts linearly (Huber norm); null: nowhere")
    evaluations: int = Field(default=60, ge=2, description="of the cost, at most")

    def errors_file(self, time: Time) -> Path | None:
        """The file of the background errors of a time: a shipped one by its name, else the path that is named; None where none is."""
        if self.background_errors is None:
            return None
        named = self.background_errors.replace(SEASON, season(time))
        shipped = SHIPPED_ERRORS / f"{named}.nc"
        return shipped if shipped.is_file() else Path(expand(named))
