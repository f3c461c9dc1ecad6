"""Satellite: imagers (ABI, SEVIRI, FCI) and lightning on a domain's grid, by indices kept between cycles.

Satpy opens and calibrates; here is what it does not do: whether a file is what its name says, which pixels hold no value and
why, only the part of a scan that an area needs, and where cloud tops stand.
"""

from stormcycle.satellite.errors import OutsideDisk, Unreadable, WrongKind
from stormcycle.satellite.imager import read_image
from stormcycle.satellite.lcfa import read_flashes
from stormcycle.satellite.lightning import extent_density
from stormcycle.satellite.product import satellite_fields
from stormcycle.satellite.slots import satellite_at

__all__ = ["OutsideDisk", "Unreadable", "WrongKind", "extent_density", "read_flashes", "read_image", "satellite_at", "satellite_fields"]
