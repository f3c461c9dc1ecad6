"""What every section of a domain's YAML is made of."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, field_validator
from pyproj import CRS
from pyproj.exceptions import CRSError


class Strict(BaseModel):
    """A section of the YAML: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Grid(Strict):
    """The product grid: square pixels in a projection."""

    projection: str = Field(description="PROJ string or EPSG code; metres")
    shape: tuple[PositiveInt, PositiveInt] = Field(description="rows, columns")
    resolution_m: float = Field(gt=0)
    centre_m: tuple[float, float] = Field(default=(0.0, 0.0), description="projection coordinates of the grid's centre")
    nominal: bool = Field(default=False, description="the source publishes no geolocation; the site is declared here")

    @field_validator("projection")
    @classmethod
    def in_metres(cls, value: str) -> str:
        """PROJ knows the projection, and its unit is the metre."""
        try:
            crs = CRS.from_user_input(value)
        except CRSError:
            raise ValueError(f"PROJ does not know the projection {value!r}") from None
        if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
            raise ValueError(f"{value!r} is not a projection in metres")
        return value


def _utc(value: datetime) -> datetime:
    """A time without a zone is UTC, whatever the zone of the machine."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_utc)]
