"""The satellite and the model branch of a domain."""

from typing import Literal

from pydantic import Field

from stormcycle.domain.feeds import ImagerFeed, LightningFeed, ModelFeed
from stormcycle.domain.sections import Grid, Strict


class Imager(Strict):
    """The imager: which channels of which feed, by which of Satpy's readers."""

    feed: ImagerFeed
    reader: Literal["abi_l1b", "abi_l2_nc", "seviri_l1b_hrit", "fci_l1c_nc"] = Field(description="a reader of Satpy")
    channels: tuple[str, ...] = Field(default=("C07", "C09", "C13"), min_length=1, description="as Satpy names them; their order is that of the product")
    oldest_minutes: float = Field(default=20.0, gt=0, description="age of a scan's middle at the cycle time beyond which it is not used")
    parallax: bool = Field(default=False, description="move cloud tops to where they stand")


class Lightning(Strict):
    """The lightning mapper: flashes of a trailing window."""

    feed: LightningFeed
    minutes: int = Field(default=15, gt=0, le=60)


class Satellite(Strict):
    """The satellite branch: an imager, and a lightning mapper where there is one."""

    imager: Imager
    lightning: Lightning | None = None
    deadline_seconds: float = Field(default=300.0, gt=0, description="after which the release goes without the branch")


class Background(Strict):
    """The model branch: 19 analysis channels on a grid of their own."""

    feed: ModelFeed
    grid: Grid
    longest_lead_hours: int = Field(default=24, gt=0, le=72, description="a forecast older than this is no background")
    deadline_seconds: float = Field(default=300.0, gt=0, description="after which the release goes without the branch")
