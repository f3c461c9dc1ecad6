"""Polar volumes as NEXRAD Level II archive files, Message 31 in records of bzip2: interface control documents 2620010 (archive II
user) and 2620002 (messages of the radar)."""

import bz2
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from stormcycle.simulator.instruments.radar import Sweep, Volume
from stormcycle.simulator.writers import level2_messages as messages
from stormcycle.times import Time

BELOW_THRESHOLD, RANGE_FOLDED = 0, 1
RADIALS_A_RECORD = 120
"""Readers count on it, and on a cut's first radial beginning a record."""
METADATA_SEGMENTS = 134
FIRST_OF_CUT, BETWEEN, LAST_OF_CUT, FIRST_OF_VOLUME, LAST_OF_VOLUME = range(5)
SURVEILLANCE, DOPPLER = 1, 2
FEEDHORN_M = 30
"""The antenna stands so high above its ground."""


@dataclass(frozen=True)
class Packing:
    """How a moment is packed: code = value * scale + offset, of 8 or 16 bits, `greatest` at most; codes 0 and 1 are no values."""

    name: str
    bits: int
    scale: float
    offset: float
    greatest: int

    @property
    def code(self) -> str:
        """The type of its codes."""
        return f">u{self.bits // 8}"


PACKINGS = {
    "DBZH": Packing("REF", 8, 2.0, 66.0, 255),
    "VRADH": Packing("VEL", 8, 2.0, 129.0, 255),
    "WRADH": Packing("SW ", 8, 2.0, 129.0, 255),
    "ZDR": Packing("ZDR", 16, 32.0, 418.0, 1058),
    "PHIDP": Packing("PHI", 16, 2.8361, 2.0, 1023),
    "RHOHV": Packing("RHO", 8, 300.0, -60.5, 255),
}
"""ODIM quantity -> packing, as the files of a radar of builds 20 to 23 have it. KDP is none of theirs."""


def archive_name(site_name: str, time: Time) -> str:
    """The name of a volume that starts at a time: `KDMX20260101_154351_V06`."""
    return f"{site_name}{time.astype('datetime64[s]').astype(datetime):%Y%m%d_%H%M%S}_V06"


def archive_bytes(volume: Volume) -> bytes:
    """A volume as the bytes of a Level II archive file; the same volume gives the same bytes (no wall clock, fixed compression).

    Raises ValueError when the site's name is not of four letters, or a turn's rays do not fill whole records.
    """
    if len(volume.site_name) != 4 or not volume.site_name.isascii():
        raise ValueError(f"NEXRAD names a radar by four letters, which {volume.site_name!r} are not; give the domain's site such a name.")
    if volume.scan.rays % RADIALS_A_RECORD:
        raise ValueError(f"A Level II file has {RADIALS_A_RECORD} radials a record, so a turn of {volume.scan.rays} rays does not fit; make it 360 or 720.")
    day, milliseconds = messages.day_and_milliseconds(volume.time)
    title = b"AR2V0006.001" + np.array([day, milliseconds], ">u4").tobytes() + volume.site_name.encode("ascii")
    *records, last = _metadata(volume), *_radials(volume)
    return title + b"".join(_record(record) for record in records) + _record(last, last=True)


def packed(values: np.ndarray, measured: np.ndarray, echo: np.ndarray, packing: Packing) -> np.ndarray:
    """Codes (rays, gates): below threshold where there was no echo, range folded where a value cannot be told (not measured, or an
    echo without one), else the nearest step, kept within what the packing can hold."""
    steps = np.clip(np.rint(np.nan_to_num(values) * packing.scale + packing.offset), RANGE_FOLDED + 1, packing.greatest)
    return np.where(measured & ~echo, BELOW_THRESHOLD, np.where(echo & np.isfinite(values), steps, RANGE_FOLDED)).astype(packing.code)


def _record(content: bytes, last: bool = False) -> bytes:
    """A record with its control word: its size, negative for the last one."""
    squeezed = bz2.compress(content, 9)
    return np.array(-len(squeezed) if last else len(squeezed), ">i4").tobytes() + squeezed


def _metadata(volume: Volume) -> bytes:
    """The first record: what a reader needs in its place (coverage pattern, status), the maps of clutter and the rest empty.

    Its only text is where a real radar names the file of its settings.
    """
    segments = [bytes(messages.SEGMENT_BYTES)] * METADATA_SEGMENTS
    for part, settings in enumerate((b"simulated", b"", b"", b"")):
        segments[126 + part] = messages.segment(messages.ADAPTATION, settings.ljust(2400, b"\0"), volume.time, 1, part + 1, 4)
    segments[131] = messages.segment(messages.PERFORMANCE, bytes(960), volume.time, 2)
    segments[132] = messages.segment(messages.COVERAGE, _coverage(volume), volume.time, 3)
    segments[133] = messages.segment(messages.STATUS, _status(volume), volume.time, 4)
    return b"".join(segments)


def _coverage(volume: Volume) -> bytes:
    """Message 5: the cuts of the pattern. A Doppler cut has its PRF in sectors, the others one of few pulses a second."""
    cuts = np.zeros(len(volume.sweeps), messages.CUT)
    doppler = np.array(["VRADH" in sweep.moments for sweep in volume.sweeps])
    seconds = np.array([(sweep.end - sweep.start) / np.timedelta64(1, "s") for sweep in volume.sweeps])
    cuts["elevation"] = _steps(np.array([sweep.elevation_deg for sweep in volume.sweeps]), 360.0 / 8192.0) * 8
    cuts["waveform"] = np.where(doppler, DOPPLER, SURVEILLANCE)
    cuts["surveillance_prf"], cuts["surveillance_pulses"] = np.where(doppler, 0, 1), np.where(doppler, 0, 15)
    cuts["rate"] = _steps(360.0 / seconds, 22.5 / 2048.0) * 8
    cuts["thresholds"] = 16  # eighths of a decibel above the noise
    cuts["sectors"]["edge"][doppler] = _steps(np.array([30.0, 210.0, 335.0]), 360.0 / 8192.0) * 8
    cuts["sectors"]["prf"][doppler], cuts["sectors"]["pulses"][doppler] = 5, 64
    head = np.zeros((), messages.COVERAGE_HEAD)
    head["size"], head["kind"], head["pattern"], head["cuts"] = (head.nbytes + cuts.nbytes) // 2, 2, volume.scan.pattern, len(cuts)
    head["clutter_map"], head["velocity_step"], head["pulse"] = 1, 2, 2  # steps of 0.5 m/s, short pulses
    return head.tobytes() + cuts.tobytes()


def _steps(values: np.ndarray, step: float) -> np.ndarray:
    return np.rint(values / step).astype("int64")


def _status(volume: Volume) -> bytes:
    """Message 2: the radar operates, is on line, sends all moments, in this pattern, which it does not end early; laid out as build 23.1."""
    words = np.zeros(60, ">i2")
    words[[0, 1, 2, 3, 6, 7, 9, 10, 11, 13]] = 16, 2, 4, 2, 28, volume.scan.pattern, 2310, 4, 4, 4
    return words.tobytes()


def _radials(volume: Volume) -> Iterator[bytes]:
    """The Messages 31 of all sweeps, as many at a time as a record holds."""
    for cut, sweep in enumerate(volume.sweeps, start=1):
        radials = _sweep_radials(volume, sweep, cut)
        for first in range(0, len(radials), RADIALS_A_RECORD):
            yield radials[first : first + RADIALS_A_RECORD].tobytes()


def _sweep_radials(volume: Volume, sweep: Sweep, cut: int) -> np.ndarray:
    """The radials (rays,) of one sweep as the records of `messages.radial_type`."""
    rays, scan = len(sweep.echo), volume.scan
    blind = int(np.argmax(sweep.measured.any(axis=0)))  # the file begins with the first gate that is measured
    codes = {
        packing.name: (packing, packed(sweep.moments[quantity], sweep.measured, sweep.echo, packing)[:, blind:])
        for quantity, packing in PACKINGS.items()
        if quantity in sweep.moments
    }
    radials = np.zeros(rays, messages.radial_type({name: (packing.code, code.shape[1]) for name, (packing, code) in codes.items()}))
    fields = radials.dtype.fields
    assert fields is not None  # it is a type of records
    doppler = "VRADH" in sweep.moments
    _fill_heads(radials, volume, sweep, cut, [fields[name][1] for name in ("volume", "elevation", "radial", *codes)])
    for constant, title in (("volume", b"RVOL"), ("elevation", b"RELV"), ("radial", b"RRAD")):
        radials[constant]["name"], radials[constant]["size"] = title, fields[constant][0].itemsize
    place = radials["volume"]
    place["version"], place["pattern"] = (3, 0), scan.pattern
    place["latitude"], place["longitude"] = volume.site.latitude, volume.site.longitude
    place["ground_m"], place["feedhorn_m"] = round(volume.site.altitude_m) - FEEDHORN_M, FEEDHORN_M
    radials["radial"]["reach"] = round((scan.doppler_reach_m if doppler else scan.range_m) / 100.0)
    radials["radial"]["nyquist"] = round(scan.nyquist * (1.0 if doppler else scan.doppler_reach_m / scan.range_m) * 100.0)
    for name, (packing, code) in codes.items():
        block = radials[name]
        block["name"], block["gates"], block["bits"] = f"D{name}".encode(), code.shape[1], packing.bits
        block["scale"], block["offset"], block["threshold"], block["overlay"] = packing.scale, packing.offset, 16, 50
        block["first_m"], block["spacing_m"] = round((blind + 0.5) * scan.gate_m), round(scan.gate_m)
        radials[f"{name} codes"] = code
    return radials


def _fill_heads(radials: np.ndarray, volume: Volume, sweep: Sweep, cut: int, offsets: list[int]) -> None:
    """The headers of a sweep's radials: sizes, times, angles, and which of them begin and end the cut and the volume."""
    rays, before = len(radials), messages.TRANSPORT_BYTES + messages.HEADER.itemsize
    turned = np.arange(rays) / rays
    times = sweep.start.astype("datetime64[ms]") + np.rint(turned * ((sweep.end - sweep.start) / np.timedelta64(1, "ms"))).astype("timedelta64[ms]")
    header, head = radials["header"], radials["head"]
    header["size"], header["channel"], header["type"] = (radials.itemsize - messages.TRANSPORT_BYTES) // 2, 8, messages.RADIAL
    header["number"] = ((cut - 1) * rays + np.arange(5, rays + 5)) % 2**15  # after the messages of the metadata
    header["segments"], header["segment"] = 1, 1
    head["icao"], head["cut"], head["sector"] = volume.site_name.encode("ascii"), cut, 1
    head["day"], head["ms"] = header["day"], header["ms"] = messages.day_and_milliseconds(times)
    head["ray"], head["azimuth"], head["elevation"] = np.arange(1, rays + 1), (np.arange(rays) + 0.5) * 360.0 / rays, sweep.elevation_deg
    head["length"], head["spacing"], head["indexing"] = radials.itemsize - before, 1 if rays > 360 else 2, 0
    head["blocks"] = len(offsets)
    head["pointers"][:, : len(offsets)] = np.array(offsets) - before
    head["status"] = BETWEEN
    head["status"][0] = FIRST_OF_VOLUME if cut == 1 else FIRST_OF_CUT
    head["status"][-1] = LAST_OF_VOLUME if cut == len(volume.sweeps) else LAST_OF_CUT
