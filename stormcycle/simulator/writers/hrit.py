"""Images of SEVIRI as the HRIT files of Meteosat: CGMS 03, LRIT/HRIT Global Specification, and EUMETSAT's MSG Level 1.5 Image
Data Format Description (EUM/MSG/ICD/105), whose prologue and epilogue records are taken from Satpy.

Data are not wavelet-compressed; every file is packed by bzip2, as archives keep them. Of prologue and epilogue only what locates,
times and calibrates an image is filled in; the rest is zero.
"""

import bz2
import struct
from collections.abc import Iterable
from datetime import datetime

import numpy as np

from stormcycle.simulator.instruments.imager import SEVIRI_SCAN, Image
from stormcycle.simulator.instruments.imager_channels import SEVIRI_GRID, SEVIRI_SCALE
from stormcycle.times import Time

SEGMENT_LINES = 464
SEGMENTS = SEVIRI_GRID.size // SEGMENT_LINES
SPACECRAFT = {"MSG1": 321, "MSG2": 322, "MSG3": 323, "MSG4": 324}
EPOCH = np.datetime64("1958-01-01", "ms")
DAY = np.timedelta64(1, "D")
CYCLE = np.timedelta64(15, "m")
IMAGE_FILE, PROLOGUE_FILE, EPILOGUE_FILE = 0, 128, 129
GEOSTATIONARY_KM = 42164.0
NOTE = b"simulated: not an observation"


def scan_files(images: Iterable[Image]) -> dict[str, bytes]:
    """File name -> bytes of one scan: prologue, epilogue and, of each channel, the segments that the images touch.

    The same images give the same bytes. Raises ValueError when the images are not of one scan.
    """
    images = list(images)
    if len({(image.scene, image.time) for image in images}) != 1:
        raise ValueError("The images are not of one scan; write every scan on its own.")
    first = images[0]
    files = {
        _name(first, "_", "PRO"): _file(first, PROLOGUE_FILE, _name(first, "_", "PRO"), b"", _prologue(first, images)),
        _name(first, "_", "EPI"): _file(first, EPILOGUE_FILE, _name(first, "_", "EPI"), b"", _epilogue(first)),
    }
    for image in images:
        disk = disk_counts(image)
        south = SEVIRI_GRID.size - image.scene.window.row - image.scene.window.rows
        for number in range(south // SEGMENT_LINES + 1, (south + image.scene.window.rows - 1) // SEGMENT_LINES + 2):
            name = _name(image, image.channel.name, f"{number:06d}")
            lines = disk[(number - 1) * SEGMENT_LINES : number * SEGMENT_LINES]
            files[name] = _file(image, IMAGE_FILE, name, _segment_headers(image, number), ten_bits(lines))
    return {f"{name}.bz2": bz2.compress(content, 9) for name, content in files.items()}


def disk_counts(image: Image) -> np.ndarray:
    """Counts of the whole disk (lines from the south, columns from the east; uint16); 0 where there are no data."""
    channel, window = image.channel, image.scene.window
    steps = np.rint((np.nan_to_num(image.radiance) - channel.offset) / channel.scale)
    disk = np.zeros((SEVIRI_GRID.size, SEVIRI_GRID.size), "uint16")
    part = disk[window.row : window.row + window.rows, window.column : window.column + window.columns]
    part[...] = np.where(np.isfinite(image.radiance), np.clip(steps, channel.first_count, channel.last_count), 0)
    return disk[::-1, ::-1]


def ten_bits(counts: np.ndarray) -> bytes:
    """Counts below 1024 as a stream of 10 bits each, the first bit the highest: four counts in five bytes."""
    a, b, c, d = counts.reshape(-1, 4).astype("uint16").T
    return np.stack([a >> 2, (a & 3) << 6 | b >> 4, (b & 15) << 4 | c >> 6, (c & 63) << 2 | d >> 8, d & 255], axis=1).astype("uint8").tobytes()


def _name(image: Image, channel: str, part: str) -> str:
    """The name of a file of the scan, as its header tells it: `H-000-MSG4__-MSG4________-IR_108___-000008___-202607011200-__`."""
    platform = image.scene.platform
    return f"H-000-{platform:_<6}-{platform:_<12}-{channel:_<9}-{part:_<9}-{image.time.astype('datetime64[s]').astype(datetime):%Y%m%d%H%M}-__"


def _file(image: Image, kind: int, name: str, headers: bytes, data: bytes) -> bytes:
    """A file: primary header, what an image adds, its name, its time, that it is simulated, and its data."""
    common = headers + _record(4, name.encode()) + _record(5, b"\x40" + _cds(image.time + CYCLE)) + _record(6, NOTE)
    return struct.pack(">BHBIQ", 0, 16, kind, 16 + len(common), 8 * len(data)) + common + data


def _record(kind: int, content: bytes) -> bytes:
    """A header record: its kind and length before its content."""
    return struct.pack(">BH", kind, 3 + len(content)) + content


def _segment_headers(image: Image, number: int) -> bytes:
    """The header records of a segment: structure, navigation, identification, quality of its lines."""
    scene, south = image.scene, (number - 1) * SEGMENT_LINES
    lines = south + 1 + np.arange(SEGMENT_LINES)
    start, duration = SEVIRI_SCAN
    times = image.time.astype("datetime64[ms]") + ((start + duration * (lines - 0.5) / SEVIRI_GRID.size) * 1000).astype("timedelta64[ms]")
    quality = b"".join(struct.pack(">i", line) + _cds(time) + struct.pack("BBB", 1, 1, 0) for line, time in zip(lines.tolist(), times, strict=True))
    line_offset = SEVIRI_GRID.size // 2 - south
    return (
        _record(1, struct.pack(">BHHB", 10, SEVIRI_GRID.size, SEGMENT_LINES, 0))
        + _record(2, struct.pack(">32s4i", f"GEOS({scene.satellite_longitude:+06.1f})".ljust(32).encode(), -SEVIRI_SCALE, -SEVIRI_SCALE, 1856, line_offset))
        + _record(128, struct.pack(">HBHHHB", SPACECRAFT[scene.platform], image.channel.number, number, 1, SEGMENTS, 0))
        + _record(129, quality)
    )


def _prologue(image: Image, images: list[Image]) -> bytes:
    """The prologue: which satellite stands where, when it scans what, and how counts become radiances."""
    from satpy.readers.seviri_l1b_native_hdr import hrit_prologue

    record = np.zeros((), hrit_prologue)
    scene, time = image.scene, image.time
    start, duration = SEVIRI_SCAN
    definition = record["SatelliteStatus"]["SatelliteDefinition"]
    definition["SatelliteId"], definition["NominalLongitude"], definition["SatelliteStatus"] = SPACECRAFT[scene.platform], scene.satellite_longitude, 1
    orbit = record["SatelliteStatus"]["Orbit"]["OrbitPolynomial"][0]
    for key, moment in (("StartTime", time.astype("datetime64[D]")), ("EndTime", time.astype("datetime64[D]") + 2 * DAY)):
        _set_time(orbit[key], moment)
    longitude = np.radians(scene.satellite_longitude)
    orbit["X"][0], orbit["Y"][0] = 2 * GEOSTATIONARY_KM * np.cos(longitude), 2 * GEOSTATIONARY_KM * np.sin(longitude)  # Chebyshev: half of the first counts
    planned = record["ImageAcquisition"]["PlannedAcquisitionTime"]
    for key, seconds in (("TrueRepeatCycleStart", start), ("PlanForwardScanEnd", start + duration), ("PlannedRepeatCycleEnd", 900.0 + start)):
        _set_time(planned[key], _after(time, seconds))
    record["ImageAcquisition"]["RadiometerStatus"]["ChannelStatus"] = 1
    description = record["ImageDescription"]
    description["ProjectionDescription"]["TypeOfProjection"], description["ProjectionDescription"]["LongitudeOfSSP"] = 1, scene.satellite_longitude
    grid = description["ReferenceGridVIS_IR"]
    grid["NumberOfLines"] = grid["NumberOfColumns"] = SEVIRI_GRID.size
    grid["LineDirGridStep"] = grid["ColumnDirGridStep"] = SEVIRI_GRID.step_rad * SEVIRI_GRID.height_m / 1000
    grid["GridOrigin"] = 2  # south-east
    covered = description["PlannedCoverageVIS_IR"]
    covered["SouthernLinePlanned"] = covered["EasternColumnPlanned"] = 1
    covered["NorthernLinePlanned"] = covered["WesternColumnPlanned"] = SEVIRI_GRID.size
    description["Level15ImageProduction"]["ImageProcDirection"] = 1  # from the south
    description["Level15ImageProduction"]["PlannedChanProcessing"] = 2  # effective radiance
    for one in images:
        for key, value in (("CalSlope", one.channel.scale), ("CalOffset", one.channel.offset)):
            record["RadiometricProcessing"]["Level15ImageCalibration"][key][one.channel.number - 1] = value
    earth = record["GeometricProcessing"]["EarthModel"]
    earth["TypeOfEarthModel"], earth["EquatorialRadius"] = 2, SEVIRI_GRID.equatorial_m / 1000
    earth["NorthPolarRadius"] = earth["SouthPolarRadius"] = SEVIRI_GRID.polar_m / 1000
    return record.tobytes()


def _epilogue(image: Image) -> bytes:
    """The epilogue: when was really scanned, and that all went well."""
    from satpy.readers.seviri_l1b_native_hdr import hrit_epilogue

    record = np.zeros((), hrit_epilogue)
    made = record["ImageProductionStats"]
    made["SatelliteId"] = SPACECRAFT[image.scene.platform]
    made["ActualScanningSummary"]["NominalImageScanning"] = 1
    for key, seconds in (("ForwardScanStart", SEVIRI_SCAN[0]), ("ForwardScanEnd", sum(SEVIRI_SCAN))):
        _set_time(made["ActualScanningSummary"][key], _after(image.time, seconds))
    made["RadiometricBehaviour"]["NominalBehaviour"] = 1
    made["L15ImageValidity"]["NominalImage"] = 1
    covered = made["ActualL15CoverageVIS_IR"]
    covered["SouthernLineActual"] = covered["EasternColumnActual"] = 1
    covered["NorthernLineActual"] = covered["WesternColumnActual"] = SEVIRI_GRID.size
    return record.tobytes()


def _after(time: Time, seconds: float) -> Time:
    return time.astype("datetime64[ms]") + np.timedelta64(round(seconds * 1000), "ms")


def _days_and_milliseconds(time: Time) -> tuple[int, int]:
    """Days since 1958 and milliseconds of the day."""
    since = time.astype("datetime64[ms]") - EPOCH
    return int(since // DAY), int((since % DAY) / np.timedelta64(1, "ms"))


def _cds(time: Time) -> bytes:
    """A time as six bytes: days since 1958, milliseconds of the day."""
    return struct.pack(">HI", *_days_and_milliseconds(time))


def _set_time(field: np.ndarray, time: Time) -> None:
    """Sets a time of a record."""
    field["Days"], field["Milliseconds"] = _days_and_milliseconds(time)
