"""The radar branch of a domain: its feed, sites, moments and quality control."""

from typing import Literal

from pydantic import Field, field_validator

from stormcycle.domain.feeds import RadarFeed
from stormcycle.domain.sections import Strict

MomentName = Literal["reflectivity", "zdr", "kdp"]


class Site(Strict):
    """Where a radar stands."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    altitude_m: float


class NonMeteorological(Strict):
    """Echo of no weather, by dual polarisation: stormcycle.radar.quality.non_meteorological."""

    least_rhohv: float = Field(default=0.8, gt=0, le=1, description="below it no precipitation is expected at all")
    doubtful_rhohv: float = Field(default=0.95, gt=0, le=1, description="below it the texture of reflectivity decides")
    greatest_texture_db: float = Field(default=6.0, gt=0)


class StaticClutter(Strict):
    """Ground clutter by its texture and its outline: stormcycle.radar.quality.static_clutter."""

    window: int = Field(default=5, ge=3, description="gates and rays of the moving window, odd")
    similar_db: float = Field(default=6.0, gt=0)
    least_similar: int = Field(default=6, ge=1)
    least_compactness: float = Field(default=1.3, gt=0)


class Speckle(Strict):
    """Echoes too small to be weather: stormcycle.radar.quality.speckle."""

    least_gates: int = Field(default=6, ge=2)


class BeamBlockage(Strict):
    """Gates behind mountains: stormcycle.radar.quality.beam_blockage."""

    terrain: str = Field(description="netCDF of `elevation` (m) over `latitude` and `longitude` (degrees, regular)")
    beam_width_deg: float = Field(default=1.0, gt=0)
    greatest_share: float = Field(default=0.5, gt=0, lt=1, description="share of the beam behind terrain from which on a gate is rejected")


class Attenuation(Strict):
    """Path-integrated attenuation at C band: stormcycle.radar.quality.attenuation."""

    highest_dbz: float = Field(default=59.0, description="the correction lifts no gate above it")
    highest_pia_db: float = Field(default=20.0, gt=0)


class OutlierMask(Strict):
    """Gates whose climate is unlike that of the others: stormcycle.radar.outliers; made by `stormcycle radar-mask`."""

    file: str = Field(description="netCDF of a site's mask; {site} is replaced")


class Quality(Strict):
    """Quality control of polar volumes; a step that is left out is not done."""

    max_range_km: float = Field(default=150.0, gt=0)
    noise_floor_dbz: float = Field(default=0.0, description="values below it count as no echo")
    non_meteorological: NonMeteorological | None = None
    static_clutter: StaticClutter | None = None
    speckle: Speckle | None = None
    beam_blockage: BeamBlockage | None = None
    attenuation: Attenuation | None = None
    outlier_mask: OutlierMask | None = None


class Radar(Strict):
    """The radar branch."""

    feed: RadarFeed
    sites: dict[str, Site] = Field(min_length=1)
    moments: tuple[MomentName, ...] = ("reflectivity",)
    quality: Quality = Quality()
    cappi_height_m: float | None = Field(default=None, gt=0, description="a field at this height above the sea; none: the vertical maximum")

    @field_validator("moments")
    @classmethod
    def with_reflectivity(cls, value: tuple[MomentName, ...]) -> tuple[MomentName, ...]:
        """Every product is made from reflectivity."""
        if "reflectivity" not in value:
            raise ValueError("must hold reflectivity")
        return value
