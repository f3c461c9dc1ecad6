"""Radar granules of every bad kind in one hour: each gets its state and a sentence, and the hour is released without what is bad."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bad_input.spoiling import TIMES, codes, forget_sweep, gzip_bomb, input_states, malfunction, manifest, one_code, product, set_clock, set_object, undisturbed
from house import FIRST, House

from flows.cycle import cycle
from stormcycle.states import Provenance
from tasks.release import Outcome

ROOT = Path(__file__).parents[2]


def notes(outcome: Outcome) -> dict[str, str]:
    """The note in the manifest of each input, by the file's name."""
    return {item["key"].rsplit("/", 1)[-1]: item["note"] for item in manifest(outcome)["inputs"]}


def observed(outcome: Outcome) -> dict[str, int]:
    """How many pixels each frame observed, by its time of day."""
    return dict(zip(TIMES, product(outcome, "radar")["observed"].values.sum(axis=(1, 2)).tolist(), strict=True))


def test_volumes_with_faults_are_used_as_far_as_they_go_and_named(house: House, simulated_bucket: Path) -> None:
    blind, broken, lame = house.granule("simli", "120600"), house.granule("simpa", "121200"), house.granule("simpa", "121800")
    vague, early, bomb, tall = (house.granule("simli", time) for time in ("122400", "123000", "123600", "124200"))
    forget_sweep(blind, 2)
    malfunction(broken)
    malfunction(lame, "dataset2/how")
    one_code(vague)
    set_clock(early, "033000", sweeps=False)  # only the root time is wrong
    gzip_bomb(bomb, 300 * 2**20)
    assert bomb.stat().st_size < 2 * 2**20
    set_object(tall, "ELEV")
    made = cycle.fn("small", FIRST)

    assert made.state == "degraded"
    wanted = {blind.name: "partial", lame.name: "partial", broken.name: "corrupt", bomb.name: "corrupt", tall.name: "misplaced"}
    assert input_states(made) == wanted
    assert sorted(code for code in codes(made) if code.startswith("granule_")) == sorted(f"granule_{state}" for state in wanted.values())
    assert codes(made).count("radar_missing") == 2  # simpa at 12:12, simli at 12:36 and 12:42
    sentences = {
        blind: "Sweep 1 holds no value at all.",
        lame: "The radar reports a malfunction (how/malfunc) in sweep 1, which is left out.",
        broken: "The radar reports a malfunction (how/malfunc) in every sweep.",
        bomb: "unpacks to more than",
        tall: "a vertical scan (RHI), where a polar volume is wanted",
        vague: "no echo and not observed cannot be told apart",
        early: "The root time 2026-07-01T03:30:00Z is far from the sweeps' own",
    }
    told = notes(made)
    for path, sentence in sentences.items():
        assert sentence in told[path.name]

    right, found = observed(undisturbed(simulated_bucket)), observed(made)
    for time in TIMES:
        if time in ("121200", "123600", "124200"):
            assert 0.3 * right[time] < found[time] < right[time], time
        elif time == "122400":
            assert found[time] >= right[time]  # what was not observed counts as no echo there
        elif time not in ("120600", "121800"):  # the lower of the two sweeps is left
            assert found[time] == right[time], time
    assert found["120600"] > 0.9 * right["120600"]


def test_a_vertical_scan_and_a_forecast_among_volumes_are_misplaced_with_a_sentence(house: House, samples: Path) -> None:
    scan, forecast = house.granule("simli", "121200"), house.granule("simpa", "124800")
    for path, source in ((scan, "odim_h5/vendors/seatv-RHIVol-20251215-085918-2621.h5"), (forecast, "dwd_radolan/RQ2210180700_060.gz")):
        if not (samples / "radar" / source).is_file():
            pytest.skip(f"{source} is not among the samples.")
        path.write_bytes((samples / "radar" / source).read_bytes())
    made = cycle.fn("small", FIRST)
    assert input_states(made) == {scan.name: "misplaced", forecast.name: "misplaced"}
    assert "a vertical scan (RHI), where a polar volume is wanted" in notes(made)[scan.name]
    assert "RQ composite, of a forecast (lead 60 minutes), where an observation is wanted" in notes(made)[forecast.name]
    assert sorted(codes(made)) == ["granule_misplaced"] * 2 + ["radar_missing"] * 2


def test_a_small_file_that_unpacks_without_end_takes_little_memory(tmp_path: Path) -> None:
    gzip_bomb(tmp_path / "KHTX20080411_181144.gz", 300 * 2**20)
    program = """
import resource, sys
from pathlib import Path
from stormcycle.radar.decode import decode_volume
import xradar, pyart
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_volume(Path(sys.argv[1]), "nexrad", ("reflectivity",))
except Exception as error:
    print(type(error).__name__, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    said = subprocess.run([sys.executable, "-c", program, str(tmp_path / "KHTX20080411_181144.gz")], cwd=ROOT, capture_output=True, text=True, check=True)
    name, grown_mb = said.stdout.split()[-2:]
    assert name == "Unreadable"
    assert int(grown_mb) < 64


FRANCE = """
name: avesnes
title: Two volumes of five scans each
providers: [Meteo-France]
licence: open, name the provider
grid: {projection: "+proj=aeqd +lat_0=50.12832 +lon_0=3.81181 +ellps=WGS84 +units=m", shape: [128, 128], resolution_m: 2000}
step_minutes: 5
radar:
  feed: {url: "${STORMCYCLE_DATA}/radar/odim_h5/france_scans_20230420", layout: odim-scans, scans_per_volume: 5, prefix: ""}
  sites: {frave: {latitude: 50.12832, longitude: 3.81181, altitude_m: 208.8}}
  quality: {max_range_km: 120, noise_floor_dbz: 5, speckle: {}}
nowcast: {members: 4}
schedule: {active: false}
"""


def test_real_scans_become_two_frames_of_five_sweeps(house: House, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = samples / "radar/odim_h5/france_scans_20230420"
    if not folder.is_dir():
        pytest.skip("The French scans are not among the samples.")
    monkeypatch.setenv("STORMCYCLE_DATA", str(samples))
    (house.domains / "avesnes.yaml").write_text(FRANCE)
    made = cycle.fn("avesnes", "2023-04-20T07:00:00Z")
    inputs = manifest(made)["inputs"]
    assert [item["state"] for item in inputs] == ["ok"] * 10
    assert not [code for code in codes(made) if code.startswith("granule_")]
    radar = product(made, "radar")
    present = radar["observed"].values.any(axis=(1, 2))
    slots = radar["valid_time"].values[present].astype("datetime64[s]").astype(str).tolist()
    assert slots == ["2023-04-20T06:50:00", "2023-04-20T06:55:00"]
    assert radar["nominal_time"].values[present].astype("datetime64[s]").astype(str).tolist() == slots
    middles = radar["actual_time"].values[present].astype("datetime64[s]").astype(str).tolist()
    assert middles == ["2023-04-20T06:52:22", "2023-04-20T06:57:23"]
    flags = radar["provenance"].values[present]
    disc = np.hypot(*(np.mgrid[:128, :128] - 63.5)) < 110 / 2
    assert ((flags & Provenance.OBSERVED) > 0)[:, disc].mean() > 0.95
