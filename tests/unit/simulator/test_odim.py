from io import BytesIO

import h5py
import numpy as np
import pyart
import pytest
import xradar

from stormcycle.simulator.instruments import observe
from stormcycle.simulator.writers import volume_bytes
from stormcycle.simulator.writers.odim import PACKINGS, packed

PYART_NAMES = {
    "DBZH": "reflectivity_horizontal",
    "ZDR": "differential_reflectivity",
    "RHOHV": "cross_correlation_ratio",
    "PHIDP": "differential_phase",
    "KDP": "specific_differential_phase",
}


@pytest.fixture(scope="module")
def volume(domain, scan, noon):
    return observe(domain, "simli", noon, 7, scan)


@pytest.fixture(scope="module")
def path(volume, tmp_path_factory):
    path = tmp_path_factory.mktemp("odim") / "volume.h5"
    path.write_bytes(volume_bytes(volume))
    return path


def test_same_volume_same_bytes_other_seed_other_bytes(domain, scan, noon, volume):
    assert volume_bytes(observe(domain, "simli", noon, 7, scan)) == volume_bytes(volume)
    assert volume_bytes(observe(domain, "simli", noon, 8, scan)) != volume_bytes(volume)
    assert volume_bytes(observe(domain, "simpa", noon, 7, scan)) != volume_bytes(volume)


def test_metadata_follow_odim(path, domain):
    site = domain.radar.sites["simli"]
    with h5py.File(path) as file:
        assert file.attrs["Conventions"] == b"ODIM_H5/V2_3"
        assert {key: file["what"].attrs[key] for key in ("object", "version", "date", "time")} == {
            "object": b"PVOL",
            "version": b"H5rad 2.3",
            "date": b"20260701",
            "time": b"120000",
        }
        assert file["what"].attrs.get_id("object").get_type().get_strpad() == h5py.h5t.STR_NULLTERM
        assert b"NOD:simli" in file["what"].attrs["source"]
        assert dict(file["where"].attrs) == {"lat": site.latitude, "lon": site.longitude, "height": site.altitude_m}
        assert file["how"].attrs["simulated"] == b"True"
        second = file["dataset2"]
        assert second["what"].attrs["starttime"] == b"120100" and second["what"].attrs["endtime"] == b"120200"
        assert second["where"].attrs["elangle"] == 4.0 and second["where"].attrs["nrays"] == 45 and second["where"].attrs["rscale"] == 2500.0
        assert {second[f"data{k}/what"].attrs["quantity"].decode() for k in range(1, 6)} == set(PACKINGS)


def test_undetect_and_nodata_are_told_apart(path, volume):
    with h5py.File(path) as file:
        for number, quantity in enumerate(PACKINGS, start=1):
            what, raw = file[f"dataset1/data{number}/what"].attrs, file[f"dataset1/data{number}/data"][()]
            assert what["quantity"].decode() == quantity
            np.testing.assert_array_equal(raw == what["nodata"], ~volume.sweeps[0].measured)
            np.testing.assert_array_equal(raw == what["undetect"], volume.sweeps[0].measured & ~volume.sweeps[0].echo)


def test_packing_keeps_extremes_out_of_the_special_values():
    packing = PACKINGS["DBZH"]
    raw = packed(np.array([-90.0, 10.2, 300.0, np.nan, np.nan]), np.array([1, 1, 1, 1, 0], bool), np.array([1, 1, 1, 0, 0], bool), packing)
    assert raw.tolist() == [1, 84, 254, 0, 255]


def test_xradar_reads_what_was_written(path, volume, noon):
    with xradar.io.open_odim_datatree(path) as tree:
        assert float(tree["latitude"]) == volume.site.latitude and float(tree["altitude"]) == volume.site.altitude_m
        for index, sweep in enumerate(volume.sweeps):
            read = tree[f"sweep_{index}"].ds
            assert float(read["sweep_fixed_angle"]) == sweep.elevation_deg
            assert sweep.start <= read["time"].values.min() and read["time"].values.max() <= sweep.end
            np.testing.assert_allclose(read["range"], (np.arange(sweep.echo.shape[1]) + 0.5) * 2500.0)
            np.testing.assert_allclose(read["azimuth"], (np.arange(45) + 0.5) * 8.0)
            for quantity, packing in PACKINGS.items():
                np.testing.assert_allclose(read[quantity].values[sweep.echo], sweep.moments[quantity][sweep.echo], atol=packing.gain / 2 + 1e-4)


def test_pyart_reads_what_was_written(path, volume):
    radar = pyart.aux_io.read_odim_h5(path)
    assert radar.nsweeps == 2 and radar.latitude["data"][0] == volume.site.latitude
    np.testing.assert_allclose(radar.range["data"], (np.arange(volume.sweeps[0].echo.shape[1]) + 0.5) * 2500.0)
    for index, sweep in enumerate(volume.sweeps):
        gates = sweep.echo.shape[1]
        for quantity, packing in PACKINGS.items():
            read = radar.get_field(index, PYART_NAMES[quantity])[:, :gates]
            np.testing.assert_array_equal(np.ma.getmaskarray(read), ~sweep.echo)
            np.testing.assert_allclose(read.data[sweep.echo], sweep.moments[quantity][sweep.echo], atol=packing.gain / 2 + 1e-4)


def test_bytes_are_an_hdf5_file(volume):
    with h5py.File(BytesIO(volume_bytes(volume))) as file:
        assert sorted(file) == ["dataset1", "dataset2", "how", "what", "where"]
