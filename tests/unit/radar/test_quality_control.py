"""The steps together: their order, what they leave of a volume, and each reason followed from its gate to the release's provenance."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.domain import Attenuation, BeamBlockage, NonMeteorological, OutlierMask, Quality, Radar, Site, Speckle, StaticClutter
from stormcycle.grids import area
from stormcycle.radar.gridding import AZIMUTH_BINS, gate_indices, geometry_of, grid_volume
from stormcycle.radar.mosaic import Member, hour_frames
from stormcycle.radar.product import radar_fields
from stormcycle.radar.quality import GateFlag, checked, cleaned, needed_moments, rejected_for
from stormcycle.states import NO_ECHO_DBZ, Provenance
from stormcycle.times import frame_slots

SITE = Site(latitude=46.07, longitude=15.29, altitude_m=950.0)
RAYS, GATES = 72, 40
Z = ("reflectivity",)


def found_in(volume: xr.Dataset, quality: Quality, moments: tuple[str, ...] = Z) -> xr.Dataset:
    return checked(volume, quality, "simli", SITE, moments)


def left_of(volume: xr.Dataset, quality: Quality, moments: tuple[str, ...] = Z) -> xr.Dataset:
    return cleaned(volume, found_in(volume, quality, moments), moments)


def test_every_flag_but_the_two_limits_has_its_reason_in_the_provenance():
    limits = {GateFlag.BEYOND_RANGE, GateFlag.BELOW_NOISE}
    for flag in GateFlag:
        bits = int(rejected_for(np.array([flag], "uint8"))[0])
        if flag in limits:
            assert bits == 0
        else:
            assert bits == Provenance.REJECTED_BY_QUALITY_CONTROL | Provenance[flag.name]
            assert Provenance[flag.name] > Provenance.LATE
    every = int(rejected_for(np.array([sum(GateFlag)], "uint8"))[0])
    assert every == Provenance.REJECTED_BY_QUALITY_CONTROL | sum(reason for reason in Provenance if reason > Provenance.LATE)


def test_gates_are_kept_quiet_or_not_observed_as_a_plain_loop_says(polar, rng):
    values = rng.uniform(-20, 60, (2, 4, 12))
    values[:, :, 3], values[:, :, 7] = NO_ECHO_DBZ, np.nan
    volume = polar(values, elevations=(0.5, 2.0), zdr=np.full((2, 4, 12), 1.5))
    flags = rng.choice([0, *map(int, GateFlag)], (8, 12)).astype("uint8")
    kept = cleaned(volume, xr.Dataset({"flags": (("ray", "gate"), flags)}), ("reflectivity", "zdr", "kdp"))
    assert set(kept.data_vars) == {"reflectivity", "zdr", "flags"}
    for ray, gate in np.ndindex(8, 12):
        given, value, zdr = (float(each[ray, gate]) for each in (volume["reflectivity"], kept["reflectivity"], kept["zdr"]))
        if flags[ray, gate] not in (0, GateFlag.BELOW_NOISE):
            assert np.isnan([value, zdr]).all()
        elif flags[ray, gate] == GateFlag.BELOW_NOISE:
            assert value == NO_ECHO_DBZ
            assert np.isnan(zdr)
        else:
            assert value == given or np.isnan([value, given]).all()
            assert zdr == 1.5


def test_the_volume_itself_stays_as_it_was(polar, rng):
    volume = polar(rng.uniform(-20, 60, (1, RAYS, GATES)), rhohv=rng.uniform(0.5, 1, (1, RAYS, GATES)))
    before = volume.copy(deep=True)
    left_of(
        volume,
        Quality(noise_floor_dbz=5.0, non_meteorological=NonMeteorological(), static_clutter=StaticClutter(), speckle=Speckle(), attenuation=Attenuation()),
    )
    assert volume.identical(before)


def test_no_echo_stays_no_echo_whatever_is_switched_on(polar):
    volume = polar(np.full((1, RAYS, GATES), NO_ECHO_DBZ), rhohv=np.full((1, RAYS, GATES), 0.3))
    every = Quality(non_meteorological=NonMeteorological(), static_clutter=StaticClutter(), speckle=Speckle(), attenuation=Attenuation())
    assert (left_of(volume, every)["reflectivity"].values == NO_ECHO_DBZ).all()
    assert not found_in(volume, every)["flags"].values.any()


def test_a_step_that_is_not_named_is_not_done(polar, rng):
    volume = polar(np.where(rng.random((1, RAYS, GATES)) < 0.1, 30.0, NO_ECHO_DBZ), rhohv=np.full((1, RAYS, GATES), 0.3))
    found = found_in(volume, Quality())
    assert set(found.data_vars) == {"flags"}
    assert not found["flags"].values.any()


def test_speckle_counts_only_what_the_steps_before_it_left(polar):
    values, rhohv = np.full((1, RAYS, GATES), NO_ECHO_DBZ), np.full((1, RAYS, GATES), 0.99)
    values[0, 30:33, 10:13] = 30.0  # nine gates, of which seven are no weather: two are left
    rhohv[0, 30:33, 10:13] = 0.5
    rhohv[0, 31, 11:13] = 0.99
    values[0, 50:52, 10:13] = [[30.0, 30.0, 4.0], [30.0, 4.0, 4.0]]  # three gates above noise
    volume = polar(values, rhohv=rhohv)
    flags = found_in(volume, Quality(noise_floor_dbz=5.0, non_meteorological=NonMeteorological(), speckle=Speckle(least_gates=4)))["flags"].values
    assert np.argwhere(flags == GateFlag.SPECKLE).tolist() == [[31, 11], [31, 12], [50, 10], [50, 11], [51, 10]]
    assert (flags == GateFlag.NOT_WEATHER).sum() == 7
    assert (flags == GateFlag.BELOW_NOISE).sum() == 3
    assert found_in(volume, Quality(noise_floor_dbz=0.0, speckle=Speckle(least_gates=4)))["flags"].values.tolist() == np.zeros((RAYS, GATES)).tolist()


def test_attenuation_is_added_back_to_echo_alone_and_rejected_gates_cause_none(polar):
    values = np.full((1, RAYS, GATES), 35.0)
    values[0, :, 20:25], values[0, :, 30:] = NO_ECHO_DBZ, np.nan
    values[0, 5, 2] = 60.0
    rhohv = np.full((1, RAYS, GATES), 0.99)
    rhohv[0, 5, 2] = 0.3
    volume = polar(values, rhohv=rhohv)
    quality = Quality(noise_floor_dbz=5.0, non_meteorological=NonMeteorological(), attenuation=Attenuation())
    attenuation, kept = found_in(volume, quality)["attenuation"].values, left_of(volume, quality)["reflectivity"].values
    echo = volume["reflectivity"].values > NO_ECHO_DBZ
    echo[5, 2] = False
    np.testing.assert_allclose(kept[echo], 35.0 + attenuation[echo], atol=1e-5)
    assert kept[0, 29] > 35.5
    assert (kept[:, 20:25] == NO_ECHO_DBZ).all()
    assert np.isnan(kept[:, 30:]).all()
    assert np.isnan(kept[5, 2])
    assert attenuation[5, -1] <= attenuation[4, -1] + 1e-3


def test_the_correction_lifts_no_gate_above_the_highest_reflectivity_and_lowers_none(polar, rng):
    volume = polar(rng.uniform(20.0, 62.0, (1, RAYS, GATES)).astype("float32"))
    quality = Quality(noise_floor_dbz=5.0, attenuation=Attenuation(highest_dbz=59.0))
    before, after = volume["reflectivity"].values, left_of(volume, quality)["reflectivity"].values
    lifted = after > before + 1e-4
    assert lifted.sum() > 100
    assert after[lifted].max() <= 59.0 + 1e-4
    np.testing.assert_allclose(after[before >= 59.0], before[before >= 59.0], atol=1e-5)
    assert (after >= before - 1e-5).all()


def test_kdp_is_made_where_it_is_wanted_and_absent_and_its_phase_is_there(polar):
    values = np.full((1, RAYS, GATES), 35.0)
    phidp = np.broadcast_to(20.0 + 2.0 * np.arange(GATES), values.shape)  # 1 degree km-1
    volume = polar(values, phidp=phidp)
    wanted = ("reflectivity", "kdp")
    kept = left_of(volume, Quality(), wanted)
    np.testing.assert_allclose(kept["kdp"].values[:, 8:-8], 1.0, atol=0.1)
    assert set(left_of(volume, Quality()).data_vars) == {"reflectivity", "flags"}
    assert set(left_of(volume.drop_vars("phidp"), Quality(), wanted).data_vars) == {"reflectivity", "flags"}
    own = left_of(volume.assign(kdp=volume["reflectivity"] * 0.0 + 3.0), Quality(), wanted)
    assert (own["kdp"].values == 3.0).all()


@pytest.mark.parametrize(
    ("moments", "quality", "needed"),
    [
        (("reflectivity",), {}, {"reflectivity"}),
        (("reflectivity", "zdr"), {"non_meteorological": {}}, {"reflectivity", "zdr", "rhohv"}),
        (("reflectivity", "kdp"), {}, {"reflectivity", "kdp", "phidp"}),
    ],
)
def test_a_volume_is_decoded_with_what_products_and_steps_need(moments, quality, needed):
    raw = {"feed": {"url": "somewhere", "layout": "odim"}, "sites": {"simli": SITE.model_dump()}, "moments": moments, "quality": quality}
    assert set(needed_moments(Radar.model_validate(raw))) == needed


def every_step(folder: Path) -> Quality:
    """A quality control with every step switched on, its mask and its terrain: outliers in the west, a wall in the south-east."""
    outlier = np.zeros((360, GATES), "uint8")
    outlier[265:275, 15:25] = 1
    mask = xr.Dataset({"outlier": (("azimuth", "range"), outlier)}, {"azimuth": np.arange(360) + 0.5, "range": 500.0 + 1000.0 * np.arange(GATES)})
    mask.assign_attrs(elevation_deg=0.5).to_netcdf(folder / "simli.nc", engine="h5netcdf")
    latitude, longitude = np.arange(45.5, 46.6, 0.005), np.arange(14.6, 16.0, 0.005)
    wall = (latitude[:, None] < 45.98) & (latitude[:, None] > 45.96) & (longitude > 15.4) & (longitude < 15.5)
    coordinates = {"latitude": latitude, "longitude": longitude}
    xr.Dataset({"elevation": (("latitude", "longitude"), 3000.0 * wall)}, coordinates).to_netcdf(folder / "terrain.nc", engine="h5netcdf")
    return Quality(
        max_range_km=35.0,
        noise_floor_dbz=5.0,
        non_meteorological=NonMeteorological(),
        static_clutter=StaticClutter(),
        speckle=Speckle(least_gates=5),
        beam_blockage=BeamBlockage(terrain=str(folder / "terrain.nc")),
        outlier_mask=OutlierMask(file=str(folder / "{site}.nc")),
    )


def test_each_rejected_gate_is_not_observed_and_its_reason_reaches_the_provenance_of_the_release(polar, tmp_path: Path):
    values, rhohv = np.full((1, 360, GATES), NO_ECHO_DBZ), np.full((1, 360, GATES), 0.99)
    values[0, 20:50, 15:30] = 30.0  # a storm in the north-east
    values[0, 335:341, 15:25], rhohv[0, 335:341, 15:25] = 30.0, 0.5  # no weather in the north-north-west
    values[0, 190:220, 20] = 30.0  # a thin arc in the south-west
    values[0, 300:306, 25:31], rhohv[0, 300:306, 25:31] = 30.0, 0.5  # in the north-west no weather again, but for a speckle of four gates
    rhohv[0, 302:304, 27:29] = 0.99
    values[0, 80:100, 10:20] = 3.0  # below noise in the east
    volume, quality = polar(values, rhohv=rhohv), every_step(tmp_path)
    found = found_in(volume, quality)
    flags, kept = found["flags"].values, cleaned(volume, found, Z)
    rejected = (flags & ~np.uint8(GateFlag.BEYOND_RANGE | GateFlag.BELOW_NOISE)) > 0
    for flag in GateFlag:
        assert (flags & flag).any(), flag.name
    assert np.array_equal(np.isnan(kept["reflectivity"].values), rejected | ((flags & GateFlag.BEYOND_RANGE) > 0))

    grid = area("small", "+proj=aeqd +lat_0=46.07 +lon_0=15.29 +ellps=WGS84 +units=m", (90, 90), 1000.0, (0.0, 0.0))
    indices = gate_indices(geometry_of(kept, SITE.latitude, SITE.longitude, SITE.altitude_m), grid)
    slots = frame_slots(np.datetime64("2026-07-01T13:00:00", "s"), 6)
    frames = hour_frames([Member(9, slots[9], slots[9], grid_volume(kept, indices, Z))], slots, grid.shape, Z, 5.0)
    fields = radar_fields(frames, {"reflectivity": frames["reflectivity"].values})
    provenance, hourly, reflectivity = (fields[name].values for name in ("provenance", "hourly_provenance", "reflectivity"))
    met = dict.fromkeys(GateFlag, 0)
    for row, column in np.ndindex(90, 90):
        gate, ray = int(indices.gate[0, row, column]), int((indices.azimuth_bin[row, column] + 0.5) * 360 / AZIMUTH_BINS)
        bits, value = int(provenance[9, row, column]), float(reflectivity[9, row, column])
        given = int(flags[ray, gate]) if gate >= 0 else int(GateFlag.BEYOND_RANGE)
        wanted = 0
        for flag in GateFlag:
            if given & flag:
                met[flag] += 1
                wanted |= int(rejected_for(np.array([flag], "uint8"))[0])
        if wanted:
            assert np.isnan(value)
        elif given & GateFlag.BEYOND_RANGE:
            assert np.isnan(value)
            wanted = Provenance.OUTSIDE_COVERAGE
        else:
            wanted = Provenance.OBSERVED | (Provenance.UNDETECT if value == NO_ECHO_DBZ else 0)
        assert bits == wanted
        assert not (hourly[row, column] & Provenance.OUTSIDE_COVERAGE and wanted & Provenance.REJECTED_BY_QUALITY_CONTROL)
    assert min(met.values()) > 0, met


def test_another_beam_that_saw_the_pixel_stands_beside_the_reason_of_the_one_that_was_rejected(polar):
    values, rhohv = np.full((2, 360, GATES), 30.0), np.full((2, 360, GATES), 0.99)
    rhohv[0] = 0.5  # all of the lower sweep is no weather
    volume = polar(values, elevations=(0.5, 1.5), rhohv=rhohv)
    kept = left_of(volume, Quality(non_meteorological=NonMeteorological()))
    grid = area("small", "+proj=aeqd +lat_0=46.07 +lon_0=15.29 +ellps=WGS84 +units=m", (20, 20), 2000.0, (0.0, 0.0))
    indices = gate_indices(geometry_of(kept, SITE.latitude, SITE.longitude, SITE.altitude_m), grid)
    slots = frame_slots(np.datetime64("2026-07-01T13:00:00", "s"), 6)
    frames = hour_frames([Member(0, slots[0], slots[0], grid_volume(kept, indices, Z))], slots, grid.shape, Z, 5.0)
    bits = radar_fields(frames, {"reflectivity": frames["reflectivity"].values})["provenance"].values[0]
    assert (bits == Provenance.OBSERVED | Provenance.REJECTED_BY_QUALITY_CONTROL | Provenance.NOT_WEATHER).all()
