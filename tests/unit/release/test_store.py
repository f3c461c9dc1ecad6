"""The Zarr store: what is written reads back with the same digest, by xarray alone; drift is refused."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from stormcycle.release import ContractError, read_product, write_store
from stormcycle.release.store import release_digest


def test_what_is_written_reads_back_with_the_same_digest(products, tmp_path: Path):
    digest = write_store(products, tmp_path / "release.zarr", {"title": "t"})
    back = {name: read_product(str(tmp_path / "release.zarr"), name) for name in products}
    assert release_digest(back) == digest == release_digest(products)
    for name, fields in products.items():
        xr.testing.assert_identical(back[name].astype(fields.dtypes), fields)


def test_an_absent_time_comes_back_absent_and_the_others_exact(products, tmp_path: Path):
    write_store(products, tmp_path / "release.zarr", {"title": "t"})
    found = read_product(str(tmp_path / "release.zarr"), "radar")["actual_time"].values
    np.testing.assert_array_equal(found, products["radar"]["actual_time"].values)
    assert np.isnat(found).tolist() == [slot == 3 for slot in range(10)]


def test_a_reader_needs_xarray_alone(products, tmp_path: Path):
    write_store(products, tmp_path / "release.zarr", {"title": "t"})
    with xr.open_zarr(tmp_path / "release.zarr", group="nowcast") as fields:
        assert fields["reflectivity"].encoding["chunks"] == (1, 10, 12)
        assert fields["lead_time"].values[-1] == np.timedelta64(18, "m")
    assert zarr.open_group(tmp_path / "release.zarr", mode="r").metadata.zarr_format == 3


def test_the_order_of_products_and_of_their_variables_does_not_count(products):
    turned = {name: products[name][list(reversed(list(products[name].data_vars)))] for name in reversed(list(products))}
    assert release_digest(turned) == release_digest(products)


def test_one_pixel_one_attribute_or_one_product_less_is_another_release(products):
    digest = release_digest(products)
    pixel = products["radar"].copy(deep=True)
    pixel["reflectivity"].values[0, 5, 5] += 0.5
    assert release_digest({**products, "radar": pixel}) != digest
    assert release_digest({**products, "radar": products["radar"].assign_attrs(licence="other")}) != digest
    assert release_digest({name: products[name] for name in ("radar", "nowcast")}) != digest


def test_drift_is_refused_and_nothing_is_written(products, tmp_path: Path):
    products["nowcast"] = products["nowcast"].drop_vars("rain_sum")
    with pytest.raises(ContractError, match=r"does not keep its contract: nowcast lacks rain_sum\."):
        write_store(products, tmp_path / "release.zarr", {"title": "t"})
    assert not (tmp_path / "release.zarr").exists()


def test_a_product_that_a_release_does_not_hold_is_an_error_in_a_sentence(products, tmp_path: Path):
    write_store({"radar": products["radar"]}, tmp_path / "release.zarr", {"title": "t"})
    with pytest.raises(KeyError, match="holds no product 'nowcast'"):
        read_product(str(tmp_path / "release.zarr"), "nowcast")
    with pytest.raises(KeyError, match="holds no product 'radar'"):
        read_product(str(tmp_path / "none.zarr"), "radar")
