"""What a GRIB file holds, message by message, by plain ecCodes. Runs in a child process (stormcycle.feeds.read_each)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.background.errors import Unreadable, WrongKind
from stormcycle.background.grids import SourceGrid, grid_of
from stormcycle.background.limits import in_our_units
from stormcycle.background.parameters import Parameter, parameter_of
from stormcycle.background.unpacking import unpacked
from stormcycle.times import HOUR, Time

MISSING_VALUE = 9.96921e36
"""What ecCodes writes at points that the bitmap leaves out; no quantity reaches it."""


@dataclass(frozen=True)
class Message:
    """What any message tells of itself; `model`: centre and generating process; `shape`: kind and size of its grid, in words."""

    edition: int
    centre: int
    model: str
    base_time: Time
    valid_time: Time
    shape: str

    @property
    def lead_hours(self) -> float:
        """Hours from the run's base time to the time that the field is valid at."""
        return float((self.valid_time - self.base_time) / HOUR)


@dataclass(frozen=True)
class Field(Message):
    """One field that an analysis can be made from; `number`: its place among the fields of the file, from 0."""

    number: int
    parameter: Parameter
    grid: SourceGrid


@dataclass(frozen=True)
class Contents:
    """What a file holds: the fields that we know; the others (None where even their time is told in no way that we know) with
    a sentence for each kind of grid that is not sampled; a sentence for each message that cannot be read; `cut`: the file ends
    within a message.
    """

    name: str
    fields: tuple[Field, ...]
    others: tuple[Message | None, ...]
    unsampled: tuple[str, ...]
    broken: tuple[str, ...]
    cut: bool


def read_fields(path: Path, name: str) -> Contents:
    """What a GRIB file, plain or in bzip2, says that it holds; values are not unpacked. `name`: what the file is called.

    Raises Unreadable when it holds no message that can be read.
    """
    return _contents(path, name, lambda handle, field: field)


def extract_fields(path: Path, name: str, valid_time: Time, into: Path) -> Contents:
    """As read_fields; the known fields that are valid at a time are copied to a plain file, and numbered as they stand there.

    So a packed file of many leads is unpacked once.
    """
    import eccodes

    with into.open("wb") as copy:
        copied = 0

        def keep(handle: int, field: Field) -> Field:
            nonlocal copied
            if field.valid_time != valid_time:
                return field
            copy.write(eccodes.codes_get_message(handle))
            copied += 1
            return replace(field, number=copied - 1)

        return _contents(path, name, keep)


def read_values(path: Path, name: str, fields: Sequence[Field]) -> Iterator[tuple[Field, np.ndarray | Unreadable]]:
    """The values of fields of a file, each (rows, columns) in our units, NaN where there is none; in place of values that
    cannot be unpacked or cannot be, why.
    """
    wanted = {field.number: field for field in fields}
    for number, handle in enumerate(_messages(path, name)):
        if handle is None or not wanted:
            break
        if (field := wanted.pop(number, None)) is not None:
            try:
                yield field, _values(handle, field, name)
            except Unreadable as error:
                yield field, error
    for field in wanted.values():
        yield field, Unreadable(f"{name}: {field.parameter} cannot be found again: the file has changed or is damaged.")


def _contents(path: Path, name: str, keep: Callable[[int, Field], Field]) -> Contents:
    fields: list[Field] = []
    others: list[Message | None] = []
    unsampled, broken, cut = [], [], False
    for number, handle in enumerate(_messages(path, name)):
        if handle is None:
            cut = True
            break
        try:
            field = _field(handle, number, name)
        except WrongKind as error:
            unsampled.append(str(error))
            others.append(_other(handle))
        except Unreadable as error:
            broken.append(str(error))
        except (KeyError, ValueError) as error:
            broken.append(f"{name}: the header of field {number} cannot be read: {error.args[0]}.")
        else:
            if field is None:
                others.append(_other(handle))
            else:
                fields.append(keep(handle, field))
    if not fields and not others:
        raise Unreadable(broken[0] if broken else f"{name} ends within its first GRIB message." if cut else f"{name} holds no GRIB message.")
    return Contents(name, tuple(fields), tuple(others), tuple(dict.fromkeys(unsampled)), tuple(broken), cut)


def _messages(path: Path, name: str) -> Iterator[int | None]:
    """A handle on each field, valid until the next is asked for; None, and the end, where the file ends within a message.

    A message of edition 2 may hold several fields (v beside u): ecCodes gives the first alone unless it is told otherwise.
    """
    import eccodes

    with unpacked(path, name) as plain, plain.open("rb") as file:
        eccodes.codes_grib_multi_support_on()
        eccodes.codes_grib_multi_support_reset_file(file)  # ecCodes remembers half-read messages by the C stream, whose address may be used again
        try:
            while True:
                try:
                    handle = eccodes.codes_grib_new_from_file(file)
                except eccodes.CodesInternalError:
                    yield None
                    return
                if handle is None:
                    return
                try:
                    yield handle
                finally:
                    eccodes.codes_release(handle)
        finally:
            eccodes.codes_grib_multi_support_reset_file(file)
            eccodes.codes_grib_multi_support_off()


def _getter(handle: int, kind: type | None = None) -> Callable[[str], Any]:
    import eccodes

    def get(key: str) -> Any:
        try:
            return eccodes.codes_get(handle, key, kind)
        except eccodes.CodesInternalError as error:
            raise KeyError(f"{key}: {error}") from None

    return get


def _field(handle: int, number: int, name: str) -> Field | None:
    """A field that we know, else None. Raises KeyError, ValueError, Unreadable where the header is damaged, WrongKind for a grid that is not sampled."""
    parameter = parameter_of(_getter(handle, int))
    if parameter is None:
        return None
    message = _message(handle)
    return Field(**vars(message), number=number, parameter=parameter, grid=grid_of(_getter(handle), name))


def _message(handle: int) -> Message:
    get, whole = _getter(handle), _getter(handle, int)
    try:
        shape = f"{get('gridType')} {whole('Nx')}x{whole('Ny')}"
    except KeyError:
        shape = str(get("gridType"))
    return Message(
        edition=whole("edition"),
        centre=whole("centre"),
        model=f"centre {get('centre')}, process {whole('generatingProcessIdentifier')}",
        base_time=_time(whole("dataDate"), whole("dataTime")),
        valid_time=_time(whole("validityDate"), whole("validityTime")),
        shape=shape,
    )


def _other(handle: int) -> Message | None:
    try:
        return _message(handle)
    except (KeyError, ValueError):
        return None


def _time(date: int, time: int) -> Time:
    """A time of GRIB: a date as YYYYMMDD and a time of day as HHMM. Raises ValueError where there is no such day or hour."""
    text = f"{date:08d}"
    day = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "s")
    if not 0 <= time < 2400:
        raise ValueError(f"{time:04d} is no time of day")
    return day + np.timedelta64(time // 100 * 3600 + time % 100 * 60, "s")


def _values(handle: int, field: Field, name: str) -> np.ndarray:
    import eccodes

    grid, what = field.grid, f"{name}: {field.parameter}"
    try:
        eccodes.codes_set(handle, "missingValue", MISSING_VALUE)
        values = np.asarray(eccodes.codes_get_values(handle), "float64")
    except eccodes.CodesInternalError as error:
        raise Unreadable(f"{what} cannot be unpacked: {error}.") from None
    if values.size != grid.columns * grid.rows:
        raise Unreadable(f"{what} declares {grid.columns} x {grid.rows} points and holds {values.size} values: the grid is wrong.")
    values[values == MISSING_VALUE] = np.nan
    values = values.reshape((grid.columns, grid.rows) if grid.by_columns else (grid.rows, grid.columns))
    if grid.alternating:
        values[1::2] = values[1::2, ::-1].copy()
    return in_our_units(values.T if grid.by_columns else values, field.parameter, field.centre, what)
