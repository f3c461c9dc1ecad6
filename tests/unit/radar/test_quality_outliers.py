"""The outlier mask: histograms against NumPy's, distances against SciPy's, the gates that it falls on by a plain loop."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import mahalanobis

from stormcycle.radar.quality import GateFlag, outlier_gates, read_mask
from stormcycle.radar.quality.outliers import (
    BINS,
    MaskError,
    add_to_histograms,
    lowest_sweep,
    mahalanobis_distances,
    outlier_mask,
)
from stormcycle.states import NO_ECHO_DBZ

EDGES = 13.5 + 0.1 * np.arange(BINS + 1)


def test_each_gates_histogram_is_numpys_of_its_own_values(rng):
    counts = np.zeros((5, 4, BINS), "uint16")
    fields = (13.55 + 0.1 * rng.integers(-60, 560, (30, 5, 4))).astype("float32")  # middles of bins, also below and above all of them
    fields[rng.random(fields.shape) < 0.2], fields[rng.random(fields.shape) < 0.1] = NO_ECHO_DBZ, np.nan
    for field in fields:
        add_to_histograms(counts, field)
    for azimuth, gate in np.ndindex(5, 4):
        values = fields[:, azimuth, gate]
        assert np.array_equal(counts[azimuth, gate], np.histogram(values[~np.isnan(values)], EDGES)[0])


def test_a_value_on_the_edge_of_a_bin_counts_above_it():
    counts = np.zeros((1, 1, BINS), "uint16")
    for value in (13.5, 13.6, 20.0, 66.0, 66.1):  # 8-bit ODIM packings hold such values; 66.1 is beyond the last bin
        add_to_histograms(counts, np.array([[value]], "float32"))
    assert np.flatnonzero(counts[0, 0]).tolist() == [0, 1, 65, 525]


def counted(rng: np.random.Generator, shape: tuple[int, int] = (6, 5)) -> np.ndarray:
    """Histograms of gates with one climate each, in twelve bins."""
    counts = np.zeros((*shape, BINS))
    counts[..., 40:52] = rng.poisson(20.0, (*shape, 12))
    return counts


def test_distances_are_scipys_with_the_ridge_on_the_covariance(rng):
    counts = counted(rng)
    counts[2, 3] = 0.0
    found = mahalanobis_distances(counts)
    histograms = np.array([each / each.sum() for each in counts.reshape(-1, BINS) if each.sum()])
    covariance = np.cov(histograms, rowvar=False)
    inverse = np.linalg.inv(covariance + 1e-6 * np.trace(covariance) / BINS * np.eye(BINS))
    for azimuth, gate in np.ndindex(6, 5):
        if (azimuth, gate) == (2, 3):
            assert np.isinf(found[azimuth, gate])
        else:
            histogram = counts[azimuth, gate] / counts[azimuth, gate].sum()
            assert found[azimuth, gate] == pytest.approx(mahalanobis(histogram, histograms.mean(axis=0), inverse), rel=1e-4)


def test_the_gate_with_another_climate_is_the_farthest(rng):
    counts = counted(rng, (20, 20))
    counts[3, 7, 40:52] = [0] * 11 + [240]  # ground clutter: always the same strong echo
    distances = mahalanobis_distances(counts)
    assert np.unravel_index(distances.argmax(), distances.shape) == (3, 7)
    assert outlier_mask(distances)[3, 7]


def test_an_archive_without_echo_makes_no_mask():
    counts = np.zeros((3, 3, BINS))
    counts[0, 0, 5] = 1
    with pytest.raises(MaskError, match="too short or too dry"):
        mahalanobis_distances(counts)


def test_a_tenth_of_the_gates_and_all_that_never_held_echo_are_outliers(rng):
    distances = rng.permutation(np.arange(200.0)).reshape(10, 20)
    assert outlier_mask(distances).sum() == 20
    assert np.array_equal(outlier_mask(distances), distances >= 180)
    distances[4, :10] = np.inf
    mask = outlier_mask(distances)
    assert mask[4, :10].all()
    assert mask.sum() == 10 + 19


def mask_file(path: Path, outlier: np.ndarray, elevation: float = 0.5, **changes: object) -> Path:
    """A mask as it is written: 360 azimuths, gates of 1 km."""
    ranges = 500.0 + 1000.0 * np.arange(outlier.shape[1])
    fields = xr.Dataset(
        {"outlier": (("azimuth", "range"), outlier.astype("uint8"))},
        coords={"azimuth": np.arange(360) + 0.5, "range": ranges},
        attrs={"elevation_deg": elevation},
    )
    fields.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("gate_m", [1000.0, 250.0])
def test_the_mask_falls_on_its_gates_in_any_order_of_rays_and_gate_spacing_and_on_its_elevation_alone(polar, rng, tmp_path: Path, gate_m: float):
    outlier = rng.random((360, 30)) < 0.2
    mask = read_mask(mask_file(tmp_path / "mask.nc", outlier))
    azimuth = rng.permutation(np.arange(0.25, 360.0, 0.5))  # super resolution: two rays a degree
    gates = round(40e3 / gate_m)  # 10 km beyond the mask
    volume = polar(np.full((3, 720, gates), 20.0), elevations=(2.0, 0.55, 0.8), azimuth=azimuth, gate_m=gate_m, first_gate_m=gate_m / 2)
    found = outlier_gates(volume, mask).reshape(3, 720, gates)
    assert not found[[0, 2]].any()
    for ray in range(0, 720, 7):
        for gate in range(gates):
            away = gate_m * (gate + 0.5)
            nearest = int(np.abs(mask["range"].values - away).argmin())
            if abs(away % 1000.0) > 1e-6:  # not halfway between two gates of the mask
                wanted = away < 30e3 and outlier[int(azimuth[ray]), nearest]
                assert found[1, ray, gate] == (GateFlag.OUTLIER_GATE if wanted else 0)


def test_the_lowest_sweep_is_found_and_ordered_by_whole_degrees(polar, rng):
    values = rng.uniform(0, 60, (2, 360, 8)).astype("float32")
    order = rng.permutation(360)
    volume = polar(values[:, order], elevations=(2.0, 0.5), azimuth=np.arange(360)[order] + 0.5)
    field, elevation, ranges = lowest_sweep(volume)
    assert elevation == 0.5
    np.testing.assert_array_equal(field, values[1])
    np.testing.assert_array_equal(ranges, 500.0 + 1000.0 * np.arange(8))


def test_a_file_that_is_no_mask_is_told_in_a_sentence_with_what_to_do(tmp_path: Path):
    outlier = np.zeros((360, 5), bool)
    (tmp_path / "text.nc").write_text("no netCDF")
    with xr.open_dataset(mask_file(tmp_path / "good.nc", outlier), engine="h5netcdf") as good:
        good.rename(outlier="mask").to_netcdf(tmp_path / "name.nc", engine="h5netcdf")
        good.transpose().to_netcdf(tmp_path / "turned.nc", engine="h5netcdf")
        good.drop_attrs().to_netcdf(tmp_path / "elevation.nc", engine="h5netcdf")
    assert read_mask(tmp_path / "good.nc").attrs["elevation_deg"] == 0.5
    with pytest.raises(MaskError, match=r"There is no outlier mask .*absent\.nc; make it with `stormcycle radar-mask`"):
        read_mask(tmp_path / "absent.nc")
    for name in ("text.nc", "name.nc", "turned.nc", "elevation.nc"):
        with pytest.raises(MaskError, match=f"The outlier mask {name} cannot be used: .*; make it with `stormcycle radar-mask`") as refused:
            read_mask(tmp_path / name)
        assert "\n" not in str(refused.value)
