import bz2
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from satpy import Scene
from satpy.readers.core.hrit import parse_header_dict
from satpy.readers.core.seviri import CALIB, dec10216
from satpy.readers.seviri_l1b_hrit import msg_hdr_map, msg_text_headers, msg_variable_length_headers
from satpy.readers.seviri_l1b_native_hdr import hrit_epilogue, hrit_prologue

from stormcycle.feeds.layouts import LAYOUTS
from stormcycle.simulator.instruments.geostationary import view
from stormcycle.simulator.instruments.imager import SPACE, seen_images, seviri_scene
from stormcycle.simulator.instruments.imager_channels import SEVIRI
from stormcycle.simulator.instruments.radiation import planck_temperature
from stormcycle.simulator.nature import world_of
from stormcycle.simulator.writers.hrit import disk_counts, scan_files, ten_bits

CHANNELS = (SEVIRI[4], SEVIRI[9])
REAL = Path(os.environ.get("STORMCYCLE_DATA", "nowhere")) / "seviri" / "hrit"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="STORMCYCLE_DATA is not set: no real HRIT files")


@pytest.fixture(scope="module")
def images(domain, noon):
    return seen_images(domain.grid.projection, world_of(domain, 7), noon, seviri_scene("MSG4", 0.0, 15.29, 46.07, 90, 72), CHANNELS)


@pytest.fixture(scope="module")
def files(images):
    return scan_files(images.values())


@pytest.fixture(scope="module")
def scan(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hrit")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    scan = Scene([str(path) for path in folder.iterdir()], reader="seviri_l1b_hrit")
    scan.load([channel.name for channel in CHANNELS])
    return scan


def _part(disk, image):
    """Of an array of lines from the south and columns from the east, the window of an image."""
    window = image.scene.window
    return disk[::-1, ::-1][window.row : window.row + window.rows, window.column : window.column + window.columns]


def _header(content):
    return parse_header_dict(io.BytesIO(content), (msg_hdr_map, msg_variable_length_headers, msg_text_headers))


def _records(content):
    """Kind -> length of the header records of a file."""
    place, records = 0, {}
    while place < int.from_bytes(content[4:8], "big"):
        records[content[place]] = int.from_bytes(content[place + 1 : place + 3], "big")
        place += records[content[place]]
    return records


def test_satpy_reads_what_was_written(images, scan):
    for channel in CHANNELS:
        image, read = images[channel.number], scan[channel.name]
        values = read.values
        assert np.isfinite(values).sum() == np.isfinite(image.radiance).sum()
        steps = (planck_temperature(channel.planck, image.radiance + sign * channel.scale * 0.502) for sign in (-1, 1))
        below, above = (np.nan_to_num(step, nan=0.0) for step in steps)
        seen = np.isfinite(image.radiance)
        part = _part(values, image)
        assert np.all(part[seen] >= below[seen] - 2e-3) and np.all(part[seen] <= above[seen] + 2e-3)


def test_satpy_places_pixels_as_the_fixed_grid_does(images, scan):
    image = images[9]
    window, seen = image.scene.window, view(image.scene.grid, image.scene.window, 0.0)
    lines, columns = (slice(3712 - first - count, 3712 - first) for first, count in ((window.row, window.rows), (window.column, window.columns)))
    longitude, latitude = scan["IR_108"].attrs["area"].get_lonlats(data_slice=(lines, columns))
    np.testing.assert_allclose(longitude[::-1, ::-1], seen.longitude, atol=1e-6)
    np.testing.assert_allclose(latitude[::-1, ::-1], seen.latitude, atol=1e-6)
    assert abs(seen.longitude.mean() - 15.29) < 0.3 and abs(seen.latitude.mean() - 46.07) < 0.3


def test_satpy_reads_times_and_satellite(images, scan, noon):
    image, read = images[9], scan["IR_108"]
    assert read.attrs["platform_name"] == "Meteosat-11" and bool(read.attrs["georef_offset_corrected"])
    assert np.datetime64(read.attrs["start_time"]) == noon
    assert read.attrs["orbital_parameters"]["satellite_actual_longitude"] == pytest.approx(0.0, abs=1e-6)
    assert read.attrs["orbital_parameters"]["satellite_actual_altitude"] == pytest.approx(35786e3, abs=1000)
    times = read["acq_time"].values[::-1][image.scene.window.row : image.scene.window.row + image.scene.window.rows]
    assert image.start <= times.min() and times.max() <= image.end
    assert np.all(np.diff(times) < np.timedelta64(0))  # scanned from the south


def test_same_scan_same_bytes_and_names_of_the_layout(images, files):
    assert scan_files(images.values()) == files
    assert len(files) == 2 + 2 * len(CHANNELS)  # the window lies across segments 7 and 8
    assert all(LAYOUTS["hrit"].name.fullmatch(name) for name in files)
    for name, content in files.items():
        header = _header(bz2.decompress(content))
        assert header["annotation_header"].decode() == name.removesuffix(".bz2")
        assert header["ancillary_text"] == b"simulated: not an observation"
        assert len(bz2.decompress(content)) == header["total_header_length"] + header["data_field_length"] // 8


def test_images_of_two_scans_are_refused(images, noon):
    with pytest.raises(ValueError, match="one scan"):
        scan_files([images[4], replace(images[9], time=noon + np.timedelta64(15, "m"))])


def test_what_is_not_seen_has_count_zero(images):
    image = replace(images[9], quality=images[9].quality.copy(), radiance=images[9].radiance.copy())
    image.radiance[0, :5], image.quality[0, :5] = np.nan, SPACE
    disk = disk_counts(image)
    assert (_part(disk, image)[0, :5] == 0).all()
    assert (disk > 0).sum() == np.isfinite(image.radiance).sum()
    assert disk_counts(replace(image, radiance=np.full_like(image.radiance, 1e4))).max() == 1023


def test_ten_bits_are_as_a_plain_loop_writes_them():
    counts = np.random.default_rng(3).integers(0, 1024, (4, 8)).astype("uint16")
    bits = "".join(f"{count:010b}" for count in counts.ravel())
    assert ten_bits(counts) == bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))
    np.testing.assert_array_equal(dec10216(np.frombuffer(ten_bits(counts), "uint8")), counts.ravel())


def test_plancks_law_is_the_one_that_satpy_calibrates_with():
    for channel in SEVIRI.values():
        theirs = CALIB[324][channel.name]
        assert (channel.planck.bc2, channel.planck.bc1) == (theirs["ALPHA"], theirs["BETA"])
        assert channel.planck.fk2 == pytest.approx(1.43877523 * theirs["VC"], rel=1e-7)


# beside the real files


@needs_data
def test_segments_are_built_as_the_real_ones(files):
    (real_path,) = REAL.glob("*-IR_108___-000005___-202009060000-__.bz2")
    real = bz2.decompress(real_path.read_bytes())
    own = bz2.decompress(next(content for name, content in files.items() if "IR_108___-000008" in name))
    assert {kind: length for kind, length in _records(own).items() if kind != 6} == _records(real)
    mine, theirs = _header(own), _header(real)
    for key in (
        "file_type",
        "data_field_length",
        "number_of_bits_per_pixel",
        "number_of_columns",
        "number_of_lines",
        "compression_flag_for_data",
        "projection_name",
        "cfac",
        "lfac",
        "coff",
        "GP_SC_ID",
        "spectral_channel_id",
        "planned_start_segment_number",
        "planned_end_segment_number",
        "data_field_representation",
    ):
        assert mine[key] == theirs[key], key
    assert (mine["segment_sequence_number"], mine["loff"], theirs["loff"]) == (8, -3 * 464, 0)
    assert mine["image_segment_line_quality"]["line_number_in_grid"].tolist() == list(range(7 * 464 + 1, 8 * 464 + 1))


@needs_data
@pytest.mark.parametrize(("part", "record"), [("PRO", hrit_prologue), ("EPI", hrit_epilogue)])
def test_what_the_prologue_and_the_epilogue_fill_in_is_as_in_the_real_ones(files, part, record):
    (real_path,) = REAL.glob(f"*{part}______-202009060000-__.bz2")
    real, own = bz2.decompress(real_path.read_bytes()), bz2.decompress(next(content for name, content in files.items() if part in name))
    read = [np.frombuffer(content, record, 1, int.from_bytes(content[4:8], "big"))[0] for content in (own, real)]
    assert len(own) - int.from_bytes(own[4:8], "big") == len(real) - int.from_bytes(real[4:8], "big") == record.itemsize
    paths = {
        "PRO": [
            "SatelliteStatus.SatelliteDefinition.SatelliteId",
            "SatelliteStatus.SatelliteDefinition.NominalLongitude",
            "ImageAcquisition.RadiometerStatus.ChannelStatus",
            "ImageDescription.ProjectionDescription",
            "ImageDescription.ReferenceGridVIS_IR.NumberOfLines",
            "ImageDescription.ReferenceGridVIS_IR.GridOrigin",
            "ImageDescription.PlannedCoverageVIS_IR",
            "ImageDescription.Level15ImageProduction.ImageProcDirection",
            "ImageDescription.Level15ImageProduction.PlannedChanProcessing",
            "GeometricProcessing.EarthModel",
        ],
        "EPI": [
            "ImageProductionStats.SatelliteId",
            "ImageProductionStats.ActualScanningSummary.NominalImageScanning",
            "ImageProductionStats.L15ImageValidity.NominalImage",
            "ImageProductionStats.ActualL15CoverageVIS_IR",
        ],
    }[part]
    for path in paths:
        mine, theirs = read
        for key in path.split("."):
            mine, theirs = mine[key], theirs[key]
        np.testing.assert_allclose(np.array(mine.tolist()), np.array(theirs.tolist()), rtol=1e-12, err_msg=path)
    if part == "PRO":
        mine, theirs = (one["RadiometricProcessing"]["Level15ImageCalibration"] for one in read)
        for channel in CHANNELS:
            assert mine["CalSlope"][channel.number - 1] == theirs["CalSlope"][channel.number - 1]
            assert mine["CalOffset"][channel.number - 1] == theirs["CalOffset"][channel.number - 1]
