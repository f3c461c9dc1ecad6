"""The released product `satellite`: the imager's channels and the lightning, each present or said to be absent."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import xarray as xr

from stormcycle.states import Provenance
from stormcycle.times import Time, parse_time

NO_TIME = np.datetime64("NaT", "ns")


def satellite_fields(
    images: Mapping[str, xr.Dataset],
    channels: Sequence[str],
    density: xr.Dataset | None,
    shape: tuple[int, int],
    cycle_time: Time,
    late: Collection[str] = (),
) -> xr.Dataset:
    """The fields of `satellite` from images (stormcycle.satellite.read_image) by channel and the flashes' densities.

    A channel without an image is NaN and not `present`; without a density the lightning is NaN: absent is not zero. `late`:
    channels whose files came late. `channel` is the number in a channel's name (C13: 13, IR_108: 108), its flag_meanings the names.
    """
    images = {channel: image for channel, image in images.items() if "brightness_temperature" in image}
    numbers = np.array([int("".join(letter for letter in channel if letter.isdigit())) for channel in channels], "int16")
    empty = np.full(shape, np.nan, "float32")
    temperature = np.stack([images[channel]["brightness_temperature"].values if channel in images else empty for channel in channels])
    observed = ~np.isnan(temperature)
    flags = np.where(observed, Provenance.OBSERVED, Provenance.OUTSIDE_COVERAGE)
    flags |= np.where([[[channel in late]] for channel in channels] & observed, Provenance.LATE, 0)

    def times(name: str) -> np.ndarray:
        return np.array([parse_time(images[channel].attrs[name]) if channel in images else NO_TIME for channel in channels], "datetime64[ns]")

    names = ("flash_extent_density", "group_extent_density")
    lightning = {name: (("y", "x"), density[name].values.astype("float32") if density is not None else empty) for name in names}
    satellites = sorted({str(image.attrs["satellite"]) for image in images.values()})
    return xr.Dataset(
        {
            "brightness_temperature": (("channel", "y", "x"), temperature.astype("float32")),
            "observed": (("channel", "y", "x"), observed),
            "provenance": (("channel", "y", "x"), flags.astype("uint16")),
            "present": ("channel", np.array([channel in images for channel in channels])),
            **lightning,
            "lightning_present": ((), density is not None),
        },
        coords={
            "channel": ("channel", numbers, {"flag_values": numbers.tolist(), "flag_meanings": " ".join(channels)}),
            "valid_time": cycle_time.astype("datetime64[ns]"),
            "scan_start": ("channel", times("scan_start")),
            "scan_end": ("channel", times("scan_end")),
            "actual_time": ("channel", times("middle")),
            "lightning_start": parse_time(density.attrs["start"]).astype("datetime64[ns]") if density is not None else NO_TIME,
            "lightning_end": parse_time(density.attrs["end"]).astype("datetime64[ns]") if density is not None else NO_TIME,
        },
        attrs={
            "satellite": ", ".join(satellites),
            "parallax": next((str(image.attrs["parallax"]) for image in images.values()), "not corrected"),
        },
    )
