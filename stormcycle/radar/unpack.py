"""Bytes of a granule without their compression, bounded before they are written."""

import bz2
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stormcycle.radar.volume import Unreadable

MAX_UNPACKED_BYTES = 256 * 2**20
"""A super-resolution dual-polarisation volume has 60 MB unpacked; four times that is no volume."""
PIECE = 2**20


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The path of a file's plain bytes: itself, or a temporary file where it is packed by gzip or bzip2.

    Raises Unreadable when the stream is cut or grows beyond MAX_UNPACKED_BYTES.
    """
    with path.open("rb") as file:
        head = file.read(3)
    if head[:2] != b"\x1f\x8b" and head != b"BZh":
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="stormcycle-", suffix=".bin") as plain:
        opener = gzip.open if head[:2] == b"\x1f\x8b" else bz2.open
        size = 0
        try:
            with opener(path, "rb") as packed:
                while piece := packed.read(PIECE):
                    size += len(piece)
                    if size > MAX_UNPACKED_BYTES:
                        raise Unreadable(f"The file unpacks to more than {MAX_UNPACKED_BYTES} bytes, which no volume does; it was not read further.")
                    plain.write(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"The compressed stream is cut or damaged: {error}") from None
        plain.flush()
        yield Path(plain.name)
