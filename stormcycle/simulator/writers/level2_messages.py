"""The messages of a NEXRAD Level II file, big-endian, byte by byte: interface control document 2620002 (messages of the radar), as
files of 2022 and 2026 of a real radar lay them out."""

from typing import Any

import numpy as np

from stormcycle.times import Time

DAY_ZERO = np.datetime64("1969-12-31T00:00:00.000", "ms")
"""The day before day 1 of the modified Julian dates that headers carry."""
SEGMENT_BYTES = 2432
"""Every message but a radial stands in a segment of this size."""
TRANSPORT_BYTES = 12
"""Empty bytes of a former transport before every message."""
STATUS, PERFORMANCE, COVERAGE, ADAPTATION, RADIAL = 2, 3, 5, 18, 31

HEADER = np.dtype(
    [("size", ">u2"), ("channel", "u1"), ("type", "u1"), ("number", ">u2"), ("day", ">u2"), ("ms", ">u4"), ("segments", ">u2"), ("segment", ">u2")]
)
"""Before every message (table II); `size` counts halfwords, header included."""

COVERAGE_HEAD = np.dtype(
    [("size", ">u2"), ("kind", ">u2"), ("pattern", ">u2"), ("cuts", ">u2"), ("clutter_map", ">u2"), ("velocity_step", "u1"), ("pulse", "u1"), ("spare", "V10")]
)
"""Message 5, volume coverage pattern (table XI)."""
CUT = np.dtype(
    [
        ("elevation", ">u2"),
        ("channel", "u1"),
        ("waveform", "u1"),
        ("super_resolution", "u1"),
        ("surveillance_prf", "u1"),
        ("surveillance_pulses", ">u2"),
        ("rate", ">u2"),
        ("thresholds", ">i2", (6,)),
        ("sectors", [("edge", ">u2"), ("prf", ">u2"), ("pulses", ">u2"), ("spare", ">u2")], (3,)),
    ]
)

RADIAL_HEAD = np.dtype(
    [
        ("icao", "S4"),
        ("ms", ">u4"),
        ("day", ">u2"),
        ("ray", ">u2"),
        ("azimuth", ">f4"),
        ("compression", "u1"),
        ("spare", "u1"),
        ("length", ">u2"),
        ("spacing", "u1"),
        ("status", "u1"),
        ("cut", "u1"),
        ("sector", "u1"),
        ("elevation", ">f4"),
        ("blanking", "u1"),
        ("indexing", "u1"),
        ("blocks", ">u2"),
        ("pointers", ">u4", (10,)),
    ]
)
"""Message 31, one radial (table XVII): this head, then blocks at the pointers, which count from the head."""
VOLUME_BLOCK = np.dtype(
    [
        ("name", "S4"),
        ("size", ">u2"),
        ("version", "u1", (2,)),
        ("latitude", ">f4"),
        ("longitude", ">f4"),
        ("ground_m", ">i2"),
        ("feedhorn_m", ">u2"),
        ("calibration", ">f4"),
        ("power", ">f4", (2,)),
        ("zdr_calibration", ">f4"),
        ("first_phase", ">f4"),
        ("pattern", ">u2"),
        ("processing", ">u2"),
        ("spare", "V8"),
    ]
)
ELEVATION_BLOCK = np.dtype([("name", "S4"), ("size", ">u2"), ("gas_loss", ">i2"), ("calibration", ">f4")])
RADIAL_BLOCK = np.dtype(
    [
        ("name", "S4"),
        ("size", ">u2"),
        ("reach", ">u2"),
        ("noise", ">f4", (2,)),
        ("nyquist", ">u2"),
        ("spare", ">u2"),
        ("calibration", ">f4", (2,)),
    ]
)
MOMENT_BLOCK = np.dtype(
    [
        ("name", "S4"),
        ("reserved", ">u4"),
        ("gates", ">u2"),
        ("first_m", ">i2"),
        ("spacing_m", ">i2"),
        ("overlay", ">i2"),
        ("threshold", ">i2"),
        ("flags", "u1"),
        ("bits", "u1"),
        ("scale", ">f4"),
        ("offset", ">f4"),
    ]
)


def radial_type(moments: dict[str, tuple[str, int]]) -> np.dtype[Any]:
    """A whole Message 31 with its header: a block for each moment, given by the type of its codes and how many gates there are.

    The codes of a moment `X` are the field `X codes`, padded to whole words.
    """
    parts: list[Any] = [("transport", f"V{TRANSPORT_BYTES}"), ("header", HEADER), ("head", RADIAL_HEAD)]
    parts += [("volume", VOLUME_BLOCK), ("elevation", ELEVATION_BLOCK), ("radial", RADIAL_BLOCK)]
    for name, (code, gates) in moments.items():
        parts += [(name, MOMENT_BLOCK), (f"{name} codes", code, (gates,)), (f"{name} pad", f"V{-gates * np.dtype(code).itemsize % 4}")]
    return np.dtype(parts)


def segment(kind: int, body: bytes, time: Time, number: int, part: int = 1, parts: int = 1) -> bytes:
    """One message, or one part of one, in its segment."""
    header = np.zeros((), HEADER)
    day, milliseconds = day_and_milliseconds(time)
    for name, value in {"type": kind, "number": number, "day": day, "ms": milliseconds, "segments": parts, "segment": part}.items():
        header[name] = value
    header["size"], header["channel"] = (HEADER.itemsize + len(body)) // 2, 8
    return (bytes(TRANSPORT_BYTES) + header.tobytes() + body).ljust(SEGMENT_BYTES, b"\0")


def day_and_milliseconds(time: Time | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modified Julian day (1 is the first of January 1970) and milliseconds of the day, of one time or of many."""
    since = np.asarray(time).astype("datetime64[ms]") - DAY_ZERO
    day = since // np.timedelta64(1, "D")
    return day.astype("int64"), (since - day * np.timedelta64(1, "D")).astype("int64")
