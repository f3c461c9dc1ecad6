"""The Zarr store of a release: plain Zarr v3, a group a product, one lead or channel by at most 512x512 a chunk."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from zarr.codecs import ZstdCodec

from stormcycle.cycle.digests import dataset_digest, tree_digest
from stormcycle.release.contract import ContractError, violations

CHUNK = 512


def write_store(products: Mapping[str, xr.Dataset], path: Path, attributes: Mapping[str, Any]) -> str:
    """Write the products of a release as groups of a new Zarr store; the digest of all of them.

    `attributes` stand on the root, so that a store that was copied still says what it is; they are no part of the digest.

    Raises ContractError when a product drifts from its schema; nothing is written then.
    """
    drift = [sentence for name, fields in products.items() for sentence in violations(name, fields)]
    if drift:
        raise ContractError("The release does not keep its contract: " + " ".join(drift))
    xr.Dataset(attrs=dict(attributes)).to_zarr(path, mode="w", zarr_format=3, consolidated=False)
    for name, fields in products.items():
        clean = fields.drop_encoding()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Consolidated metadata")  # not in the Zarr v3 text yet; readers may ignore it
            clean.to_zarr(path, group=name, mode="a", zarr_format=3, consolidated=True, encoding=_encoding(clean))
    return release_digest(products)


def release_digest(products: Mapping[str, xr.Dataset]) -> str:
    """The digest of a release: of the arrays and attributes of its products, in whatever order they are given."""
    return tree_digest({name: dataset_digest(fields) for name, fields in products.items()})


def read_product(url: str, product: str, storage_options: dict[str, Any] | None = None) -> xr.Dataset:
    """One product of a release, in memory. Raises KeyError with a sentence when the release does not hold it."""
    try:
        return xr.open_zarr(url, group=product, consolidated=True, chunks=None, storage_options=storage_options).load()
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise KeyError(f"The release {url} holds no product {product!r}.") from error


def _encoding(fields: xr.Dataset) -> dict[str, dict[str, Any]]:
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in fields.variables.items():
        if variable.ndim:
            chunks = (
                tuple(min(size, CHUNK) if dim in ("y", "x") else 1 for dim, size in variable.sizes.items())
                if "y" in variable.dims and "x" in variable.dims
                else variable.shape
            )
            encoding[str(name)] = {"chunks": chunks, "compressors": [ZstdCodec(level=3)]}
        if variable.dtype.kind == "M":
            encoding.setdefault(str(name), {}).update(units="seconds since 1970-01-01", dtype="int64", calendar="proleptic_gregorian")
        if variable.dtype.kind == "m":
            encoding.setdefault(str(name), {}).update(units="seconds", dtype="int64")
    return encoding
