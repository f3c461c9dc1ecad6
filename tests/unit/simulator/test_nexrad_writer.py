"""NEXRAD Level II files of the simulated world, by our decoder, xradar, Py-ART, and beside the layout of real ones."""

import bz2
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyart
import pytest
import xradar
from pyart.io.nexrad_level2 import NEXRADLevel2File

from stormcycle.domain import Domain, Quality
from stormcycle.feeds.layouts import LAYOUTS
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.quality import checked, needed_moments
from stormcycle.radar.volume import Unreadable
from stormcycle.simulator.instruments.radar import NEXRAD_SCAN, Volume, observe
from stormcycle.simulator.writers import level2_messages as messages
from stormcycle.simulator.writers.nexrad import PACKINGS, archive_bytes, archive_name, packed
from stormcycle.states import NO_ECHO_DBZ

SMALL = replace(
    NEXRAD_SCAN, elevations_deg=(*NEXRAD_SCAN.elevations_deg[:2], NEXRAD_SCAN.elevations_deg[3]), rays=120, gate_m=2000.0, range_m=170e3, duration_s=90
)
NAMES = {"DBZH": "reflectivity", "ZDR": "zdr", "PHIDP": "phidp", "RHOHV": "rhohv"}
PYART_NAMES = {
    "DBZH": "reflectivity",
    "VRADH": "velocity",
    "WRADH": "spectrum_width",
    "ZDR": "differential_reflectivity",
    "PHIDP": "differential_phase",
    "RHOHV": "cross_correlation_ratio",
}
BLIND = 1
"""The first gate of 2 km lies within the blind range."""


@pytest.fixture(scope="module")
def place(domain: Domain) -> Domain:
    """The small domain with a radar of four letters."""
    return domain.model_copy(update={"radar": domain.radar.model_copy(update={"sites": {"SIMA": domain.radar.sites["simli"]}})})


@pytest.fixture(scope="module")
def volume(place: Domain, noon) -> Volume:
    return observe(place, "SIMA", noon, 7, SMALL)


@pytest.fixture(scope="module")
def path(volume: Volume, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("nexrad") / archive_name("SIMA", volume.time)
    path.write_bytes(archive_bytes(volume))
    return path


def unpacked_value(values: np.ndarray, quantity: str) -> np.ndarray:
    """What a reader may find of values: none beyond the greatest and the least code."""
    packing = PACKINGS[quantity]
    return np.clip(values, (2 - packing.offset) / packing.scale, (packing.greatest - packing.offset) / packing.scale)


def half_a_step(quantity: str) -> float:
    return 0.5 / PACKINGS[quantity].scale + 1e-4


def records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Start and unpacked content of each record of a Level II file (ICD 2620010: a control word, then bzip2)."""
    start = 24
    while start < len(content):
        size = abs(int.from_bytes(content[start : start + 4], "big", signed=True))
        yield start, bz2.decompress(content[start + 4 : start + 4 + size])
        start += 4 + size


def test_same_volume_same_bytes_other_seed_other_bytes(place, volume, noon):
    assert archive_bytes(observe(place, "SIMA", noon, 7, SMALL)) == archive_bytes(volume)
    assert archive_bytes(observe(place, "SIMA", noon, 8, SMALL)) != archive_bytes(volume)


def test_names_are_those_of_the_public_bucket(noon):
    name = archive_name("SIMA", noon + np.timedelta64(12, "s"))
    assert name == "SIMA20260701_120012_V06"
    found = LAYOUTS["nexrad"].name.fullmatch(name)
    assert found and (found["site"], found["time"]) == ("SIMA", "20260701_120012")


def test_our_decoder_finds_the_whole_volume_as_it_was_measured(path, volume):
    read = decode_volume(path, "nexrad", tuple(NAMES.values()))
    assert (read.attrs["state"], read.attrs["notes"], read.attrs["site"], read.attrs["reader"]) == ("ok", [], "SIMA", "xradar")
    assert read.attrs["declared_time"] == "2026-07-01T12:00:00Z"
    assert (read.attrs["latitude"], read.attrs["longitude"]) == pytest.approx((volume.site.latitude, volume.site.longitude), abs=1e-5)
    assert read.attrs["altitude_m"] == volume.site.altitude_m
    judged = [sweep for number, sweep in enumerate(volume.sweeps) if number not in volume.scan.doppler_cuts]  # the Doppler half is left out
    assert read.sizes["sweeps"] == len(judged) == 2
    for number, sweep in enumerate(judged):
        rays, gates = read["sweep"].values == number, sweep.echo.shape[1] - BLIND
        assert (read["first_gate_m"].values[number], read["gate_m"].values[number], read["gates"].values[number]) == (3000.0, 2000.0, gates)
        np.testing.assert_allclose(read["azimuth"].values[rays], (np.arange(120) + 0.5) * 3.0, atol=1e-4)
        np.testing.assert_allclose(read["elevation"].values[rays], sweep.elevation_deg, atol=1e-4)
        expected = sweep.start + (np.arange(120) / 4.0 * 1000).astype("timedelta64[ms]")
        assert np.abs(read["time"].values[rays] - expected).max() <= np.timedelta64(1, "ms")
        echo = sweep.echo[:, BLIND:]
        reflectivity = read["reflectivity"].values[rays][:, :gates]
        assert (reflectivity[~echo] == NO_ECHO_DBZ).all() and np.isfinite(reflectivity).all()
        for quantity, name in NAMES.items():
            values = read[name].values[rays][:, :gates]
            if quantity in sweep.moments:
                expected = unpacked_value(sweep.moments[quantity][:, BLIND:], quantity)
                np.testing.assert_allclose(values[echo], expected[echo], atol=half_a_step(quantity))
            else:
                assert np.isnan(values).all()


def test_xradar_reads_the_same(path, volume):
    with xradar.io.open_nexradlevel2_datatree(path) as tree:
        assert tree.attrs["scan_name"] == "VCP-212" and tree.attrs["number_elevation_cuts"] == 3 and tree.attrs["instrument_name"] == "SIMA"
        assert [tree[f"sweep_{number}"].attrs["waveform_type"] for number in range(3)] == [
            "contiguous_surveillance",
            "contiguous_doppler",
            "contiguous_surveillance",
        ]
        for number, sweep in enumerate(volume.sweeps):
            read, echo = tree[f"sweep_{number}"].ds, sweep.echo[:, BLIND:]
            assert float(read["sweep_fixed_angle"]) == pytest.approx(sweep.elevation_deg, abs=1e-6)
            assert read["time"].values.min() == sweep.start and read["time"].values.max() < sweep.end
            np.testing.assert_allclose(read["range"], 3000.0 + 2000.0 * np.arange(echo.shape[1]))
            for quantity, values in sweep.moments.items():
                if quantity in PACKINGS:
                    told = echo & np.isfinite(values[:, BLIND:])
                    expected = unpacked_value(values[:, BLIND:], quantity)
                    np.testing.assert_allclose(read[quantity].values[told], expected[told], atol=half_a_step(quantity))


def test_py_art_reads_the_same(path, volume):
    with warnings.catch_warnings(action="ignore"):
        radar = pyart.io.read_nexrad_archive(str(path))
    assert radar.metadata["vcp_pattern"] == 212 and radar.metadata["instrument_name"] == "SIMA"
    assert radar.time["units"] == "seconds since 2026-07-01T12:00:00Z"
    assert radar.latitude["data"][0] == pytest.approx(volume.site.latitude, abs=1e-5) and radar.altitude["data"][0] == volume.site.altitude_m
    np.testing.assert_allclose(radar.fixed_angle["data"], [sweep.elevation_deg for sweep in volume.sweeps], atol=1e-5)
    assert radar.get_nyquist_vel(1) == pytest.approx(SMALL.nyquist, abs=0.01)
    assert radar.instrument_parameters["unambiguous_range"]["data"][120] == pytest.approx(SMALL.doppler_reach_m)
    for number, sweep in enumerate(volume.sweeps):
        for quantity, name in PYART_NAMES.items():
            read = radar.get_field(number, name)[:, : sweep.echo.shape[1] - BLIND]
            values = sweep.moments.get(quantity, np.full(sweep.echo.shape, np.nan))[:, BLIND:]
            np.testing.assert_array_equal(np.ma.getmaskarray(read), np.isnan(values))
            told = np.isfinite(values)
            np.testing.assert_allclose(read.data[told], unpacked_value(values, quantity)[told], atol=half_a_step(quantity))


def test_radials_are_counted_and_the_last_one_ends_the_volume(path):
    heads = [radial["msg_header"] for radial in NEXRADLevel2File(str(path)).radial_records]
    assert [head["elevation_number"] for head in heads] == [1] * 120 + [2] * 120 + [3] * 120
    assert [head["azimuth_number"] for head in heads] == [*range(1, 121)] * 3
    between = [1] * 118
    assert [head["radial_spacing"] for head in heads] == [3, *between, 2, 0, *between, 2, 0, *between, 4]  # Py-ART's name for the radial's status


def test_records_hold_134_segments_and_then_120_radials_each_and_the_last_says_that_it_is_the_last(path):
    content = path.read_bytes()
    first, *others = records(content)
    assert len(first[1]) == 134 * 2432
    assert [record.count(b"RVOL") for _, record in others] == [120, 120, 120]
    signs = [int.from_bytes(content[start : start + 4], "big", signed=True) > 0 for start, _ in (first, *others)]
    assert signs == [True, True, True, False]
    assert first[1].count(b"simulated") == 1


def test_our_layout_of_a_radial_is_that_of_a_real_file():
    if not (samples := os.environ.get("STORMCYCLE_DATA")):
        pytest.skip("STORMCYCLE_DATA is not set: no real samples.")
    file = Path(samples) / "radar/nexrad_l2/KDMX20220305_232324_trimmed3sweeps.bin"
    (_, metadata), (_, record), *_ = records(file.read_bytes())
    kind = messages.radial_type({"REF": (">u1", 1832), "ZDR": (">u2", 1192), "PHI": (">u2", 1192), "RHO": (">u1", 1192), "CFP": (">u1", 1832)})
    radials = np.frombuffer(record, kind, 120)
    assert len(record) == 120 * kind.itemsize
    head, fields = radials["head"], kind.fields
    assert set(head["icao"]) == {b"KDMX"} and head["ray"].tolist() == [*range(1, 121)] and head["status"].tolist() == [3] + [1] * 119
    assert head["pointers"][0].tolist() == [fields[name][1] - 28 for name in ("volume", "elevation", "radial", "REF", "ZDR", "PHI", "RHO", "CFP")] + [0, 0]
    assert set(radials["header"]["size"]) == {(kind.itemsize - 12) // 2} and set(head["length"]) == {kind.itemsize - 28}
    for block, title in (("volume", b"RVOL"), ("elevation", b"RELV"), ("radial", b"RRAD")):
        assert set(radials[block]["name"]) == {title} and set(radials[block]["size"]) == {fields[block][0].itemsize}
    assert radials["volume"][0][["pattern", "ground_m", "feedhorn_m"]].tolist() == (212, 299, 34)
    assert radials["radial"]["nyquist"][0] == 885
    for packing in PACKINGS.values():
        if packing.name in fields:
            block = radials[packing.name][0]
            assert (block["name"], block["bits"], block["offset"]) == (f"D{packing.name}".encode(), packing.bits, packing.offset)
            assert block["scale"] == pytest.approx(packing.scale, abs=1e-5) and block["first_m"] == 2125
            assert radials[f"{packing.name} codes"].max() <= packing.greatest
    plan = metadata[132 * 2432 + 28 :]
    start = messages.COVERAGE_HEAD.itemsize
    cuts = np.frombuffer(plan[start:], messages.CUT, 23)
    assert np.frombuffer(plan, messages.COVERAGE_HEAD, 1)[["pattern", "cuts"]][0].tolist() == (212, 23)
    np.testing.assert_allclose(cuts["elevation"][[0, 1, 22]] * (360 / 65536), [0.483, 0.483, 19.512], atol=1e-3)
    assert cuts["sectors"]["prf"][1].tolist() == [5, 5, 5] and cuts["waveform"][:2].tolist() == [1, 2]


@pytest.mark.parametrize("left_over", [30, 200, 0.5, 0.8, 0.97, "last record", "no radials", "all but an end"])
def test_a_file_that_is_cut_anywhere_is_partial_or_unreadable(path, tmp_path, left_over):
    content = path.read_bytes()
    starts = [start for start, _ in records(content)]
    named = {"last record": starts[-1], "no radials": starts[1], "all but an end": len(content) - 40}
    kept = named[left_over] if isinstance(left_over, str) else left_over if isinstance(left_over, int) else int(left_over * len(content))
    (tmp_path / path.name).write_bytes(content[:kept])
    try:
        with warnings.catch_warnings(action="ignore"):
            read = decode_volume(tmp_path / path.name, "nexrad", ("reflectivity", "rhohv"))
    except Unreadable:
        assert kept < starts[2]  # no record of radials is whole
    else:
        assert read.attrs["state"] == "partial" and read.attrs["notes"]
        assert read.sizes["ray"] < 360


def test_codes_keep_extremes_out_of_the_special_ones():
    values = np.array([-90.0, 10.2, 300.0, np.nan, np.nan, np.nan])
    measured, echo = np.array([1, 1, 1, 1, 1, 0], bool), np.array([1, 1, 1, 1, 0, 0], bool)
    assert packed(values, measured, echo, PACKINGS["DBZH"]).tolist() == [2, 86, 255, 1, 0, 1]
    assert packed(np.array([359.99, 0.0]), np.ones(2, bool), np.ones(2, bool), PACKINGS["PHIDP"]).tolist() == [1023, 2]


def test_what_a_level_ii_file_cannot_hold_is_an_error_in_a_sentence(domain, volume, scan, noon):
    with pytest.raises(ValueError, match="four letters, which 'simli' are not"):
        archive_bytes(observe(domain, "simli", noon, 7, scan))
    with pytest.raises(ValueError, match="a turn of 45 rays does not fit"):
        archive_bytes(replace(volume, scan=scan))


def test_our_quality_control_rejects_the_ground_and_keeps_the_rain(place, noon, tmp_path):
    scan = replace(NEXRAD_SCAN, elevations_deg=NEXRAD_SCAN.elevations_deg[:1], range_m=150e3, doppler_cuts=(), duration_s=33)
    volume = observe(place, "SIMA", noon, 7, scan)
    (tmp_path / "volume").write_bytes(archive_bytes(volume))
    quality = Quality.model_validate({"non_meteorological": {}, "static_clutter": {}, "speckle": {"least_gates": 6}, "noise_floor_dbz": 5})
    radar = place.radar.model_copy(update={"quality": quality})
    read = decode_volume(tmp_path / "volume", "nexrad", needed_moments(radar))
    rejected = checked(read, quality, "SIMA", volume.site, radar.moments)["flags"].values >= 4
    ground = volume.sweeps[0].ground[:, 2:]
    echo = read["reflectivity"].values >= 5
    assert (echo & ground).sum() > 200 and (echo & ~ground).sum() > 2000
    assert rejected[echo & ground].mean() > 0.85
    assert rejected[echo & ~ground].mean() < 0.1


def test_a_full_volume_is_small_enough_for_an_hour_of_two_radars_in_25_megabytes(place, noon):
    assert 2 * 12 * len(archive_bytes(observe(place, "SIMA", noon, 7, NEXRAD_SCAN))) < 25e6
