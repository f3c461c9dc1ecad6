"""The science of the hourly cycle: a library of plain functions that never imports Prefect.

pyproj comes first, here and so in every worker process: eccodes brings a libproj of its own, and a pyproj
that is imported after it crashes (docs/architecture.md, "Imports").
"""

import pyproj as _pyproj  # noqa: F401

__version__ = "0.1.0"
