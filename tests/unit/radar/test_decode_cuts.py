"""Which elevation cuts a Level II volume lacks: a real Message 1 volume without the records of some of them."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.radar.decode import decode_volume

HEADER, RECORD = 24, 2432
END_OF_VOLUME = 4


@pytest.fixture(scope="module")
def whole(samples: Path) -> list[bytes]:
    """The header of the volume and its records (ICD 2620010: a header of 24 bytes, then records of 2432 bytes)."""
    path = samples / "radar/nexrad_l2/KHTX20080411_181144.gz"
    if not path.is_file():
        pytest.skip("The volume of Hytop is not among the samples.")
    raw = gzip.decompress(path.read_bytes())
    return [raw[:HEADER], *(raw[start : start + RECORD] for start in range(HEADER, len(raw), RECORD))]


@pytest.fixture
def decoded(whole: list[bytes], tmp_path: Path) -> Callable[..., xr.Dataset]:
    """The volume with the records for which `kept` is true of (elevation number, azimuth number); ended by a radial that says so, if wanted."""

    def made(kept: Callable[[int, int], bool], ended: bool = False) -> xr.Dataset:
        records = [record for record in whole[1:] if record[15] != 1 or kept(*radial(record))]  # byte 15: the message type
        if ended:
            last = max(index for index, record in enumerate(records) if record[15] == 1)
            records[last] = records[last][:40] + struct.pack(">H", END_OF_VOLUME) + records[last][42:]
        path = tmp_path / "KHTX20080411_181144"
        path.write_bytes(b"".join([whole[0], *records]))
        return decode_volume(path, "nexrad", ("reflectivity",))

    return made


def radial(record: bytes) -> tuple[int, int]:
    """Elevation number and azimuth number of a Message 1 (ICD 2620002, table III: halfwords 9 and 6 after the header of 28 bytes)."""
    return struct.unpack(">H", record[44:46])[0], struct.unpack(">H", record[38:40])[0]


def told(volume: xr.Dataset) -> tuple[str, list[str]]:
    return volume.attrs["state"], volume.attrs["notes"]


def test_all_records_make_a_whole_volume(decoded):
    volume = decoded(lambda elevation, azimuth: True)
    assert told(volume) == ("ok", [])
    assert volume.sizes["sweeps"] == 14  # sixteen cuts, two of them Doppler without reflectivity


def test_a_cut_missing_between_others_makes_the_volume_partial_with_its_number(decoded):
    volume = decoded(lambda elevation, azimuth: elevation != 9)
    assert told(volume) == ("partial", ["Elevation cuts are missing: 9."])
    assert volume.sizes["sweeps"] == 13
    elevations = np.unique(volume["elevation"].values.round(1))
    assert not ((elevations > 5.6) & (elevations < 5.9)).any()


def test_two_cuts_missing_are_both_told(decoded):
    state, (note,) = told(decoded(lambda elevation, azimuth: elevation not in (6, 12)))
    assert state == "partial"
    assert "6, 12" in note


def test_the_last_cuts_missing_leave_a_volume_without_an_end(decoded):
    state, (note,) = told(decoded(lambda elevation, azimuth: elevation <= 13))
    assert state == "partial"
    assert note == "The volume has no end: 13 of 16 elevation cuts of VCP 211 are there."


def test_a_volume_that_the_radar_itself_ended_early_is_whole(decoded):
    volume = decoded(lambda elevation, azimuth: elevation <= 13, ended=True)  # AVSET: no echo above, the last radial says end of volume
    assert told(volume) == ("ok", [])
    assert volume.sizes["sweeps"] == 11


def test_a_sweep_with_a_gap_is_kept_and_told(decoded):
    volume = decoded(lambda elevation, azimuth: elevation != 5 or not 100 < azimuth <= 200)
    state, (note,) = told(volume)
    assert state == "partial"
    assert "Sweep 2 has 260 of 3" in note
    assert volume.sizes["sweeps"] == 14


@pytest.mark.parametrize("kept_bytes", [1_430_748, 3_000_077, 14_307_400])  # within cut 2, within cut 4, within the last record
def test_a_volume_cut_in_the_middle_of_a_record_is_partial(whole: list[bytes], tmp_path: Path, kept_bytes: int):
    path = tmp_path / "KHTX20080411_181144"
    path.write_bytes(b"".join(whole)[:kept_bytes])
    volume = decode_volume(path, "nexrad", ("reflectivity",))
    assert volume.attrs["state"] == "partial"
