"""Which fields of a set of files serve a time, and what is wrong with the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stormcycle.background.errors import Unreadable, WrongKind
from stormcycle.background.fields import Contents, Field, extract_fields
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso


@dataclass(frozen=True)
class Candidate:
    """A field of the file called `name`, which lies in the plain file `path`."""

    path: Path
    name: str
    field: Field


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a file, or with one field of it: `corrupt` or `misplaced`, and a sentence."""

    name: str
    state: GranuleState
    sentence: str


def select(files: Sequence[tuple[Path, str]], valid_time: Time, base_time: Time | None, folder: Path) -> tuple[list[Candidate], list[Trouble]]:
    """The fields of files (path, name) that are valid at a time, all of one run, and what was left out; the fields are copied
    to plain files in `folder`.

    `base_time`: of the run that the files' names tell; without it the fields tell, and must agree. Raises Unreadable when
    they do not, and what `refusal` says when nothing is left.
    """
    found: list[Candidate] = []
    troubles: list[Trouble] = []
    for index, (path, name) in enumerate(files):
        copy = folder / f"{index}.grib"
        try:
            contents = extract_fields(path, name, valid_time, copy)
        except Unreadable as error:
            troubles.append(Trouble(name, GranuleState.CORRUPT, str(error)))
            continue
        wanted = [field for field in contents.fields if field.valid_time == valid_time and base_time in (None, field.base_time)]
        troubles += [*damages(contents), *(Trouble(name, GranuleState.MISPLACED, sentence) for sentence in contents.unsampled)]
        if contents.fields and not wanted:
            troubles.append(Trouble(name, GranuleState.MISPLACED, f"{name} holds {_times(contents)}, nothing {_wanted(valid_time, base_time)}."))
        found += [Candidate(copy, name, field) for field in wanted]
    runs = sorted({candidate.field.base_time for candidate in found})
    if len(runs) > 1:
        names = [next(candidate.name for candidate in found if candidate.field.base_time == run) for run in runs]
        told = ", ".join(f"{iso(run)} ({name})" for run, name in zip(runs, names, strict=True))
        raise Unreadable(f"Fields valid at {iso(valid_time)} are of {len(runs)} runs: {told}; one analysis is made of one run.")
    if not found:
        raise refusal(troubles)
    return found, troubles


def damages(contents: Contents) -> list[Trouble]:
    """What cannot be read of a file of which something can."""
    whole = len(contents.fields) + len(contents.others)
    cut = [f"{contents.name} ends within a message; {whole} fields before it are whole."] if contents.cut else []
    return [Trouble(contents.name, GranuleState.CORRUPT, sentence) for sentence in [*contents.broken, *cut]]


def refusal(troubles: Sequence[Trouble]) -> Unreadable | WrongKind:
    """The error that says why a set of files cannot be used: WrongKind when nothing is damaged."""
    sentences = " ".join(dict.fromkeys(trouble.sentence for trouble in troubles)) or "The files hold nothing that an analysis is made from."
    return Unreadable(sentences) if any(trouble.state is GranuleState.CORRUPT for trouble in troubles) else WrongKind(sentences)


def _times(contents: Contents) -> str:
    valid, base = ({getattr(field, name) for field in contents.fields} for name in ("valid_time", "base_time"))
    return f"fields of {_span(base)} valid at {_span(valid)}"


def _span(times: set[Time]) -> str:
    first, last = iso(np.min(list(times))), iso(np.max(list(times)))
    return first if first == last else f"{first} to {last}"


def _wanted(valid_time: Time, base_time: Time | None) -> str:
    return f"valid at {iso(valid_time)}" + (f" of the run of {iso(base_time)}" if base_time is not None else "")
