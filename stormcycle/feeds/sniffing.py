"""What a file is, by its content and never by its extension; the name is asked only when the content says nothing."""

import bz2
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stormcycle.feeds.layouts import Kind, kind_by_name

FileKind = Kind | Literal["radolan", "unknown"]
RADOLAN = re.compile(rb"(R[A-Z])\d{6}\d{5}\d{4}BY")
"""The head of a RADOLAN composite: product, day and time, place, month and year, then the key BY."""
OBSERVED_COMPOSITES = (b"RX", b"RY", b"RW")
HEAD_BYTES = 400
GRIB_HEAD = re.compile(rb"GRIB.{3}[\x01\x02]", re.DOTALL)
"""The word and, in the eighth octet, the edition; what a gateway puts before it may stand there."""
HRIT_HEAD = b"\x00\x00\x10"
"""The primary header of HRIT: type 0, 16 bytes long."""
SEQUENCE_VARIABLES = ("dbz", "precip", "rate")
"""What packed sequences of gridded frames hold over time: reflectivity (dBZ), amounts (mm) or rates (mm h-1)."""


@dataclass(frozen=True)
class Sniffed:
    """A file's kind, and why it is no granule of ours where it is none; `recognised`: its content says what it is, also
    where that is nothing that we take.
    """

    kind: FileKind
    reason: str = ""
    recognised: bool = True

    @property
    def opens(self) -> bool:
        """Whether it can be opened as what it is: a granule by its name alone cannot."""
        return self.recognised or self.kind == "unknown"


def sniff(path: Path) -> Sniffed:
    """The kind of a file by its first bytes; HDF5 is looked into. Call it in a child process.

    `unknown` and opens: a readable file that is no granule of ours. A kind and not opens: a granule by name, whose
    content cannot be opened. Raises FileNotFoundError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return _by_name(path, "The file is empty.")
    if head[:2] == b"\x1f\x8b" or head[:3] == b"BZh":
        try:
            with (gzip.open if head[:2] == b"\x1f\x8b" else bz2.open)(path, "rb") as packed:
                head = packed.read(HEAD_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            return _by_name(path, f"The compressed stream cannot be read: {error}.")
    if head[:4] == b"AR2V" or head[:8] == b"ARCHIVE2":
        return Sniffed("nexrad")
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return _sniff_hdf5(path)
    if GRIB_HEAD.search(head):
        return Sniffed("grib")
    if head[:3] == HRIT_HEAD:
        return Sniffed("hrit")
    if composite := RADOLAN.match(head):
        return _sniff_radolan(composite[1], head)
    return _by_name(path, "The content is of no format that a feed of ours uses.")


def _sniff_radolan(product: bytes, head: bytes) -> Sniffed:
    """An observed composite, or one that RADVOR made from a forecast, whose lead is the key VV."""
    if product in OBSERVED_COMPOSITES:
        return Sniffed("radolan")
    lead = re.search(rb"VV *(\d+)", head)
    ahead = f" (lead {int(lead[1])} minutes)" if lead else ""
    return Sniffed("unknown", f"A RADVOR {product.decode()} composite, of a forecast{ahead}, where an observation is wanted.")


def _sniff_hdf5(path: Path) -> Sniffed:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "what" in file and "object" in file["what"].attrs:
                return _sniff_odim(file)
            if "goes_imager_projection" in file or "flash_id" in file:
                return _sniff_goes(file)
            if "dbz" in file and file["dbz"].ndim == 3 and {"azimuth", "range"} <= set(file):
                return Sniffed("sweeps")
            if any(name in file and file[name].ndim == 3 for name in SEQUENCE_VARIABLES):
                return Sniffed("sequence")
    except (OSError, KeyError, RuntimeError) as error:
        return _by_name(path, f"HDF5 cannot open the file: {error}.", "odim")
    return Sniffed("unknown", "An HDF5 file that is neither an ODIM polar volume nor a packed sequence of reflectivity or rain.")


def _sniff_goes(file: Any) -> Sniffed:
    """An image of one channel, or lightning as it was detected; products that others made of them are none of our granules."""
    if "flash_id" in file:
        return Sniffed("lightning")
    if "band_id" in file and ("Rad" in file or "CMI" in file):
        return Sniffed("imager")
    title = file.attrs.get("title", b"")
    named = title.decode("latin-1") if isinstance(title, bytes) else str(title)
    return Sniffed("unknown", f"A GOES file ({named or 'without title'}) that is no whole image of one channel and no lightning file.")


def _sniff_odim(file: Any) -> Sniffed:
    import numpy as np

    raw = np.asarray(file["what"].attrs["object"]).reshape(-1)[0]  # some vendors write arrays
    kind = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
    if kind.strip("\0 ") in ("PVOL", "SCAN"):
        return Sniffed("odim")
    words = {"ELEV": "a vertical scan (RHI)", "COMP": "a composite", "IMAGE": "an image", "AZIM": "an azimuthal object"}
    return Sniffed("unknown", f"An ODIM object {kind!r}, {words.get(kind, 'of another kind')}, where a polar volume is wanted.")


def _by_name(path: Path, reason: str, otherwise: FileKind = "unknown") -> Sniffed:
    kind: FileKind = kind_by_name(path.name) or otherwise
    return Sniffed(kind, reason, recognised=False)
