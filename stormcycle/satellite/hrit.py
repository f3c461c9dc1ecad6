"""What HRIT files of SEVIRI say of themselves beside their names: Satpy neither compares them nor notices a cut.

Format: CGMS 03 (LRIT/HRIT global specification), header records 0 (primary) and 4 (annotation: the file's own name).
"""

import re
import struct
from pathlib import Path

from stormcycle.satellite.errors import Unreadable, WrongKind
from stormcycle.satellite.files import Identity, ScanFiles

NAME = re.compile(
    r"[HL]-000-MSG\d__-(?P<satellite>MSG\d)_(?P<service>\w{7})-(?P<channel>[A-Z]{2,3}_?\d{3}|HRV|_)_*-(?P<part>PRO|EPI|\d{6})_+-(?P<time>\d{12})-\w\w"
)
PRIMARY = struct.Struct(">BHBIQ")
ANNOTATION = 4
SEGMENT_LINES = 464
SERVICES = {"": "0DEG"}


def identify(files: ScanFiles, channel: str) -> tuple[Identity, ScanFiles]:
    """What the files of a scan are of, and the files without those that are cut.

    Raises WrongKind for a file that is not what its name says, of another channel, satellite or time than the others;
    Unreadable without the prologue and the epilogue, or with no segment.
    """
    names = {name: NAME.fullmatch(name) for name in (*files.paths, *files.faults)}
    if strange := [name for name, match in names.items() if match is None]:
        raise WrongKind(f"{strange[0]} is no name of an HRIT file of SEVIRI.")
    scans = {(match["satellite"], match["service"], match["time"]) for match in names.values() if match}
    channels = {match["channel"] for match in names.values() if match} - {"_"}
    if len(scans) > 1:
        raise WrongKind(f"The files are of {len(scans)} scans: {', '.join(sorted(' '.join(scan) for scan in scans))}; they must be of one.")
    if channels - {channel}:
        raise WrongKind(f"The files hold {', '.join(sorted(channels))}, where {channel} is wanted.")
    faults = {**files.faults, **{name: fault for name, path in files.paths.items() if (fault := fault_of(path, name))}}
    whole = {name: path for name, path in files.paths.items() if name not in faults}
    parts = {match["part"] for name, match in names.items() if match and name in whole}
    told = " ".join(f"{name} is left out: {fault}." for name, fault in faults.items())
    for part, title in (("PRO", "prologue"), ("EPI", "epilogue")):
        if part not in parts:
            raise Unreadable(f"The {title} of the scan is missing or damaged; without it nothing can be calibrated. {told}".strip())
    segments = frozenset(int(part) for part in parts - {"PRO", "EPI"})
    if not segments:
        raise Unreadable(f"No segment of {channel} is there. {told}".strip())
    satellite, service, _ = scans.pop()
    scene = service.strip("_")
    return Identity(satellite=satellite, scene=SERVICES.get(scene, scene), segments=segments), ScanFiles(whole, faults)


def fault_of(path: Path, name: str) -> str:
    """Why a file is cut or damaged, or nothing. Raises WrongKind when it is a whole file of another name."""
    content = path.read_bytes()
    if len(content) < PRIMARY.size:
        return f"it has {len(content)} bytes, less than its first header"
    kind, length, _, header_bytes, data_bits = PRIMARY.unpack_from(content)
    if (kind, length) != (0, PRIMARY.size):
        return "it does not begin with an HRIT header"
    wanted = header_bytes + (data_bits + 7) // 8
    if len(content) < wanted:
        return f"it has {len(content)} of {wanted} bytes"
    own = own_name(content, header_bytes)
    if own and own != name:
        raise WrongKind(f"{name} is by its content {own}.")
    return ""


def own_name(content: bytes, header_bytes: int) -> str:
    """The name that a file's header tells; empty where it tells none."""
    place = PRIMARY.size
    while place + 3 <= header_bytes:
        kind, length = struct.unpack_from(">BH", content, place)
        if kind == ANNOTATION:
            return content[place + 3 : place + length].decode("latin-1").strip("\0 ")
        place += max(length, 3)
    return ""


def missing_segments(found: frozenset[int], rows: range) -> list[int]:
    """The segments of 464 lines that rows of the whole image need and that are not there, counted from 1 in the south."""
    return [number for number in range(rows.start // SEGMENT_LINES + 1, (rows.stop - 1) // SEGMENT_LINES + 2) if number not in found]
