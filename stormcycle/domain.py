"""The strict YAML of a domain: every key is known, every error is a sentence with the file and the key."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError
from pyresample.geometry import AreaDefinition

from stormcycle.grids import area

SHIPPED = Path(__file__).parents[1] / "infra" / "domains"
MomentName = Literal["reflectivity", "zdr", "kdp"]


class DomainError(ValueError):
    """A domain that does not exist or whose YAML is not what the schema says."""


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


class Site(Strict):
    """Where a radar stands."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    altitude_m: float


def _utc(value: datetime) -> datetime:
    """A time without a zone is UTC, whatever the zone of the machine."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_utc)]


class PackedSequence(Strict):
    """How a packed sequence of frames becomes granules: a frame is a granule, its time is declared."""

    file: str = Field(description="name of the file below the feed's URL; {site} is replaced where each site has a file of its own")
    first_frame_time: UtcTime
    step_minutes: int = Field(gt=0)
    disc_radius_px: float | None = Field(default=None, gt=0, description="gridded frames: beyond this distance from the centre the radar saw nothing")
    elevation_deg: float | None = Field(default=None, gt=0, lt=90, description="polar sweeps: the elevation, which such files do not tell")


def _reachable(url: str) -> str:
    """A folder, or a URL of a store that feeds are read from."""
    scheme, there, _ = url.partition("://")
    if there and scheme not in ("file", "s3", "http", "https"):
        raise ValueError(f"{scheme}:// is no feed that can be read; use a folder, s3://, https:// or http://")
    return url


FeedUrl = Annotated[str, AfterValidator(_reachable)]


class FormerUrl(Strict):
    """Where a feed's granules lay before it moved."""

    url: FeedUrl
    until: UtcTime = Field(description="granules of this time and later lie at the next URL")


class RadarFeed(Strict):
    """Where radar granules lie and how their keys are written."""

    url: FeedUrl = Field(description="folder or fsspec URL (s3://, https://); ${STORMCYCLE_HOME} and ${STORMCYCLE_DATA} are replaced")
    formerly: tuple[FormerUrl, ...] = Field(default=(), description="where older granules lie, oldest first: buckets move")
    layout: Literal["nexrad", "odim", "odim-by-site", "odim-scans", "packed-sequence", "packed-sweeps"] = Field(
        description="how keys are written: stormcycle.feeds.layouts"
    )
    prefix: str | None = Field(default=None, description="prefix template below the URL; default: the layout's own")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="for fsspec, when the URL is not a folder (anon, endpoint_url, ...)")
    packed: PackedSequence | None = None
    scans_per_volume: int | None = Field(default=None, gt=0, description="layout odim-scans: scan files that make a whole volume")
    late_after_minutes: float | None = Field(
        default=None, gt=0, description="a granule that comes later than this after its time is `late`; none: no granule is"
    )
    settle_seconds: float = Field(default=0.0, ge=0, description="a listing whose newest granule is younger than this is still growing, and is made again")


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


class Nowcast(Strict):
    """The nowcast branch: a served model or extrapolation to `lead_minutes`, exceedance from a small STEPS ensemble."""

    model: str | None = Field(default=None, description="served by Triton; extrapolation where it cannot be used, and where none is named")
    deadline_seconds: float = Field(default=20.0, gt=0, description="what an answer of the model may take before extrapolation stands in")
    lead_minutes: int = Field(default=60, gt=0, le=180)
    motion_frames: int = Field(default=3, ge=2)
    members: int = Field(default=12, ge=2)
    thresholds_dbz: tuple[float, ...] = (20.0, 30.0, 40.0)
    seed: int = 20150712


class ZR(Strict):
    """The Z-R relation Z = a R^b (mm6 m-3, mm h-1)."""

    a: float = Field(default=200.0, gt=0)
    b: float = Field(default=1.6, gt=0)
    highest_dbz: float = Field(default=53.0, description="reflectivity above it counts as this: more is hail, not rain")


class Simulation(Strict):
    """What the simulator writes for this domain when asked for granules."""

    seed: int
    writer: Literal["odim"] = "odim"


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

    @property
    def area(self) -> AreaDefinition:
        """The product grid as a pyresample area."""
        return area(self.name, self.grid.projection, self.grid.shape, self.grid.resolution_m, self.grid.centre_m)


def parse_domain(text: str, source: str) -> Domain:
    """A domain from YAML text; `source` names the file in errors. Raises DomainError."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DomainError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise DomainError(f"{source} holds no mapping of keys; see infra/domains/demo.yaml for an example.")
    try:
        return Domain.model_validate(raw)
    except ValidationError as error:
        complaints = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the file'}: {'there is no such key' if item['type'] == 'extra_forbidden' else item['msg']}"
            for item in error.errors()
        )
        raise DomainError(f"{source} is not a valid domain: {complaints}.") from None


def domains_folder() -> Path:
    """The folder of the domains' YAML files: STORMCYCLE_DOMAINS, or the shipped infra/domains."""
    return Path(os.environ.get("STORMCYCLE_DOMAINS") or SHIPPED)


def load_domain(name: str) -> Domain:
    """The domain of a name. Raises DomainError when there is none or its YAML is wrong."""
    if name not in domain_names():
        raise DomainError(f"There is no domain {name!r}; known are: {', '.join(domain_names()) or 'none'}.")
    path = domains_folder() / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DomainError(f"{path.name} is not UTF-8 text: {error}.") from None
    domain = parse_domain(text, path.name)
    if domain.name != name:
        raise DomainError(f"{path.name} says name: {domain.name}; the name and the file must agree.")
    return domain


def domain_names() -> list[str]:
    """The names of all domains, sorted. Raises DomainError when their folder does not exist."""
    if not domains_folder().is_dir():
        raise DomainError(f"STORMCYCLE_DOMAINS names {domains_folder()}, which is no folder.")
    return sorted(path.stem for path in domains_folder().glob("*.yaml"))
