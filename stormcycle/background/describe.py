"""What one GRIB file is and gives: `stormcycle inspect`. Runs in a child process (stormcycle.feeds.read_each)."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from stormcycle.background.errors import Unreadable
from stormcycle.background.fields import Contents, Field, read_fields, read_values
from stormcycle.background.planning import CHANNELS, Plan, plan
from stormcycle.background.selection import damages
from stormcycle.states import GranuleState
from stormcycle.times import Time, iso


def described(path: Path, name: str) -> dict[str, Any]:
    """The kind (`grib`), state, time (the first run's base time), notes and figures of a GRIB file, of any model.

    Partial: a field that the 19 channels need is empty, in another unit or damaged, or the file is cut; corrupt: nothing else
    is there. A file that holds none of the channels is ok. Raises Unreadable when nothing of it can be read.
    """
    contents = read_fields(path, name)
    moments: dict[tuple[Time, Time], list[Field]] = defaultdict(list)
    for field in contents.fields:
        moments[field.base_time, field.valid_time].append(field)
    needed = [field for fields in moments.values() for field in fields if field.parameter in plan({other.parameter for other in fields}).needed]
    bad = {field: str(values) for field, values in read_values(path, name, needed) if isinstance(values, Unreadable)}
    plans = [plan({field.parameter for field in fields if field not in bad}) for fields in moments.values()]
    best = max(plans, key=lambda chosen: len(chosen.sources), default=plan(()))
    sentences = [*dict.fromkeys(bad.values()), *(trouble.sentence for trouble in damages(contents))]
    usable = len(contents.fields) + len(contents.others) > len(bad)
    state = GranuleState.OK if not sentences else GranuleState.PARTIAL if usable else GranuleState.CORRUPT
    figures = _figures(contents, best)
    return {
        "kind": "grib",
        "state": str(state),
        "time": figures["base_times"][0] if figures["base_times"] else None,
        "notes": [*_told(best), *contents.unsampled, *sentences],
        "figures": figures,
    }


def _told(best: Plan) -> list[str]:
    """Which of the channels the file holds, possibly none, how those are made that are no field of it, whether they are enough."""
    held = [channel for channel, source in best.sources.items() if not source.interpolated]
    count = {0: "none", len(CHANNELS): "all"}.get(len(held), str(len(held)))
    named = f": {', '.join(held)}" if 0 < len(held) < len(CHANNELS) else ""
    verdict = f"Alone it gives no analysis: {best.missing}." if best.missing else "Alone it gives an analysis."
    return [f"It holds {count} of the {len(CHANNELS)} channels of an analysis{named}.", *best.ways, verdict]


def _figures(contents: Contents, best: Plan) -> dict[str, Any]:
    messages = [message for message in (*contents.fields, *contents.others) if message is not None]
    return {
        "reader": "ecCodes",
        "editions": sorted({message.edition for message in messages}),
        "models": sorted({message.model for message in messages}),
        "fields": len(contents.fields) + len(contents.others) + len(contents.broken),
        "fields_known": len(contents.fields),
        "grids": sorted({message.shape for message in messages}),
        "base_times": _times([message.base_time for message in messages]),
        "valid_times": _times([message.valid_time for message in messages]),
        "channels": [channel for channel, source in best.sources.items() if not source.interpolated],
        "interpolated": [channel for channel, source in best.sources.items() if source.interpolated],
        "analysis": f"no: {best.missing}" if best.missing else "yes",
    }


def _times(times: list[Time]) -> list[str]:
    return [iso(time) for time in np.unique(np.array(times, "datetime64[s]"))]
