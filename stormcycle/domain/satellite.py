"""The satellite and the model branch of a domain."""

from typing import Literal

from pydantic import Field, model_validator

from stormcycle.domain.feeds import ImagerFeed, LightningFeed, ModelFeed
from stormcycle.domain.sections import Grid, Strict

ABI_THERMAL = tuple(f"C{number:02d}" for number in range(7, 17))
SEVIRI_THERMAL = ("IR_039", "WV_062", "WV_073", "IR_087", "IR_097", "IR_108", "IR_120", "IR_134")


class Imager(Strict):
    """The imager: which channels of which feed, by which of Satpy's readers."""

    feed: ImagerFeed
    reader: Literal["abi_l1b", "abi_l2_nc", "seviri_l1b_hrit"] = Field(description="a reader of Satpy")
    channels: tuple[str, ...] = Field(default=("C07", "C09", "C13"), min_length=1, description="as Satpy names them; their order is that of the product")
    every_minutes: float = Field(default=5.0, gt=0, description="from scan to scan; a newest scan that began more than twice as long ago is an older one")
    oldest_minutes: float = Field(default=20.0, gt=0, description="age of a scan's middle at the cycle time beyond which it is not used")
    parallax: bool = Field(default=False, description="move cloud tops to where they stand")

    @model_validator(mode="after")
    def reads_thermal_channels_of_its_feed(self) -> "Imager":
        """The reader is one for the feed's files, and every channel measures a temperature."""
        layout = self.feed.layout
        wanted = "seviri_l1b_hrit" if layout == "hrit" else "abi_l1b" if layout.startswith("abi-l1b") else "abi_l2_nc"
        if self.reader != wanted:
            raise ValueError(f"satellite.imager.reader {self.reader} does not read the layout {layout}; {wanted} does")
        thermal = SEVIRI_THERMAL if layout == "hrit" else ABI_THERMAL
        if strange := [channel for channel in self.channels if channel not in thermal]:
            raise ValueError(f"satellite.imager.channels: {strange[0]} is no thermal channel; there are {', '.join(thermal)}")
        return self


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
