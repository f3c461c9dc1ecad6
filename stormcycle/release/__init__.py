"""Releases: the contract of each product, the Zarr store, the manifest, the pointer, the status, the pictures.

A release is immutable and appears at once: its files are written under a claimed version, checked, and published by the
exclusive creation of its manifest; then the pointer moves, only forward. Knows arrays, not feeds.
"""

from stormcycle.release.contract import ContractError, dressed, violations
from stormcycle.release.publishing import Published, find_published, latest_release, publish
from stormcycle.release.store import read_product, write_store
from stormcycle.release.targets import TargetError, open_target

__all__ = [
    "ContractError",
    "Published",
    "TargetError",
    "dressed",
    "find_published",
    "latest_release",
    "open_target",
    "publish",
    "read_product",
    "violations",
    "write_store",
]
