"""Volumes on the grid against plain loops over pixels and sweeps: vertical maximum, CAPPI, what was rejected."""

import math

import numpy as np
import pytest
import xarray as xr
from pyproj import Geod

from stormcycle.grids import area, longitudes_latitudes
from stormcycle.radar.gridding import AZIMUTH_BINS, GateIndices, gate_indices, geometry_of, grid_volume
from stormcycle.radar.quality import GateFlag
from stormcycle.states import NO_ECHO_DBZ, Provenance

Z = ("reflectivity",)
AREA = area("small", "+proj=aeqd +lat_0=46.07 +lon_0=15.29 +ellps=WGS84 +units=m", (24, 26), 5000.0, (2000.0, -3000.0))


def kept(volume: xr.Dataset) -> xr.Dataset:
    """The volume as quality control leaves it when it finds nothing."""
    return volume.assign(flags=(("ray", "gate"), np.zeros(volume["reflectivity"].shape, "uint8")))


def test_a_gap_in_the_rays_is_not_observed(polar):
    azimuth = np.array([ray + 0.5 for ray in range(360) if not 80 <= ray < 100])
    volume = polar(np.full((1, 340, 60), 20.0), azimuth=azimuth)
    geometry = geometry_of(volume, 46.07, 15.29, 950.0)
    found = grid_volume(kept(volume), gate_indices(geometry, AREA), Z)["reflectivity"].values
    longitude, latitude = longitudes_latitudes(AREA)
    shape = longitude.shape
    azimuths, _, distance = Geod(ellps="WGS84").inv(np.full(shape, 15.29), np.full(shape, 46.07), longitude, latitude)
    azimuths, near = azimuths % 360, distance < 55e3
    assert np.isnan(found[near & (azimuths > 82) & (azimuths < 98)]).all()
    assert (found[near & ((azimuths < 79) | (azimuths > 101))] == 20.0).all()
    assert ((azimuths > 82) & (azimuths < 98) & near).sum() > 5


def test_the_vertical_maximum_and_the_other_moments_are_those_of_a_plain_loop(polar):
    random = np.random.default_rng(5)
    values = np.where(random.random((3, 72, 40)) < 0.3, NO_ECHO_DBZ, random.uniform(-10, 60, (3, 72, 40)))
    values[random.random(values.shape) < 0.3] = np.nan
    zdr = random.uniform(-1, 4, values.shape)
    volume = polar(values, elevations=(0.5, 2.0, 5.0), zdr=zdr)
    indices = gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA)
    found = grid_volume(kept(volume), indices, ("reflectivity", "zdr"))
    for row in range(24):
        for column in range(26):
            ray = int((indices.azimuth_bin[row, column] + 0.5) * 72 / AZIMUTH_BINS)  # 72 rays of 5 degrees
            seen = [
                (np.float32(values[sweep, ray, gate]), np.float32(zdr[sweep, ray, gate]), indices.height_m[sweep, row, column])
                for sweep in range(3)
                if (gate := indices.gate[sweep, row, column]) >= 0 and not np.isnan(values[sweep, ray, gate])
            ]
            pixel = {str(name): float(found[name][row, column]) for name in ("reflectivity", "zdr", "beam_height")}
            if not seen:
                assert np.isnan([pixel["reflectivity"], pixel["beam_height"]]).all()
                continue
            highest = max(seen, key=lambda item: item[0])
            assert (pixel["reflectivity"], pixel["zdr"], pixel["beam_height"]) == (*highest[:2], min(height for *_, height in seen))


def test_no_echo_and_not_observed_stay_apart(polar):
    values = np.full((2, 36, 60), np.nan)
    values[0, :18] = NO_ECHO_DBZ  # the eastern half looked and saw nothing
    volume = polar(values, elevations=(0.5, 2.0))
    found = grid_volume(kept(volume), gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA), Z)["reflectivity"].values
    assert (found[8:16, 16:20] == NO_ECHO_DBZ).all()
    assert np.isnan(found[8:16, 4:8]).all()


def some(polar) -> tuple[xr.Dataset, GateIndices]:
    """Three sweeps of 72 rays of 5 degrees with echo, no echo, not observed and flags of every kind, and their indices."""
    random = np.random.default_rng(6)
    values = np.where(random.random((3, 72, 40)) < 0.3, NO_ECHO_DBZ, random.uniform(-10, 60, (3, 72, 40)))
    values[random.random(values.shape) < 0.3] = np.nan
    volume = polar(values, elevations=(0.5, 2.0, 5.0), zdr=random.uniform(-1, 4, values.shape))
    flags = random.choice([0, *map(int, GateFlag)], volume["reflectivity"].shape).astype("uint8")
    volume = volume.assign(flags=(("ray", "gate"), flags))
    return volume, gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA)


def gates_above(volume: xr.Dataset, indices: GateIndices, row: int, column: int) -> list[tuple[float, float, float, int]]:
    """(height, reflectivity, zdr, flags) of the gate of each sweep that reaches the pixel."""
    ray = int((indices.azimuth_bin[row, column] + 0.5) * 72 / AZIMUTH_BINS)
    fields = [volume[name].values.reshape(3, 72, 40) for name in ("reflectivity", "zdr", "flags")]
    return [
        (float(indices.height_m[sweep, row, column]), *(values[sweep, ray, gate].item() for values in fields))
        for sweep in range(3)
        if (gate := indices.gate[sweep, row, column]) >= 0
    ]


@pytest.mark.parametrize("wanted", [1500.0, 4000.0])
def test_a_cappi_is_the_plain_loops_interpolation_in_linear_units_between_the_beams_around_it(polar, wanted: float):
    volume, indices = some(polar)
    found = grid_volume(volume, indices, ("reflectivity", "zdr"), wanted)
    between = 0
    for row, column in np.ndindex(24, 26):
        seen = sorted(gate for gate in gates_above(volume, indices, row, column) if not math.isnan(gate[1]))
        value = float(found["reflectivity"][row, column])
        if not seen:
            assert math.isnan(value)
            continue
        below, above = [gate for gate in seen if gate[0] <= wanted], [gate for gate in seen if gate[0] > wanted]
        linear = {gate[0]: 0.0 if gate[1] == NO_ECHO_DBZ else 10 ** (gate[1] / 10) for gate in seen}
        if below and above:
            between += 1
            low, high = below[-1][0], above[0][0]
            z = linear[low] + (linear[high] - linear[low]) * (wanted - low) / (high - low)
        else:  # pseudo-CAPPI: the beam nearest to the height
            z = linear[below[-1][0] if below else above[0][0]]
        assert value == pytest.approx(10 * math.log10(z) if z > 0 else NO_ECHO_DBZ, abs=1e-3)
        nearest = min(seen, key=lambda gate: abs(gate[0] - wanted))
        assert float(found["zdr"][row, column]) == pytest.approx(nearest[2], abs=1e-6)
    assert between > 20


def test_a_cappi_where_all_beams_saw_nothing_is_no_echo(polar):
    volume = kept(polar(np.full((2, 36, 60), NO_ECHO_DBZ), elevations=(0.5, 2.0)))
    found = grid_volume(volume, gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA), Z, 2000.0)["reflectivity"].values
    assert set(np.unique(found[~np.isnan(found)])) == {NO_ECHO_DBZ}


def test_the_rejected_field_holds_the_reasons_of_all_gates_above_the_pixel_and_the_distance_is_the_ellipsoids(polar):
    volume, indices = some(polar)
    found = grid_volume(volume, indices, Z)
    reasons = {flag: Provenance[flag.name] for flag in GateFlag if flag > GateFlag.BELOW_NOISE}
    longitude, latitude = longitudes_latitudes(AREA)
    assert found["rejected"].dtype == np.uint16
    for row, column in np.ndindex(24, 26):
        wanted = 0
        for *_, flags in gates_above(volume, indices, row, column):
            if flags in reasons:
                wanted |= Provenance.REJECTED_BY_QUALITY_CONTROL | reasons[flags]
        assert found["rejected"][row, column] == wanted
        distance = Geod(ellps="WGS84").inv(15.29, 46.07, longitude[row, column], latitude[row, column])[2]
        assert float(found["distance"][row, column]) == pytest.approx(distance, abs=1.0)


def test_a_moment_that_the_volume_lacks_is_not_observed_on_the_grid(polar):
    volume = kept(polar(np.full((1, 36, 60), 20.0)))
    found = grid_volume(volume, gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA), ("reflectivity", "kdp"))
    assert np.isnan(found["kdp"].values).all()
    assert (found["reflectivity"].values == 20.0).any()


def test_where_no_beam_saw_the_pixel_no_other_moment_is_known_either(polar):
    volume = kept(polar(np.full((2, 36, 60), np.nan), elevations=(0.5, 2.0), zdr=np.full((2, 36, 60), 1.5)))
    indices = gate_indices(geometry_of(volume, 46.07, 15.29, 950.0), AREA)
    for height in (None, 2000.0):
        assert np.isnan(grid_volume(volume, indices, ("reflectivity", "zdr"), height)["zdr"].values).all()
