"""What an ABI file says of itself beside its name, and its quality flags; Satpy does not look at either.

Format: GOES-R Product Definition and Users' Guide, volume 3 (L1b) and volume 5 (L2).
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.satellite.errors import Unreadable, WrongKind
from stormcycle.satellite.files import Identity
from stormcycle.times import iso, parse_time

NAME = re.compile(
    r"\w\w_ABI-(?P<product>L1b-Rad|L2-CMIP)(?P<scene>C|F|M1|M2)-M(?P<mode>[346])(?P<channel>C\d\d)_(?P<satellite>G\d\d)"
    r"_s(?P<year>\d{4})(?P<day>\d{3})(?P<clock>\d{6})\d_e\d{14}_c\d{14}\.nc"
)
SCENES = {"CONUS": "C", "Full Disk": "F", "Mesoscale": "M"}
TITLES = {"ABI L1b Radiances": "L1b-Rad", "ABI L2 Cloud and Moisture Imagery": "L2-CMIP"}
FILL = 255
NO_VALUE = {"no_value_pixel_qf": "no value", "focal_plane_temperature_threshold_exceeded_qf": "a focal plane that was too warm"}
KEPT = {"conditionally_usable_pixel_qf": "conditionally usable", "out_of_range_pixel_qf": "out of the calibrated range"}
"""What flags mean that are not good: pixels without value are masked, as are those of a detector too warm (NOAA's flag for what
GOES-17's cooling spoilt). What is usable on conditions or saturated is a measurement still: it is kept, as Satpy does, and counted.
"""


def identify(path: Path, name: str, channel: str) -> Identity:
    """What an ABI file is of. Raises WrongKind when its content is not what its name says or not of the channel, Unreadable when it is cut."""
    import h5py

    named = NAME.fullmatch(name)
    if named is None:
        raise WrongKind(f"{name} is no name of an ABI L1b or CMIP file of one channel.")
    try:
        with h5py.File(path, "r") as file:
            said = _said(file)
    except (OSError, RuntimeError) as error:
        raise Unreadable(f"{name} is cut or damaged; HDF5 cannot open it: {error}") from None
    except (KeyError, ValueError) as error:
        raise WrongKind(f"{name} is no ABI file: {error}.") from None
    start = np.datetime64(f"{named['year']}-01-01", "s") + np.timedelta64(int(named["day"]) - 1, "D") + _clock(named["clock"])
    meant = {**named.groupdict(), "start": iso(start)}
    if said["scene"] == "M":  # the file does not tell which of the mesoscale sectors it is
        meant["scene"] = meant["scene"][0]
    for what, value in said.items():
        if value != meant[what]:
            raise WrongKind(f"{name} is by its content of the {what} {value}, not {meant[what]} as its name says.")
    if meant["channel"] != channel:
        raise WrongKind(f"{name} is of the channel {meant['channel']}, where {channel} is wanted.")
    return Identity(satellite=named["satellite"], scene=named["scene"], mode=named["mode"])


def _said(file: Any) -> dict[str, str]:
    """Channel, satellite, scene, mode, product and start as the content tells them."""
    own = {key: _text(value) for key, value in file.attrs.items()}
    dataset = NAME.fullmatch(own.get("dataset_name", ""))
    scene = SCENES[own["scene_id"]]
    return {
        "channel": f"C{int(np.asarray(file['band_id']).reshape(-1)[0]):02d}",
        "satellite": own["platform_ID"],
        "scene": dataset["scene"] if scene == "M" and dataset else scene,
        "mode": own["timeline_id"].removeprefix("ABI Mode "),
        "product": TITLES[own["title"]],
        "start": iso(parse_time(own["time_coverage_start"])),
    }


def _text(value: Any) -> Any:
    """Text that HDF5 keeps as bytes, as text; anything else as it is."""
    return value.decode() if isinstance(value, bytes) else value


def _clock(text: str) -> np.timedelta64:
    return np.timedelta64(int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:]), "s")


def quality_flags(path: Path, rows: slice, columns: slice) -> tuple[np.ndarray, dict[str, int]]:
    """The quality flags (y, x; uint8) of a part of an ABI file, and the value of each meaning."""
    import h5py

    with h5py.File(path, "r") as file:
        flags = file["DQF"]
        values = np.atleast_1d(flags.attrs["flag_values"]).astype("uint8").tolist()
        return flags[rows, columns].astype("uint8"), dict(zip(_text(flags.attrs["flag_meanings"]).split(), values, strict=True))
