"""Where granules of a feed lie: what is common to all feeds, and what each kind adds."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stormcycle.domain.sections import Strict, UtcTime


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


class Feed(Strict):
    """Where granules lie and how their keys are written; each kind of feed says which layouts it can have."""

    url: FeedUrl = Field(description="folder or fsspec URL (s3://, https://); ${STORMCYCLE_HOME} and ${STORMCYCLE_DATA} are replaced")
    formerly: tuple[FormerUrl, ...] = Field(default=(), description="where older granules lie, oldest first: buckets move")
    layout: str
    prefix: str | None = Field(default=None, description="prefix template below the URL; default: the layout's own")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="for fsspec, when the URL is not a folder (anon, endpoint_url, ...)")
    late_after_minutes: float | None = Field(
        default=None, gt=0, description="a granule that comes later than this after its time is `late`; none: no granule is"
    )
    settle_seconds: float = Field(default=0.0, ge=0, description="a listing whose newest granule is younger than this is still growing, and is made again")


class PackedSequence(Strict):
    """How a packed sequence of frames becomes granules: a frame is a granule, its time is declared."""

    file: str = Field(description="name of the file below the feed's URL; {site} is replaced where each site has a file of its own")
    first_frame_time: UtcTime
    step_minutes: int = Field(gt=0)
    disc_radius_px: float | None = Field(default=None, gt=0, description="gridded frames: beyond this distance from the centre the radar saw nothing")
    elevation_deg: float | None = Field(default=None, gt=0, lt=90, description="polar sweeps: the elevation, which such files do not tell")


class RadarFeed(Feed):
    """The feed of radar volumes, scans, sweeps or frames."""

    layout: Literal["nexrad", "odim", "odim-by-site", "odim-scans", "odim-moments", "packed-sequence", "packed-sweeps"] = Field(
        description="how keys are written: stormcycle.feeds.layouts"
    )
    packed: PackedSequence | None = None
    scans_per_volume: int | None = Field(default=None, gt=0, description="layout odim-scans: scan files that make a whole volume")


class ImagerFeed(Feed):
    """The feed of a satellite's imager: a file a channel and scan, or several (segments)."""

    layout: Literal["abi-l1b-c", "abi-l1b-f", "abi-l1b-m1", "abi-l1b-m2", "abi-l2-c", "abi-l2-f", "abi-l2-m1", "abi-l2-m2", "hrit"] = Field(
        description="how keys are written: stormcycle.feeds.layouts; of ABI the last letters name the scene"
    )


class LightningFeed(Feed):
    """The feed of a lightning mapper: a file every 20 seconds."""

    layout: Literal["glm"] = "glm"


class ModelFeed(Feed):
    """The feed of a forecast model's runs."""

    layout: Literal["aladin", "gfs", "hrrr"] = Field(description="how keys are written: stormcycle.feeds.layouts")
    run_every_hours: int = Field(default=6, gt=0, le=24, description="hours between two runs, counted from 00 UTC")
    published_after_minutes: float = Field(default=300.0, ge=0, description="how long after its base time a run is there, at the latest")
