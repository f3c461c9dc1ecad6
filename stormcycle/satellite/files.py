"""The files of a scan under their own names, as Satpy wants them: fetched bytes lie under their digest."""

import bz2
from dataclasses import dataclass
from pathlib import Path

MAX_UNPACKED_BYTES = 64 * 2**20
"""An HRIT segment has 2 MB unpacked (HRV 3 MB); this much is none."""
PIECE = 2**20


@dataclass(frozen=True)
class ScanFiles:
    """Where a scan's files lie by name, and why others of it cannot be used."""

    paths: dict[str, Path]
    faults: dict[str, str]


@dataclass(frozen=True)
class Identity:
    """What a scan is of, by its names and its content; `mode` of an ABI's timeline, `segments` of an HRIT channel."""

    satellite: str
    scene: str
    mode: str = ""
    segments: frozenset[int] = frozenset()


def laid_out(files: tuple[tuple[Path, str], ...], folder: Path) -> ScanFiles:
    """The files of a scan below a folder: links under their names, and plain bytes without `.bz2` where they are packed.

    A stream that is cut, or that grows beyond MAX_UNPACKED_BYTES, is a fault. Raises ValueError for a name that is a path.
    """
    paths, faults = {}, {}
    for path, name in files:
        if name != Path(name).name:
            raise ValueError(f"{name!r} is no file name.")
        with path.open("rb") as file:
            packed = file.read(3) == b"BZh" or name.endswith(".bz2")
        plain = name.removesuffix(".bz2")
        if not packed:
            (folder / plain).symlink_to(path.absolute())
        elif reason := _unpacked(path, folder / plain):
            faults[plain] = reason
            continue
        paths[plain] = folder / plain
    return ScanFiles(paths, faults)


def _unpacked(path: Path, plain: Path) -> str:
    """Unpack bzip2, bounded; why it cannot be done, or nothing."""
    size = 0
    try:
        with bz2.open(path, "rb") as packed, plain.open("wb") as file:
            while piece := packed.read(PIECE):
                size += len(piece)
                if size > MAX_UNPACKED_BYTES:
                    return f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes, which no file of a scan does"
                file.write(piece)
    except (OSError, EOFError) as error:
        return f"its compressed stream is cut or damaged ({error})"
    return ""
