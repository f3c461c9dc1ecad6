"""Parts of large GRIB files: the fields of an analysis, found by the index beside the file and taken by byte ranges.

The index is the inventory that wgrib2 prints: a line a field, `number:offset:d=run:parameter:level:lead:`. Fields of one message
(v beside u) share its offset. A message ends where the next begins, the last one where the file does.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from stormcycle.feeds.opening import Place
from stormcycle.feeds.transient import FeedError, patiently

Recipes = tuple[tuple[str, ...], ...]
LEVELS = (975, 925, 850, 800)
"""Pressure levels (hPa) of an analysis; where a quantity is absent at one, it can be interpolated between the nearest below and above."""
HUMIDITY: Recipes = (("RH",), ("SPFH", "TMP"), ("DPT", "TMP"))
UPPER: tuple[Recipes, ...] = ((("TMP",),), (("UGRD", "VGRD"),), HUMIDITY)
"""Each quantity by what it can be made from, the best first, as wgrib2 names parameters."""
SURFACE: dict[str, tuple[Recipes, ...]] = {
    "2 m above ground": ((("TMP",),), (("RH",), ("DPT", "TMP"))),
    "mean sea level": ((("PRMSL",), ("MSLET",), ("MSLMA",)),),
}
LINE = re.compile(r"\d+(\.\d+)?:(?P<offset>\d+):d=\d{10,14}:(?P<parameter>[^:]+):(?P<level>[^:]+):(?P<lead>[^:]*)(:.*)?")
INSTANT = re.compile(r"anl|\d+ \w+ fcst")
"""How an index writes the lead of a field at a point in time; means, sums and extremes are over a span (`0-1 hour max fcst`)."""
MILLIBARS = re.compile(r"(\d+(?:\.\d+)?) mb")
MAX_INDEX_BYTES = 2**20
"""A line of an index has some 60 bytes; no file has more than a few thousand fields."""
MAX_PART_BYTES = 256 * 2**20
"""The 19 fields of an analysis on 1.9 million points (HRRR), at 16 bits a point, have 72 MB; three times that is none."""
SECTION_0_BYTES = 16
AND_INDEX = " index "
"""In a granule's digest, between what identifies the bytes of a file and what identifies those of the index beside it."""


class NoIndex(ValueError):
    """A file whose index is not beside it."""


class WrongIndex(ValueError):
    """An index that cannot be read, or that is not of the file beside it."""


@dataclass(frozen=True)
class IndexLine:
    """One field by its index: where its message begins, and what it is, as wgrib2 names it."""

    offset: int
    parameter: str
    level: str
    lead: str


def analysis_messages(place: Place, key: str, size: int, index: str, what: str) -> bytes:
    """The GRIB messages of a file of `size` bytes that an analysis is made from, as they follow each other there.

    `index`: what the index beside the file has after its key. Raises NoIndex, WrongIndex, FileNotFoundError for a file that is
    gone, FeedError as stormcycle.feeds.transient does (`what` begins its sentence) and for a server that serves no byte ranges.
    """
    path = place.path(key)
    try:
        text = patiently(lambda: _read_index(place, f"{path}{index}"), what)
    except FileNotFoundError:
        raise NoIndex(f"{key} has no index {index} beside it, by which its fields are found; run again with --revise when it is there.") from None
    lines = parse_index(text, size, f"{key}{index}")
    needed = {line.offset for line in needed_lines(lines)}
    if not needed:
        raise WrongIndex(f"{key}{index} names no field of an analysis; is the feed's layout right?")
    messages = message_spans(lines, needed, size)
    if (total := sum(end - begin for begin, end in messages)) > MAX_PART_BYTES:
        raise WrongIndex(f"{key}{index} gives the fields of an analysis {total} bytes, more than any model's have ({MAX_PART_BYTES}); they were not fetched.")
    found = []
    for begin, end in merged(messages):
        part = patiently(partial(_part, place, path, begin, end), what)
        found += [_message(part[first - begin : last - begin], first, f"{key}{index}") for first, last in messages if begin <= first < end]
    return b"".join(found)


def parse_index(text: bytes, size: int, name: str) -> list[IndexLine]:
    """The lines of an index of a file of `size` bytes. `name`: of the index, for the sentence of WrongIndex."""
    lines: list[IndexLine] = []
    for number, line in enumerate(text.decode("ascii", errors="replace").splitlines(), start=1):
        told = LINE.fullmatch(line.strip())
        if told is None:
            raise WrongIndex(f"{name}: line {number} is none of an index of GRIB messages: {line[:60]!r}.")
        offset = int(told["offset"])
        if offset >= size or (lines and offset < lines[-1].offset):
            raise WrongIndex(f"{name}: line {number} says that a message begins at {offset}, which is not so in a file of {size} bytes.")
        lines.append(IndexLine(offset, told["parameter"], told["level"], told["lead"]))
    return lines


def needed_lines(lines: Sequence[IndexLine]) -> list[IndexLine]:
    """The lines of the fields that an analysis is made from: T, wind and humidity at its levels, or at the nearest on both sides
    of an absent one; near the ground T and humidity; the pressure at sea level.
    """
    instant = [line for line in lines if INSTANT.fullmatch(line.lead)]
    held: dict[str, set[str]] = {}
    for line in instant:
        held.setdefault(line.level, set()).add(line.parameter)
    heights = {float(told[1]): level for level in held if (told := MILLIBARS.fullmatch(level))}
    needed: set[tuple[str, str]] = set()
    for recipes in UPPER:
        there = {height: recipe for height, level in heights.items() if (recipe := _recipe(recipes, held[level]))}
        for height in {near for level in LEVELS for near in _nearest(level, there)}:
            needed |= {(name, heights[height]) for name in there[height]}
    for level, quantities in SURFACE.items():
        needed |= {(name, level) for recipes in quantities for name in _recipe(recipes, held.get(level, set()))}
    return [line for line in instant if (line.parameter, line.level) in needed]


def message_spans(lines: Sequence[IndexLine], offsets: Collection[int], size: int) -> list[tuple[int, int]]:
    """Begin and end of each message that begins at one of `offsets`, in their order; fields of one message are one."""
    begins = sorted({line.offset for line in lines})
    return [(begin, end) for begin, end in zip(begins, [*begins[1:], size], strict=True) if begin in offsets]


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _recipe(recipes: Recipes, held: Collection[str]) -> tuple[str, ...]:
    """The first of the recipes whose fields are all held; none where no one is."""
    return next((recipe for recipe in recipes if set(recipe) <= set(held)), ())


def _nearest(level: float, there: Collection[float]) -> list[float]:
    """The level where it is there, else the nearest below and above, as far as they are."""
    if level in there:
        return [level]
    below, above = [near for near in there if near > level], [near for near in there if near < level]
    return [*([min(below)] if below else []), *([max(above)] if above else [])]


def _read_index(place: Place, path: str) -> bytes:
    with place.filesystem.open(path, "rb") as file:
        text: bytes = file.read(MAX_INDEX_BYTES + 1)
    if len(text) > MAX_INDEX_BYTES:
        raise WrongIndex(f"{path.rpartition('/')[2]} has more than {MAX_INDEX_BYTES} bytes, which no index has; it was not read further.")
    return text


def _part(place: Place, path: str, begin: int, end: int) -> bytes:
    """The bytes [begin, end) of a file. Raises ConnectionError when only a part of them came."""
    part: bytes = place.filesystem.cat_file(path, start=begin, end=end)
    if len(part) < end - begin:
        raise ConnectionError(f"{len(part)} of {end - begin} bytes came")
    if len(part) > end - begin:
        raise FeedError(f"{path} came whole where a part was asked for: the server serves no byte ranges, which the feed's layout needs.")
    return part


def _message(content: bytes, offset: int, name: str) -> bytes:
    """A GRIB 2 message, by its own word as long as the index says."""
    if content[:4] != b"GRIB" or int.from_bytes(content[8:SECTION_0_BYTES], "big") != len(content) or content[-4:] != b"7777":
        raise WrongIndex(f"{name} says that a GRIB message of {len(content)} bytes begins at {offset}, where none is: it is not the index of this file.")
    return content
