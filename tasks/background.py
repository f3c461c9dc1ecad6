"""Background: the 19 analysis channels of the shortest usable forecast for the cycle time."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stormcycle.background import Available, Choice, background_fields, choose_run, read_analysis
from stormcycle.cycle import Granule, Reference, lookup, save, stage_key
from stormcycle.domain import Background as Settings
from stormcycle.domain import load_domain
from stormcycle.feeds import ReadFailure
from stormcycle.feeds.fetching import local_path
from stormcycle.states import Degradation, GranuleState
from stormcycle.times import Time, iso, newest_run, parse_time
from tasks.fetch import fetched, pinned, unlisted
from tasks.seam import Branch, Hour, Item, Product, log, stage

SOURCES = ("stormcycle/background", "stormcycle/grids.py", "stormcycle/states.py", "tasks/background.py")


@stage()
def background(hour: Hour) -> Branch:
    """The product `background`: the newest run whose forecast for the cycle time gives an analysis; older runs where it does not."""
    domain = load_domain(hour.domain)
    settings = domain.background
    if settings is None:
        return Branch([], None)
    granules = {granule.key: granule for granule in pinned(hour, "background") if granule.valid_time is not None}
    available = [Available(parse_time(str(granule.valid_time)), None, key) for key, granule in granules.items()]
    runs = choose_run(available, hour.time, settings.longest_lead_hours)
    items: list[Item] = []
    best: Reference | None = None
    for run in runs:
        seen, made = _of_run(hour, settings, run.base_time, [granules[key] for key in run.keys])
        items += seen
        alike = made is not None and best is not None and made.notes["analysis"] == best.notes["analysis"]
        best = made if best is None or (made is not None and _whole(made)) else best
        if alike or (made is not None and _whole(made)):
            break  # older runs lack what this one and the one before it lack
        log.warning("The run of %s gives no whole background of %s %s.", iso(run.base_time), hour.domain, hour.cycle_time)
    if best is None:
        reason = Degradation("background", "no_background", f"No background: none of {len(runs)} runs of the last {settings.longest_lead_hours} h can be used.")
        return Branch(items, Product("background", None, [*unlisted(hour, "background", "background"), reason, *_granule_reasons(items)]))
    return Branch(items, Product("background", best, [*_age_reasons(best, settings, hour.time, runs), *_level_reasons(best), *_granule_reasons(items)]))


def _of_run(hour: Hour, settings: Settings, base_time: Time, granules: Sequence[Granule]) -> tuple[list[Item], Reference | None]:
    """The granules of one run after fetching, and the fields that they give; None where they give nothing."""
    area = load_domain(hour.domain).area_of("background")
    items = {granule.key.rpartition("/")[2]: fetched(settings.feed, granule, hour.folder) for granule in granules}
    usable = {name: item for name, item in items.items() if item.usable}
    key = stage_key("background", [f"{name}:{item.granule.sha256}" for name, item in usable.items()], settings.grid.model_dump(mode="json"), SOURCES)
    reference = lookup(hour.folder, "background", key)
    if reference is None and usable:
        files = [(local_path(hour.folder, item.granule), name) for name, item in usable.items()]
        found = read_analysis(files, hour.time, area, base_time)
        if isinstance(found, ReadFailure):
            state = GranuleState.MISPLACED if found.error == "WrongKind" else GranuleState.CORRUPT
            return [replace(item, state=state, note=found.reason) if item.usable else item for item in items.values()], None
        notes = {name: found.attrs[name] for name in ("base_time", "lead_hours", "analysis", "interpolated_levels", "granules", "notes")}
        reference = save(hour.folder, "background", key, background_fields(found), notes)
    told = reference.notes["granules"] if reference is not None else {}
    judged = [
        replace(item, state=GranuleState(told[name]["state"]), note=" ".join(told[name]["notes"])) if name in told else item for name, item in items.items()
    ]
    return judged, reference


def _whole(fields: Reference) -> bool:
    """Whether an analysis can start from the fields."""
    return str(fields.notes["analysis"]) == "yes"


def _level_reasons(fields: Reference) -> list[Degradation]:
    """Why the fields are not the model's own at every level: interpolated levels only flag, absent channels leave no analysis."""
    reasons = []
    if levels := fields.notes["interpolated_levels"]:
        told = f"{', '.join(map(str, levels))} hPa {'is' if len(levels) == 1 else 'are'} interpolated between the levels beside."
        reasons.append(Degradation("background", "levels_interpolated", told))
    if not _whole(fields):
        reasons.append(Degradation("background", "background_incomplete", f"It gives no analysis: {fields.notes['analysis'].removeprefix('no: ')}."))
    return reasons


def _age_reasons(fields: Reference, settings: Settings, time: Time, runs: Sequence[Choice]) -> list[Degradation]:
    """That the run which should have been there is not the one used: it is absent, or not whole."""
    used, newest = parse_time(fields.notes["base_time"]), _expected_run(settings, time)
    if used >= newest:
        return []
    lead, why = float(fields.notes["lead_hours"]), "gives no whole background" if newest in [run.base_time for run in runs] else "is absent"
    return [Degradation("background", "older_run", f"The run of {iso(newest)} {why}; the one of {iso(used)} is used, a forecast of {lead:g} h.")]


def _expected_run(settings: Settings, time: Time) -> Time:
    """The base time of the newest run that has been published by a time, by the feed's usual delay."""
    delay = np.timedelta64(int(60 * settings.feed.published_after_minutes), "s")
    return newest_run(time - delay, settings.feed.run_every_hours)


def _granule_reasons(items: list[Item]) -> list[Degradation]:
    states = (GranuleState.CORRUPT, GranuleState.MISPLACED, GranuleState.PARTIAL, GranuleState.MISSING)
    return [Degradation("background", f"granule_{item.state}", f"{item.granule.key}: {item.note}") for item in items if item.state in states]
