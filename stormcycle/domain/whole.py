"""A whole domain: the file infra/domains/<name>.yaml as one checked value."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pyresample.geometry import AreaDefinition

from stormcycle.domain.assimilation import Analysis
from stormcycle.domain.radar import Radar
from stormcycle.domain.satellite import Background, Satellite
from stormcycle.domain.sections import Grid, Strict
from stormcycle.grids import area

ON_ANALYSIS_GRID = ("background", "analysis")


class Nowcast(Strict):
    """The nowcast branch: a served model or extrapolation to `lead_minutes`; exceedance by a model that tells it, else from a small STEPS ensemble."""

    model: str | None = Field(default=None, description="served by Triton; extrapolation where it cannot be used, and where none is named")
    baselines: tuple[str, ...] = Field(default=(), description="models beside it, asked by the verification alone and scored with the references")
    deadline_seconds: float = Field(default=20.0, gt=0, description="what an answer of a model may take before extrapolation stands in")
    lead_minutes: int = Field(default=60, gt=0, le=180)
    motion_frames: int = Field(default=3, ge=2)
    members: int = Field(default=12, ge=2, description="of the ensemble that tells exceedance where no model does")
    thresholds_dbz: tuple[float, ...] = (20.0, 30.0, 40.0)
    seed: int = 20150712


class ZR(Strict):
    """The Z-R relation Z = a R^b (mm6 m-3, mm h-1)."""

    a: float = Field(default=200.0, gt=0)
    b: float = Field(default=1.6, gt=0)
    highest_dbz: float = Field(default=53.0, description="reflectivity above it counts as this: more is hail, not rain")


class Simulation(Strict):
    """That the simulator writes this domain's granules when asked; the feeds' layouts say in which formats."""

    seed: int


class ReleaseTarget(Strict):
    """Where releases go; default $STORMCYCLE_HOME/releases."""

    root: str | None = None
    storage_options: dict[str, Any] = Field(default_factory=dict, description="for fsspec, when the root is a URL")


class Schedule(Strict):
    """When the hourly deployment starts, in minutes after the hour; `active: false` for recorded events."""

    minute: int = Field(default=8, ge=0, le=59)
    active: bool = True


class Domain(Strict):
    """One domain: infra/domains/<name>.yaml."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: str
    providers: tuple[str, ...] = Field(min_length=1, description="who made the data, named in every release")
    licence: str
    grid: Grid
    step_minutes: Literal[5, 6, 10, 15]
    radar: Radar
    satellite: Satellite | None = None
    background: Background | None = None
    analysis: Analysis | None = Field(default=None, description="left out: no radar corrects the model's state")
    nowcast: Nowcast = Nowcast()
    zr: ZR = ZR()
    release: ReleaseTarget = ReleaseTarget()
    schedule: Schedule = Schedule()
    simulation: Simulation | None = None

    @field_validator("title", "licence")
    @classmethod
    def not_empty(cls, value: str) -> str:
        """Titles and licences are sentences that readers see."""
        if not value.strip():
            raise ValueError("must not be empty")
        return value

    @model_validator(mode="after")
    def feed_says_what_its_layout_needs(self) -> "Domain":
        """A layout that cannot be read without more keys has them."""
        feed = self.radar.feed
        needs: dict[str, tuple[tuple[str, object], ...]] = {
            "packed-sequence": (("packed", feed.packed), ("packed.disc_radius_px", feed.packed and feed.packed.disc_radius_px)),
            "packed-sweeps": (("packed", feed.packed), ("packed.elevation_deg", feed.packed and feed.packed.elevation_deg)),
            "odim-scans": (("scans_per_volume", feed.scans_per_volume),),
        }
        for key, value in needs.get(feed.layout, ()):
            if value is None:
                raise ValueError(f"radar.feed.layout {feed.layout} needs radar.feed.{key}")
        return self

    @model_validator(mode="after")
    def analysis_has_a_background(self) -> "Domain":
        """An analysis corrects a model's state, so there must be one."""
        if self.analysis is not None and self.background is None:
            raise ValueError("analysis needs background: there is no state to correct")
        return self

    @property
    def area(self) -> AreaDefinition:
        """The product grid as a pyresample area."""
        return _area(self.name, self.grid)

    def area_of(self, product: str) -> AreaDefinition:
        """The grid of a product: the analysis grid for the model's fields and their analysis, else the product grid."""
        return _area(f"{self.name}-{product}", self.background.grid) if product in ON_ANALYSIS_GRID and self.background else self.area


def _area(name: str, grid: Grid) -> AreaDefinition:
    return area(name, grid.projection, grid.shape, grid.resolution_m, grid.centre_m)
