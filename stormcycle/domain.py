"""The strict YAML of a domain: every key is known, every error is a sentence with the file and the key."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator
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


class PackedSequence(Strict):
    """How a packed sequence of gridded frames becomes granules: a frame is a granule, its time is declared."""

    file: str = Field(description="name of the file below the feed's URL")
    first_frame_time: datetime
    step_minutes: int = Field(gt=0)
    disc_radius_px: float = Field(gt=0, description="beyond this distance from the centre the radar saw nothing")

    @field_validator("first_frame_time")
    @classmethod
    def in_utc(cls, value: datetime) -> datetime:
        """A time without a zone is UTC, whatever the zone of the machine."""
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class RadarFeed(Strict):
    """Where radar granules lie and how their keys are written."""

    url: str = Field(description="fsspec URL or folder; ${STORMCYCLE_HOME} and ${STORMCYCLE_DATA} are replaced")
    layout: Literal["nexrad", "odim", "odim-by-site", "packed-sequence"] = Field(description="how keys are written: stormcycle.feeds.layouts")
    prefix: str | None = Field(default=None, description="prefix template below the URL; default: the layout's own")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="for fsspec, when the URL is not a folder (anon, endpoint_url, ...)")
    packed: PackedSequence | None = None


class Quality(Strict):
    """Quality control of polar volumes."""

    max_range_km: float = Field(default=150.0, gt=0)
    noise_floor_dbz: float = Field(default=0.0, description="values below it count as no echo")


class Radar(Strict):
    """The radar branch."""

    feed: RadarFeed
    sites: dict[str, Site] = Field(min_length=1)
    moments: tuple[MomentName, ...] = ("reflectivity",)
    quality: Quality = Quality()


class Nowcast(Strict):
    """The nowcast branch: extrapolation to `lead_minutes`, exceedance from a small STEPS ensemble."""

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
        complaints = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}" for item in error.errors())
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
