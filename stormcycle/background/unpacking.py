"""The plain bytes of a GRIB file, bounded before they are written; packed by bzip2 or not is told by the content."""

import bz2
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stormcycle.background.errors import Unreadable

MAX_UNPACKED_BYTES = 1024 * 2**20
"""A field of ALADIN's 1053x837 points with 73 leads of 24 bits has 193 MB; five times that is no field."""
PIECE = 2**20


@contextmanager
def unpacked(path: Path, name: str, limit: int = MAX_UNPACKED_BYTES) -> Iterator[Path]:
    """The path of a file's plain bytes: itself, or a temporary file where it is packed by bzip2.

    Raises Unreadable when the stream is cut, damaged or grows beyond `limit` bytes.
    """
    with path.open("rb") as file:
        packed = file.read(3) == b"BZh"
    if not packed:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="stormcycle-", suffix=".grib") as plain:
        size = 0
        try:
            with bz2.open(path, "rb") as stream:
                while piece := stream.read(PIECE):
                    size += len(piece)
                    if size > limit:
                        raise Unreadable(f"{name} unpacks to more than {limit} bytes, which no model field does; it was not read further.")
                    plain.write(piece)
        except (OSError, EOFError) as error:
            raise Unreadable(f"{name}: the bzip2 stream is cut or damaged: {error}") from None
        plain.flush()
        yield Path(plain.name)
